//! Resizing as Pillow does it, bit for bit.
//!
//! `Image.resize` makes two passes, along rows and along columns, and rounds to 8 bits in between. A new pixel is a
//! weighted sum of old ones. When the image shrinks, the filter widens by the same factor, so that every old pixel
//! counts (antialiasing):
//!
//! ```text
//! out[i]  = round(sum_j w[i, j] * in[j])
//! w[i, j] = f((j - c[i] + 1/2) / s) / sum_k f((k - c[i] + 1/2) / s)
//! c[i]    = (i + 1/2) * len(in) / len(out)
//! s       = max(len(in) / len(out), 1)
//! ```
//!
//! over the `j` within `s` times the filter's reach around `c[i]`. Weights are whole numbers of 2^-22, rounded half
//! away from zero; the sum is rounded half up and clamped. Rows come first, unless the image loses more than twice as
//! many rows as columns, as in Pillow 13. Earlier versions always do rows first, which gives such images slightly
//! different values.
//!
//! Formulas and roundings are those of Pillow's `src/libImaging/Resample.c` and `Geometry.c` (Pillow, MIT-CMU licence,
//! copyright 1997-2011 Secret Labs AB, 1995-2011 Fredrik Lundh and contributors, 2010 Jeffrey A. Clark and
//! contributors); the code is fourfold's.

use fourfold_error::Limits;
use fourfold_tensor::memory;

use crate::Error;
use crate::image::hold;

/// The size that an image is resized to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resize {
    /// The shorter side gets this length, the longer one `int(length * longer / shorter)`: `Resize(length)` of
    /// torchvision.
    Shorter(usize),
    /// Exactly this: `Resize((height, width))` of torchvision, height first.
    Exact {
        /// The height.
        height: usize,
        /// The width.
        width: usize,
    },
}

/// The interpolation between pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The old pixel at the center of the new one.
    Nearest,
    /// A triangle filter, torchvision's default.
    #[default]
    Bilinear,
    /// A cubic filter (`a = -0.5`, Catmull-Rom).
    Bicubic,
}

impl Resize {
    /// Height and width of an image of this height and width, resized.
    #[must_use]
    pub fn size(self, (height, width): (usize, usize)) -> (usize, usize) {
        let longer = |length: usize, longer: usize, shorter: usize| {
            let longer = length as u128 * longer as u128 / shorter.max(1) as u128;
            usize::try_from(longer).unwrap_or(usize::MAX)
        };
        match self {
            Resize::Exact { height, width } => (height, width),
            Resize::Shorter(length) if width <= height => (longer(length, height, width), length),
            Resize::Shorter(length) => (length, longer(length, width, height)),
        }
    }
}

/// Resizes pixels of `[height, width, channels]`.
pub(crate) fn resized(
    pixels: &[u8],
    (height, width, channels): (usize, usize, usize),
    (new_height, new_width): (usize, usize),
    interpolation: Interpolation,
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    let bytes = |height: usize, width: usize| (height as u64).saturating_mul(width.saturating_mul(channels) as u64);
    let filter: Filter = match interpolation {
        Interpolation::Nearest => {
            hold(bytes(new_height, new_width), limits)?;
            return nearest(pixels, (height, width, channels), (new_height, new_width));
        }
        Interpolation::Bilinear => Filter { reach: 1.0, value: triangle },
        Interpolation::Bicubic => Filter { reach: 2.0, value: cubic },
    };
    let across = (new_width != width).then(|| Weights::new(&filter, width, new_width)).transpose()?;
    let down = (new_height != height).then(|| Weights::new(&filter, height, new_height)).transpose()?;
    let columns_first = new_height < height && height - new_height > 2 * width.saturating_sub(new_width);
    let between = if columns_first { bytes(new_height, width) } else { bytes(height, new_width) };
    hold(between.saturating_add(bytes(new_height, new_width)), limits)?;
    let mut passes = [(across, true), (down, false)];
    if columns_first {
        passes.reverse();
    }
    let (mut row, mut done) = (width * channels, None::<Vec<u8>>);
    for (weights, is_across) in passes {
        let Some(weights) = weights else { continue };
        let old = done.as_deref().unwrap_or(pixels);
        if is_across {
            done = Some(along_rows(old, row, &weights, channels)?);
            row = new_width * channels;
        } else {
            done = Some(along_columns(old, row, &weights)?);
        }
    }
    match done {
        Some(pixels) => Ok(pixels),
        None => Ok(memory::copied(pixels)?),
    }
}

/// A filter: its support on either side, and its values.
struct Filter {
    reach: f64,
    value: fn(f64) -> f64,
}

fn triangle(at: f64) -> f64 {
    (1.0 - at.abs()).max(0.0)
}

fn cubic(at: f64) -> f64 {
    const A: f64 = -0.5;
    let at = at.abs();
    if at < 1.0 {
        ((A + 2.0) * at - (A + 3.0)) * at * at + 1.0
    } else if at < 2.0 {
        (((at - 5.0) * at + 8.0) * at - 4.0) * A
    } else {
        0.0
    }
}

/// Fractional bits of a weight.
const BITS: u32 = 32 - 8 - 2;

/// The weights of old pixels in each new pixel of an axis.
struct Weights {
    /// For each new pixel, the first old pixel, and the end of its weights in the list.
    ends: Vec<(usize, usize)>,
    weights: Vec<i32>,
}

impl Weights {
    fn new(filter: &Filter, length: usize, new_length: usize) -> Result<Self, Error> {
        let scale = length as f64 / new_length as f64;
        let stretch = scale.max(1.0);
        let reach = filter.reach * stretch;
        let inverse = 1.0 / stretch;
        let max_taps = whole(reach.ceil(), length) * 2 + 1;
        let (mut ends, mut weights) = (memory::room(new_length)?, memory::room(new_length.saturating_mul(max_taps))?);
        for index in 0..new_length {
            let center = (index as f64 + 0.5) * scale;
            let (first, end) = (whole(center - reach + 0.5, length), whole(center + reach + 0.5, length));
            let values = (first..end).map(|at| (filter.value)((at as f64 - center + 0.5) * inverse));
            let sum = values.clone().fold(0.0, |sum, value| sum + value);
            weights.extend(values.map(|value| fixed(if sum == 0.0 { value } else { value / sum })));
            ends.push((first, weights.len()));
        }
        Ok(Self { ends, weights })
    }

    /// For each new pixel, the first old one, and the weights from it on.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let starts = core::iter::once(0).chain(self.ends.iter().map(|&(_, end)| end));
        self.ends.iter().zip(starts).map(|(&(first, end), start)| (first, &self.weights[start..end]))
    }
}

/// A position as a pixel index, at most `max`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and positions are small")]
fn whole(position: f64, max: usize) -> usize {
    (position.max(0.0) as usize).min(max)
}

/// A weight in fixed point, in units of 2^-22.
#[expect(clippy::cast_possible_truncation, reason = "weights are at most 2 on either side of 0")]
fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << BITS);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

/// A weighted sum in fixed point, rounded to a value.
fn value(sum: i32) -> u8 {
    u8::try_from((sum >> BITS).clamp(0, 255)).unwrap_or(u8::MAX)
}

const HALF: i32 = 1 << (BITS - 1);

fn along_rows(pixels: &[u8], row: usize, weights: &Weights, channels: usize) -> Result<Vec<u8>, Error> {
    let mut narrow = memory::room(pixels.len() / row * weights.ends.len() * channels)?;
    for row in pixels.chunks_exact(row) {
        for (first, weights) in weights.iter() {
            let old = row[first * channels..].chunks_exact(channels);
            let mut sums = [HALF; 3];
            for (old, weight) in old.zip(weights) {
                for (sum, &old) in sums.iter_mut().zip(old) {
                    *sum += i32::from(old) * weight;
                }
            }
            narrow.extend(sums[..channels].iter().map(|&sum| value(sum)));
        }
    }
    Ok(narrow)
}

fn along_columns(pixels: &[u8], row: usize, weights: &Weights) -> Result<Vec<u8>, Error> {
    let mut low = memory::room(weights.ends.len() * row)?;
    let mut sums = memory::filled(HALF, row)?;
    for (first, weights) in weights.iter() {
        sums.fill(HALF);
        for (old, weight) in pixels[first * row..].chunks_exact(row).zip(weights) {
            for (sum, &old) in sums.iter_mut().zip(old) {
                *sum += i32::from(old) * weight;
            }
        }
        low.extend(sums.iter().map(|&sum| value(sum)));
    }
    Ok(low)
}

/// The old pixel at the center of each new one. Centers are accumulated, as in Pillow.
fn nearest(
    pixels: &[u8],
    (height, width, channels): (usize, usize, usize),
    (new_height, new_width): (usize, usize),
) -> Result<Vec<u8>, Error> {
    let below = |length: usize, new_length: usize| -> Result<Vec<usize>, Error> {
        let step = length as f64 / new_length as f64;
        let mut center = step * 0.5;
        let mut sources = memory::room(new_length)?;
        for _ in 0..new_length {
            sources.push(whole(center, length - 1));
            center += step;
        }
        Ok(sources)
    };
    let (rows, columns) = (below(height, new_height)?, below(width, new_width)?);
    let mut near = memory::room(new_height * new_width * channels)?;
    for row in rows {
        let row = &pixels[row * width * channels..(row + 1) * width * channels];
        for &column in &columns {
            near.extend_from_slice(&row[column * channels..(column + 1) * channels]);
        }
    }
    Ok(near)
}

#[cfg(test)]
mod tests;

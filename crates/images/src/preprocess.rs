//! From an image to a tensor.

use fourfold_error::Limits;
use fourfold_tensor::{DType, Tensor, memory};

use crate::crop::cropped;
use crate::image::{check_size, hold};
use crate::resize::resized;
use crate::{Error, Image, Interpolation, Note, Resize};

/// Settings for turning an image into a tensor: convert channels, resize, crop, scale, normalize, in this order.
///
/// ```text
/// value = (pixel * scale - mean[channel]) / std[channel]
/// ```
///
/// With [`Preprocess::default`] and `mean` and `std` it is torchvision's `Compose([Resize(..), CenterCrop(..),
/// ToTensor(), Normalize(..)])` on an image of Pillow that was converted to RGB: each step in `f32`, with the same
/// bits.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocess {
    /// The size after resizing; `None` keeps the size.
    pub resize: Option<Resize>,
    /// The interpolation of the resize.
    pub interpolation: Interpolation,
    /// Height and width of the center crop, as torchvision's `CenterCrop`. Smaller images are padded with 0, which
    /// [`Preprocess::notes`] reports. `None` keeps everything.
    pub crop: Option<(usize, usize)>,
    /// The factor for pixels of 0 to 255; `None` is 1/255.
    pub scale: Option<f64>,
    /// Subtracted after scaling: empty, one number for all channels, or one for each, in the order of the tensor's
    /// channels.
    pub mean: Vec<f32>,
    /// The divisor after that, in the form of `mean`.
    pub std: Vec<f32>,
    /// The order of the axes.
    pub layout: Layout,
    /// The channels of the tensor.
    pub channels: Channels,
    /// [`DType::F32`], or [`DType::U8`] for models that take pixels as they are; then nothing is scaled.
    pub dtype: DType,
}

/// The order of a tensor's axes. One sample has no axis for the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `[channels, height, width]`, as in PyTorch and most ONNX files.
    #[default]
    Nchw,
    /// `[height, width, channels]`, as in TensorFlow.
    Nhwc,
}

/// The channels of a tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Channels {
    /// Red, green, blue; gray is copied to each.
    #[default]
    Rgb,
    /// Blue, green, red, as in OpenCV.
    Bgr,
    /// Luma: `(19595 r + 38470 g + 7471 b + 32768) >> 16`, as Pillow's `convert("L")`.
    Gray,
}

impl Default for Preprocess {
    fn default() -> Self {
        Self {
            resize: None,
            interpolation: Interpolation::default(),
            crop: None,
            scale: None,
            mean: Vec::new(),
            std: Vec::new(),
            layout: Layout::default(),
            channels: Channels::default(),
            dtype: DType::F32,
        }
    }
}

impl Layout {
    fn shape(self, channels: usize, height: usize, width: usize) -> [usize; 3] {
        match self {
            Layout::Nchw => [channels, height, width],
            Layout::Nhwc => [height, width, channels],
        }
    }
}

impl Channels {
    /// The number of channels.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Channels::Rgb | Channels::Bgr => 3,
            Channels::Gray => 1,
        }
    }
}

impl Preprocess {
    /// Checks the settings; [`Preprocess::apply`] does so too.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if a setting is invalid or contradicts another.
    pub fn check(&self) -> Result<(), Error> {
        let invalid = |setting: &'static str, reason: String| Err(Error::Setting { setting, reason });
        match self.resize {
            Some(Resize::Shorter(0)) => return invalid("resize", "a side of 0 pixels".to_owned()),
            Some(Resize::Exact { height, width }) if height == 0 || width == 0 => {
                return invalid("resize", format!("{height}x{width} has no pixels"));
            }
            _ => {}
        }
        if let Some((height, width)) = self.crop.filter(|&(height, width)| height == 0 || width == 0) {
            return invalid("crop", format!("{height}x{width} has no pixels"));
        }
        if self.resize.is_none() && self.interpolation != Interpolation::default() {
            return invalid("interpolation", "nothing is resized".to_owned());
        }
        let is_scaled = self.scale.is_some() || !self.mean.is_empty() || !self.std.is_empty();
        match self.dtype {
            DType::F32 => {}
            DType::U8 if is_scaled => {
                let reason = "u8 takes pixels as they are; scale, mean and std need f32".to_owned();
                return invalid("dtype", reason);
            }
            DType::U8 => {}
            other => return invalid("dtype", format!("images are f32 or u8, not {other}")),
        }
        if let Some(scale) = self.scale.filter(|scale| !scale.is_finite() || *scale == 0.0) {
            return invalid("scale", format!("{scale} is not a number to multiply by"));
        }
        for (setting, numbers) in [("mean", &self.mean), ("std", &self.std)] {
            let count = self.channels.count();
            if ![0, 1, count].contains(&numbers.len()) {
                let reason = format!("{} numbers for {count} channels; give one, or one for each", numbers.len());
                return invalid(setting, reason);
            }
            if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
                return invalid(setting, format!("{number} is not a finite number"));
            }
        }
        match self.std.iter().find(|&&number| number <= 0.0) {
            Some(number) => invalid("std", format!("{number} is not larger than 0")),
            None => Ok(()),
        }
    }

    /// The shape of the tensor of an image of this height and width.
    #[must_use]
    pub fn shape(&self, height: usize, width: usize) -> [usize; 3] {
        let (height, width) = self.resize.map_or((height, width), |resize| resize.size((height, width)));
        let (height, width) = self.crop.unwrap_or((height, width));
        self.layout.shape(self.channels.count(), height, width)
    }

    /// The notes about an image: those of decoding, and those of these settings.
    #[must_use]
    pub fn notes(&self, image: &Image) -> Vec<Note> {
        let mut notes = image.notes().to_vec();
        if image.channels() == 1 && self.channels != Channels::Gray {
            notes.push(Note::Gray);
        }
        let (height, width) = (image.height(), image.width());
        let (height, width) = self.resize.map_or((height, width), |resize| resize.size((height, width)));
        if self.crop.is_some_and(|crop| crop.0 > height || crop.1 > width) {
            notes.push(Note::Padding);
        }
        notes
    }

    /// The tensor of an image: one sample, without an axis for the batch.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] as [`Preprocess::check`], [`Error::Limit`] if the image becomes larger than allowed,
    /// [`Error::Tensor`] if memory runs out.
    pub fn apply(&self, image: &Image, limits: &Limits) -> Result<Tensor, Error> {
        self.check()?;
        let (mut height, mut width, mut channels) = (image.height(), image.width(), image.channels());
        let luma = match (self.channels, channels) {
            (Channels::Gray, 3) => {
                channels = 1;
                Some(memory::collected(image.pixels().chunks_exact(3).map(luma))?)
            }
            _ => None,
        };
        let mut pixels = luma.as_deref().unwrap_or(image.pixels());
        let resized = match self.resize.map(|resize| resize.size((height, width))) {
            Some(size) if size != (height, width) => {
                check_size(size.0 as u64, size.1 as u64, limits)?;
                let new = resized(pixels, (height, width, channels), size, self.interpolation, limits)?;
                (height, width) = size;
                Some(new)
            }
            _ => None,
        };
        pixels = resized.as_deref().unwrap_or(pixels);
        let cropped = match self.crop {
            Some(size) if size != (height, width) => {
                check_size(size.0 as u64, size.1 as u64, limits)?;
                hold((size.0 as u64).saturating_mul(size.1.saturating_mul(channels) as u64), limits)?;
                let new = cropped(pixels, (height, width, channels), size)?;
                (height, width) = size;
                Some(new)
            }
            _ => None,
        };
        pixels = cropped.as_deref().unwrap_or(pixels);
        let shape = self.layout.shape(self.channels.count(), height, width);
        let count = shape.iter().fold(1_u64, |count, &size| count.saturating_mul(size as u64));
        hold(count.saturating_mul(self.dtype.size() as u64), limits)?;
        let mut tensor = Tensor::zeros(self.dtype, &shape)?;
        if self.dtype == DType::U8 {
            self.fill(tensor.as_mut_slice::<u8>()?, pixels, channels, |_, pixel| pixel);
        } else {
            let tables: Vec<[f32; 256]> = (0..self.channels.count()).map(|channel| self.table(channel)).collect();
            let value = |channel: usize, pixel: u8| tables[channel][usize::from(pixel)];
            self.fill(tensor.as_mut_slice::<f32>()?, pixels, channels, value);
        }
        Ok(tensor)
    }

    /// For each pixel value, the tensor's value in a channel.
    #[expect(clippy::cast_possible_truncation, reason = "the product is rounded to f32, as torchvision's quotient is")]
    fn table(&self, channel: usize) -> [f32; 256] {
        let of_channel = |numbers: &[f32]| numbers.get(channel).or(numbers.first()).copied();
        let (mean, std) = (of_channel(&self.mean), of_channel(&self.std));
        let scale = self.scale.unwrap_or(1.0 / 255.0);
        core::array::from_fn(|pixel| {
            let value = (pixel as f64 * scale) as f32;
            let value = mean.map_or(value, |mean| value - mean);
            std.map_or(value, |std| value / std)
        })
    }

    /// Writes the values of all pixels in the order of the layout.
    fn fill<T>(&self, values: &mut [T], pixels: &[u8], stored: usize, value: impl Fn(usize, u8) -> T) {
        let count = self.channels.count();
        for channel in 0..count {
            // BGR reverses the channels; a gray image has one channel for all.
            let from = if self.channels == Channels::Bgr { count - 1 - channel } else { channel };
            let from = pixels.iter().skip(from.min(stored - 1)).step_by(stored);
            let (start, step) = match self.layout {
                Layout::Nchw => (channel * (pixels.len() / stored), 1),
                Layout::Nhwc => (channel, count),
            };
            for (place, &pixel) in values[start..].iter_mut().step_by(step).zip(from) {
                *place = value(channel, pixel);
            }
        }
    }
}

fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    u8::try_from((19_595 * red + 38_470 * green + 7471 * blue + (1 << 15)) >> 16).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;

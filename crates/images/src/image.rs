//! Decoded images.

use core::fmt;

use fourfold_error::Limits;
use fourfold_tensor::memory;

use crate::exif::Orientation;
use crate::{Error, Note};

/// An image of 8 bits a channel, gray or RGB.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    height: usize,
    width: usize,
    /// 1 or 3.
    channels: usize,
    /// `[height, width, channels]`.
    pixels: Vec<u8>,
    notes: Vec<Note>,
}

impl Image {
    /// An image of `pixels: [height, width, channels]`, with one channel (gray) or three (red, green, blue).
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if the number of channels is not one or three, if there are no pixels, or if the number of
    /// bytes differs from `height * width * channels`.
    pub fn from_pixels(height: usize, width: usize, channels: usize, pixels: Vec<u8>) -> Result<Self, Error> {
        let invalid = |reason: String| Error::Setting { setting: "pixels", reason };
        if height == 0 || width == 0 || !matches!(channels, 1 | 3) {
            return Err(invalid(format!("an image of {height}x{width}x{channels} has neither one nor three channels")));
        }
        let bytes = height.checked_mul(width).and_then(|count| count.checked_mul(channels));
        if bytes != Some(pixels.len()) {
            return Err(invalid(format!("{} bytes for an image of {height}x{width}x{channels}", pixels.len())));
        }
        Ok(Self { height, width, channels, pixels, notes: Vec::new() })
    }

    /// The height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of channels: 1 for gray, 3 for red, green and blue.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The values, `[height, width, channels]`.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// What decoding dropped or converted, in order, each at most once.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The image of decoded pixels, brought upright by `orientation`.
    pub(crate) fn decoded(
        (height, width, channels): (usize, usize, usize),
        pixels: Vec<u8>,
        orientation: Orientation,
        notes: Vec<Note>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        if orientation == Orientation::UPRIGHT {
            return Ok(Self { height, width, channels, pixels, notes });
        }
        hold(2 * pixels.len() as u64, limits)?;
        let (upright_height, upright_width) = if orientation.swaps_axes() { (width, height) } else { (height, width) };
        let mut upright = memory::room(pixels.len())?;
        for row in 0..upright_height {
            for column in 0..upright_width {
                let (row, column) = orientation.source((row, column), (height, width));
                let start = (row * width + column) * channels;
                upright.extend_from_slice(&pixels[start..start + channels]);
            }
        }
        Ok(Self { height: upright_height, width: upright_width, channels, pixels: upright, notes })
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { height, width, channels, notes, .. } = self;
        write!(f, "Image({height}x{width}x{channels} {notes:?})")
    }
}

/// Checks the size of an image.
pub(crate) fn check_size(height: u64, width: u64, limits: &Limits) -> Result<(), Error> {
    Ok(Limits::check("image-side", height.max(width), limits.image_side)?)
}

/// Checks that so many bytes are within the limit, and that there is memory for them: decoders allocate without
/// checking.
pub(crate) fn hold(bytes: u64, limits: &Limits) -> Result<(), Error> {
    Limits::check("image-bytes", bytes, limits.image_bytes)?;
    let bytes = usize::try_from(bytes).map_err(|_| fourfold_tensor::Error::OutOfMemory { bytes: usize::MAX })?;
    drop(memory::room::<u8>(bytes)?);
    Ok(())
}

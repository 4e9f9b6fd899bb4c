//! PNG files.

use std::io::{Cursor, ErrorKind};

use fourfold_error::{LimitExceeded, Limits};
use fourfold_tensor::memory;
use png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Transformations};

use crate::exif::Orientation;
use crate::image::{check_size, hold};
use crate::{Error, Image, Note};

/// Decodes a file.
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, Error> {
    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_skip_ancillary_crc_failures(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(png::Limits { bytes: usize::try_from(limits.image_bytes).unwrap_or(usize::MAX) });
    let failed = |error| failed(error, limits);
    let header = decoder.read_header_info().map_err(failed)?;
    check_size(header.height.into(), header.width.into(), limits)?;
    let (height, width) = (header.height as usize, header.width as usize);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(failed)?;
    let (color, depth) = reader.output_color_type();
    let (channels, has_alpha) = match color {
        ColorType::Grayscale => (1, false),
        ColorType::GrayscaleAlpha => (1, true),
        ColorType::Rgb | ColorType::Indexed => (3, false),
        ColorType::Rgba => (3, true),
    };
    let is_deep = depth == BitDepth::Sixteen;
    let stored = (channels + usize::from(has_alpha)) * if is_deep { 2 } else { 1 };
    let size = (height as u64) * (width as u64) * stored as u64;
    hold(size, limits)?;
    let mut pixels = memory::filled(0, usize::try_from(size).unwrap_or(usize::MAX))?;
    reader.next_frame(&mut pixels).map_err(failed)?;
    reader.finish().map_err(failed)?;

    let mut notes = Vec::new();
    if has_alpha {
        notes.push(Note::Alpha);
    }
    if is_deep {
        notes.push(Note::Depth);
    }
    let info = reader.info();
    if info.animation_control.is_some_and(|animation| animation.num_frames > 1) {
        notes.push(Note::Animation);
    }
    let orientation = info.exif_metadata.as_ref().map_or(Orientation::UPRIGHT, |exif| Orientation::of(exif));
    compact(&mut pixels, stored, channels, is_deep);
    Image::decoded((height, width, channels), pixels, orientation, notes, limits)
}

/// Keeps the channels of 8 bits of pixels of `stored` bytes, in place.
fn compact(pixels: &mut Vec<u8>, stored: usize, channels: usize, is_deep: bool) {
    if stored == channels {
        return;
    }
    let count = pixels.len() / stored;
    for index in 0..count {
        for channel in 0..channels {
            let value = if is_deep {
                let at = index * stored + channel * 2;
                rounded(u16::from_be_bytes([pixels[at], pixels[at + 1]]))
            } else {
                pixels[index * stored + channel]
            };
            pixels[index * channels + channel] = value;
        }
    }
    pixels.truncate(count * channels);
}

/// `round(value / 257)`: 65535 is 255.
fn rounded(value: u16) -> u8 {
    u8::try_from((u32::from(value) + 128) / 257).unwrap_or(u8::MAX)
}

fn failed(error: DecodingError, limits: &Limits) -> Error {
    let reason = match error {
        DecodingError::LimitsExceeded => {
            let (actual, limit) = (limits.image_bytes.saturating_add(1), limits.image_bytes);
            return LimitExceeded { name: "image-bytes", actual, limit }.into();
        }
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => "the file is cut off".to_owned(),
        error => error.to_string(),
    };
    Error::Corrupt { format: "PNG", reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_rounded() {
        for value in 0..=u16::MAX {
            assert_eq!(f64::from(rounded(value)), (f64::from(value) / 257.0).round());
        }
    }
}

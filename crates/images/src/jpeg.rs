//! JPEG files.

mod color;
mod markers;

use fourfold_error::Limits;
use jpeg_decoder::{ColorTransform, Decoder, UnsupportedFeature};

use crate::exif::Orientation;
use crate::image::{check_size, hold};
use crate::{Error, Image, Note};
use markers::{Colors, Frame};

/// Decodes a file.
///
/// Its structure is read first. The decoder allocates as it goes and accepts truncated files, so it only gets complete
/// files of known size.
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, Error> {
    let frame = markers::read(bytes)?;
    check_size(frame.height.into(), frame.width.into(), limits)?;
    hold(bytes_held(&frame), limits)?;
    let mut decoder = Decoder::new(bytes);
    // Components as stored, or 255 minus them.
    match frame.components.len() {
        1 => {}
        3 => decoder.set_color_transform(ColorTransform::RGB),
        _ => decoder.set_color_transform(ColorTransform::CMYK),
    }
    let mut pixels = decoder.decode().map_err(failed)?;
    let (height, width) = (usize::from(frame.height), usize::from(frame.width));
    if pixels.len() != height * width * frame.components.len() {
        return Err(corrupt("the size of the decoded image differs from the header"));
    }
    let mut notes = Vec::new();
    let channels = match frame.colors() {
        Colors::Gray => 1,
        Colors::Rgb => 3,
        Colors::YCbCr => {
            color::ycbcr_to_rgb(&mut pixels, 3);
            3
        }
        colors @ (Colors::Cmyk | Colors::Ycck) => {
            if colors == Colors::Ycck {
                pixels.chunks_exact_mut(4).flat_map(|pixel| &mut pixel[..3]).for_each(|value| *value = 255 - *value);
                color::ycbcr_to_rgb(&mut pixels, 4);
            }
            color::cmyk_to_rgb(&mut pixels);
            notes.push(Note::Cmyk);
            3
        }
    };
    let orientation = frame.exif.map_or(Orientation::UPRIGHT, Orientation::of);
    Image::decoded((height, width, channels), pixels, orientation, notes, limits)
}

/// The bytes that the decoder holds at once: the planes of all components, in whole blocks; their coefficients of two
/// bytes, if the file is progressive; and the image.
fn bytes_held(frame: &Frame<'_>) -> u64 {
    let most = |factor: fn(&markers::Component) -> u64| frame.components.iter().map(factor).max().unwrap_or(1);
    let (most_across, most_down) = (most(|component| component.across), most(|component| component.down));
    let across = u64::from(frame.width).div_ceil(8 * most_across);
    let down = u64::from(frame.height).div_ceil(8 * most_down);
    let blocks = frame.components.iter().map(|component| across * component.across * down * component.down);
    let planes = 64 * blocks.sum::<u64>();
    let image = u64::from(frame.width) * u64::from(frame.height) * frame.components.len() as u64;
    image + if frame.is_progressive { 3 * planes } else { planes }
}

fn failed(error: jpeg_decoder::Error) -> Error {
    match error {
        jpeg_decoder::Error::Unsupported(feature) => Error::unsupported(match feature {
            UnsupportedFeature::SubsamplingRatio | UnsupportedFeature::NonIntegerSubsamplingRatio => {
                "a JPEG of this subsampling".to_owned()
            }
            other => format!("a JPEG with {other:?}"),
        }),
        jpeg_decoder::Error::Format(reason) => corrupt(reason),
        other => corrupt(other.to_string()),
    }
}

fn corrupt(reason: impl Into<String>) -> Error {
    Error::Corrupt { format: "JPEG", reason: reason.into() }
}

//! PNG and JPEG files as the tensors that models take.
//!
//! [`decode`] makes an [`Image`] of a file's bytes, [`Preprocess::apply`] a tensor of the image: resized, cropped,
//! scaled and normalized. The steps and their defaults are those of torchvision's `transforms` on images of Pillow, and
//! so are the results, bit for bit; for JPEG files as far as decoders agree (below).
//!
//! ```
//! use fourfold_error::Limits;
//! use fourfold_images::{Preprocess, Resize, decode};
//!
//! # let file = include_bytes!("../tests/data/photo.png");
//! let image = decode(file, &Limits::default())?;
//! let preprocess = Preprocess {
//!     resize: Some(Resize::Shorter(256)),
//!     crop: Some((224, 224)),
//!     mean: vec![0.485, 0.456, 0.406],
//!     std: vec![0.229, 0.224, 0.225],
//!     ..Preprocess::default()
//! };
//! let tensor = preprocess.apply(&image, &Limits::default())?;
//! assert_eq!(tensor.shape(), [3, 224, 224]);
//! for note in preprocess.notes(&image) {
//!     eprintln!("{}", note.text(1));
//! }
//! # Ok::<(), fourfold_images::Error>(())
//! ```
//!
//! # Conversions
//!
//! The format is recognized by content, not by name. An [`Image`] has 8 bits a channel, and one channel or three.
//! Everything else is dropped or converted, as Pillow's `convert("RGB")` does, and [`Image::notes`] says so:
//!
//! | file | image |
//! |---|---|
//! | gray of 1, 2 or 4 bits, palette | expanded |
//! | alpha channel, transparent colour | dropped, not blended |
//! | 16 bits a channel | `round(v / 257)` (Pillow truncates bits or clamps values, by mode) |
//! | animated PNG | the default image, which programs without animation show |
//! | JPEG in CMYK or YCCK | RGB, by Adobe's inverted convention, as Pillow does for all of them |
//! | EXIF orientation, 1 to 8 | applied, as `ImageOps.exif_transpose` does |
//! | colour profile, gamma | not applied |
//!
//! A JPEG file may leave colour details out, and decoders differ in how they fill them in and round. Against
//! libjpeg-turbo, which Pillow has, values differ by up to 3, and on average by 0.1, or 0.25 where details were left
//! out; more at the edges of images a few pixels wide. What components mean (RGB, YCbCr, CMYK) is decided and converted
//! by libjpeg's rules. Arithmetic coding, lossless JPEG and 12 bits are unsupported. The decoders are the crates `png`
//! and `jpeg-decoder`, the latter without code for single CPUs, so that an image is the same everywhere. (`zune-jpeg`,
//! which the crate `image` has, gives wrong pixels for files with a scan for each subsampled component, and panics on
//! some; `image` also accepts truncated files.)
//!
//! # Hostile files
//!
//! Sizes are checked before anything is decoded: [`Limits::image_side`](fourfold_error::Limits::image_side) and
//! [`Limits::image_bytes`](fourfold_error::Limits::image_bytes), which counts the bytes that a step holds at once. A
//! truncated file is an error wherever it ends, and so is a PNG with wrong checksums. A JPEG file has no checksum:
//! damage within its image may go unnoticed.

#![forbid(unsafe_code)]

mod crop;
mod error;
mod exif;
mod format;
mod image;
mod jpeg;
mod note;
mod png;
mod preprocess;
mod resize;

pub use error::Error;
pub use format::Format;
pub use image::Image;
pub use note::Note;
pub use preprocess::{Channels, Layout, Preprocess};
pub use resize::{Interpolation, Resize};

use fourfold_error::Limits;

/// Decodes a PNG or JPEG file.
///
/// # Errors
///
/// [`Error::Foreign`] and [`Error::Corrupt`] for invalid files, [`Error::Unsupported`] for images of other formats and
/// kinds, [`Error::Limit`] for larger images than allowed.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, Error> {
    match Format::of(bytes) {
        Some(Format::Png) => png::decode(bytes, limits),
        Some(Format::Jpeg) => jpeg::decode(bytes, limits),
        None => Err(format::refused(bytes)),
    }
}

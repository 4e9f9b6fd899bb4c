//! Any bytes decode to an image within the limits, or to an error.

#![no_main]

use fourfold_graph::Limits;
use fourfold_images::{Preprocess, Resize, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { image_bytes: 1 << 24, ..Limits::default() };
    if let Ok(image) = decode(bytes, &limits) {
        assert_eq!(image.pixels().len(), image.height() * image.width() * image.channels());
        let preprocess = Preprocess { resize: Some(Resize::Shorter(8)), ..Preprocess::default() };
        let _ = preprocess.apply(&image, &limits);
    }
});

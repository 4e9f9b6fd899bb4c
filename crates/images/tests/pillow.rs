//! Images as Pillow and torchvision decode, resize and transform them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fourfold_error::Limits;
use fourfold_format::npz;
use fourfold_images::{Channels, Image, Interpolation, Layout, Note, Preprocess, Resize, decode};
use fourfold_tensor::{DType, Tensor};

fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).expect("a file of the project")
}

fn arrays(name: &str) -> BTreeMap<String, Tensor> {
    npz::read(&file(name), &Limits::default()).expect("arrays of NumPy")
}

fn decoded(name: &str) -> Image {
    decode(&file(name), &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The image that an array of `[height, width]` or `[height, width, 3]` is.
fn image(array: &Tensor) -> Image {
    let pixels = array.as_slice::<u8>().expect("bytes").to_vec();
    let channels = array.shape().get(2).copied().unwrap_or(1);
    Image::from_pixels(array.shape()[0], array.shape()[1], channels, pixels).expect("as many pixels")
}

/// The largest and the mean difference of two images of one size.
fn difference(name: &str, image: &Image, expected: &Image) -> (u8, f64) {
    let shape = |image: &Image| (image.height(), image.width(), image.channels());
    assert_eq!(shape(image), shape(expected), "{name}");
    let pairs = image.pixels().iter().zip(expected.pixels());
    let differences: Vec<u8> = pairs.map(|(left, right)| left.abs_diff(*right)).collect();
    let sum: f64 = differences.iter().map(|&difference| f64::from(difference)).sum();
    let most = differences.iter().max().copied().unwrap_or(0);
    (most, sum / differences.len() as f64)
}

#[test]
fn png_files_are_decoded_to_the_bit() {
    let expected: Vec<(String, Tensor)> =
        arrays("images.npz").into_iter().filter(|(name, _)| name.ends_with(".png")).collect();
    assert_eq!(expected.len(), 16);
    for (name, array) in expected {
        assert_eq!(difference(&name, &decoded(&name), &image(&array)), (0, 0.0), "{name}");
    }
}

#[test]
fn jpeg_files_are_decoded_within_bounds() {
    let expected: Vec<(String, Tensor)> =
        arrays("images.npz").into_iter().filter(|(name, _)| name.ends_with(".jpg")).collect();
    assert_eq!(expected.len(), 23);
    for (name, array) in expected {
        let (most, mean) = difference(&name, &decoded(&name), &image(&array));
        println!("{name}: {most} {mean:.3}");
        // Only subsampled chroma is filled in.
        let is_subsampled = name.starts_with('4') && name != "444.jpg" || name == "chroma_mixed.jpg";
        assert!(most <= 3 && mean <= if is_subsampled { 0.25 } else { 0.1 }, "{name}: {most}, {mean:.3} on average");
    }
}

#[test]
fn what_is_dropped_is_said() {
    for (name, notes) in [
        ("rgb.png", &[][..]),
        ("palette.png", &[]),
        ("gray4.png", &[]),
        ("interlaced.png", &[]),
        ("turned.png", &[]),
        ("orientation6.jpg", &[]),
        ("rgba.png", &[Note::Alpha]),
        ("gray_alpha.png", &[Note::Alpha]),
        ("palette_transparent.png", &[Note::Alpha]),
        ("rgb_transparent.png", &[Note::Alpha]),
        ("gray16.png", &[Note::Depth]),
        ("rgba16.png", &[Note::Alpha, Note::Depth]),
        ("animated.png", &[Note::Animation]),
        ("cmyk.jpg", &[Note::Cmyk]),
        ("ycck.jpg", &[Note::Cmyk]),
    ] {
        assert_eq!(decoded(name).notes(), notes, "{name}");
    }
    let gray = Preprocess { channels: Channels::Gray, ..Preprocess::default() };
    let cropped = Preprocess { crop: Some((6, 8)), ..Preprocess::default() };
    assert_eq!(Preprocess::default().notes(&decoded("gray16.png")), [Note::Depth, Note::Gray]);
    assert_eq!(gray.notes(&decoded("gray.png")), []);
    assert_eq!(cropped.notes(&decoded("rgb.png")), [Note::Padding]);
    let resized = Preprocess { resize: Some(Resize::Shorter(8)), ..cropped };
    assert_eq!(resized.notes(&decoded("rgb.png")), []);
}

#[test]
fn images_are_resized_to_the_bit() {
    let arrays = arrays("resized.npz");
    let mut count = 0;
    for (name, expected) in &arrays {
        let [mode, from, filter, to] = name.split('/').collect::<Vec<_>>()[..] else { continue };
        let interpolation = match filter {
            "nearest" => Interpolation::Nearest,
            "bilinear" => Interpolation::Bilinear,
            _ => Interpolation::Bicubic,
        };
        let (height, width) = to.split_once('x').expect("two sizes");
        let (height, width) = (height.parse().expect("a size"), width.parse().expect("a size"));
        let preprocess = Preprocess {
            resize: Some(Resize::Exact { height, width }),
            interpolation,
            channels: if mode == "L" { Channels::Gray } else { Channels::Rgb },
            layout: Layout::Nhwc,
            dtype: DType::U8,
            ..Preprocess::default()
        };
        let tensor = preprocess.apply(&image(&arrays[&format!("{mode}/{from}")]), &Limits::default()).expect("valid");
        assert_eq!(tensor.bytes(), expected.bytes(), "{name}");
        count += 1;
    }
    assert_eq!(count, 66);
}

#[test]
fn images_are_transformed_to_the_bit() {
    let photo = decoded("photo.png");
    let plain = Preprocess::default();
    let (mean, std) = (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]);
    let steps = [
        ("plain", plain.clone()),
        (
            "imagenet",
            Preprocess { resize: Some(Resize::Shorter(32)), crop: Some((28, 28)), mean, std, ..plain.clone() },
        ),
        ("exact", Preprocess { resize: Some(Resize::Exact { height: 20, width: 31 }), ..plain.clone() }),
        (
            "bicubic",
            Preprocess {
                resize: Some(Resize::Shorter(45)),
                interpolation: Interpolation::Bicubic,
                crop: Some((40, 33)),
                ..plain.clone()
            },
        ),
        ("padded", Preprocess { crop: Some((40, 45)), ..plain.clone() }),
        (
            "gray",
            Preprocess {
                resize: Some(Resize::Shorter(16)),
                channels: Channels::Gray,
                mean: vec![0.5],
                std: vec![0.25],
                ..plain.clone()
            },
        ),
        ("u8", Preprocess { resize: Some(Resize::Shorter(24)), dtype: DType::U8, ..plain.clone() }),
    ];
    let expected = arrays("transformed.npz");
    assert_eq!(expected.len(), steps.len());
    for (name, preprocess) in steps {
        let tensor = preprocess.apply(&photo, &Limits::default()).expect("valid");
        assert_eq!(tensor.shape(), expected[name].shape(), "{name}");
        assert_eq!(tensor.shape(), preprocess.shape(photo.height(), photo.width()), "{name}");
        assert_eq!(tensor, expected[name], "{name}");
    }
}

//! Settings, and where values go.

use fourfold_error::ErrorKind;

use super::*;

/// A 2x3 image in which each value says where it is: `100 * row + 10 * column + channel`.
fn image() -> Image {
    let pixels = (0..18_u8).map(|index| 100 * (index / 9) + 10 * (index / 3 % 3) + index % 3).collect();
    Image::from_pixels(2, 3, 3, pixels).expect("as many")
}

fn u8(layout: Layout, channels: Channels) -> Vec<u8> {
    let preprocess = Preprocess { layout, channels, dtype: DType::U8, ..Preprocess::default() };
    let tensor = preprocess.apply(&image(), &Limits::default()).expect("valid");
    assert_eq!(tensor.shape(), preprocess.shape(2, 3));
    tensor.as_slice::<u8>().expect("u8").to_vec()
}

#[test]
fn layouts_and_channels_are_where_they_belong() {
    let rows = [0, 10, 20, 100, 110, 120];
    let of = |channel: u8| rows.map(|value| value + channel).to_vec();
    assert_eq!(u8(Layout::Nchw, Channels::Rgb), [of(0), of(1), of(2)].concat());
    assert_eq!(u8(Layout::Nchw, Channels::Bgr), [of(2), of(1), of(0)].concat());
    assert_eq!(u8(Layout::Nhwc, Channels::Rgb), image().pixels());
    let reversed: Vec<u8> = image().pixels().chunks(3).flat_map(|pixel| pixel.iter().rev().copied()).collect();
    assert_eq!(u8(Layout::Nhwc, Channels::Bgr), reversed);
    assert_eq!(u8(Layout::Nhwc, Channels::Gray), [1, 11, 21, 101, 111, 121]);
    let gray = Image::from_pixels(1, 2, 1, vec![7, 9]).expect("two");
    let preprocess = Preprocess { dtype: DType::U8, ..Preprocess::default() };
    let tensor = preprocess.apply(&gray, &Limits::default()).expect("valid");
    assert_eq!((tensor.shape(), tensor.as_slice::<u8>()), (&[3, 1, 2][..], Ok(&[7, 9, 7, 9, 7, 9][..])));
}

#[test]
fn values_are_scaled_and_normalized_in_the_order_of_the_channels() {
    let pixel = Image::from_pixels(1, 1, 3, vec![0, 51, 255]).expect("one");
    let values = |preprocess: Preprocess| {
        let tensor = preprocess.apply(&pixel, &Limits::default()).expect("valid");
        tensor.as_slice::<f32>().expect("f32").to_vec()
    };
    let plain = Preprocess::default;
    assert_eq!(values(plain()), [0.0, 0.2, 1.0]);
    assert_eq!(values(Preprocess { scale: Some(1.0), ..plain() }), [0.0, 51.0, 255.0]);
    assert_eq!(values(Preprocess { mean: vec![0.5], std: vec![0.5], ..plain() }), [-1.0, (0.2 - 0.5) / 0.5, 1.0]);
    let by_channel = Preprocess {
        scale: Some(1.0),
        mean: vec![1.0, 2.0, 3.0],
        std: vec![2.0, 1.0, 4.0],
        channels: Channels::Bgr,
        ..plain()
    };
    assert_eq!(values(by_channel), [127.0, 49.0, -0.75]);
    for pixel in 0..=255_u8 {
        assert_eq!(plain().table(0)[usize::from(pixel)], f32::from(pixel) / 255.0);
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused = |preprocess: Preprocess, setting: &str, words: &str| {
        let error = preprocess.apply(&image(), &Limits::default()).expect_err(words);
        assert_eq!(error.kind(), ErrorKind::Usage);
        let text = error.to_string();
        assert!(text.starts_with(&format!("{setting}: ")) && text.contains(words), "{text}");
    };
    let plain = Preprocess::default;
    let exact = |height, width| Some(Resize::Exact { height, width });
    refused(Preprocess { resize: Some(Resize::Shorter(0)), ..plain() }, "resize", "0 pixels");
    refused(Preprocess { resize: exact(0, 5), ..plain() }, "resize", "0x5");
    refused(Preprocess { crop: Some((5, 0)), ..plain() }, "crop", "5x0");
    refused(Preprocess { interpolation: Interpolation::Bicubic, ..plain() }, "interpolation", "nothing is resized");
    refused(Preprocess { dtype: DType::U8, mean: vec![0.5], ..plain() }, "dtype", "need f32");
    refused(Preprocess { dtype: DType::U8, std: vec![0.5], ..plain() }, "dtype", "need f32");
    refused(Preprocess { dtype: DType::U8, scale: Some(1.0), ..plain() }, "dtype", "need f32");
    refused(Preprocess { dtype: DType::I64, ..plain() }, "dtype", "not i64");
    for scale in [0.0, f64::NAN, f64::INFINITY] {
        refused(Preprocess { scale: Some(scale), ..plain() }, "scale", "not a number to multiply by");
    }
    refused(Preprocess { mean: vec![0.0; 2], ..plain() }, "mean", "2 numbers for 3 channels");
    refused(Preprocess { mean: vec![0.0; 3], channels: Channels::Gray, ..plain() }, "mean", "3 numbers for 1 channels");
    refused(Preprocess { mean: vec![f32::NAN], ..plain() }, "mean", "finite");
    refused(Preprocess { std: vec![1.0, 0.0, 1.0], ..plain() }, "std", "not larger than 0");
    refused(Preprocess { std: vec![-1.0], ..plain() }, "std", "not larger than 0");
    assert!(Image::from_pixels(0, 1, 3, vec![]).is_err_and(|error| error.kind() == ErrorKind::Usage));
    assert!(Image::from_pixels(1, 1, 4, vec![0; 4]).is_err_and(|error| error.kind() == ErrorKind::Usage));
    assert!(Image::from_pixels(2, 2, 3, vec![0; 11]).is_err_and(|error| error.kind() == ErrorKind::Usage));
    assert!(Image::from_pixels(usize::MAX, 2, 3, vec![0; 11]).is_err_and(|error| error.kind() == ErrorKind::Usage));
}

#[test]
fn images_that_become_too_large_are_limits() {
    let thin = Image::from_pixels(1, 1000, 3, vec![0; 3000]).expect("as many");
    let limit = |preprocess: Preprocess, limits: &Limits, name: &str| match preprocess.apply(&thin, limits) {
        Err(Error::Limit(limit)) => assert_eq!(limit.name, name),
        other => panic!("{name}: {other:?}"),
    };
    let plain = Preprocess::default;
    let small = Limits { image_bytes: 10_000, ..Limits::default() };
    limit(Preprocess { resize: Some(Resize::Shorter(17)), ..plain() }, &Limits::default(), "image-side");
    limit(Preprocess { resize: Some(Resize::Shorter(usize::MAX)), ..plain() }, &Limits::default(), "image-side");
    limit(Preprocess { crop: Some((usize::MAX, 2)), ..plain() }, &Limits::default(), "image-side");
    limit(Preprocess { crop: Some((16_384, 16_384)), ..plain() }, &Limits::default(), "image-bytes");
    for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
        let resize = Some(Resize::Exact { height: 100, width: 100 });
        limit(Preprocess { resize, interpolation, ..plain() }, &small, "image-bytes");
    }
    limit(plain(), &small, "image-bytes");
    let unlimited = Limits { image_side: u64::MAX, image_bytes: u64::MAX, ..Limits::default() };
    for preprocess in [
        Preprocess { crop: Some((usize::MAX, usize::MAX)), ..plain() },
        Preprocess { resize: Some(Resize::Exact { height: usize::MAX, width: 1 }), ..plain() },
        Preprocess { resize: Some(Resize::Exact { height: 1, width: usize::MAX }), ..plain() },
    ] {
        assert!(preprocess.apply(&thin, &unlimited).is_err_and(|error| error.kind() == ErrorKind::Limit));
    }
}

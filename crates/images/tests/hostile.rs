//! Files that are cut off, changed, too large, or of kinds that are not read.

use std::fs;
use std::path::Path;

use fourfold_error::ErrorKind;
use fourfold_error::Limits;
use fourfold_images::{Error, Image, decode};
use proptest::prelude::*;

fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).expect("a file of the project")
}

fn names() -> Vec<String> {
    let folder = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")).expect("a folder");
    let names = folder.map(|entry| entry.expect("readable").file_name().into_string().expect("ASCII"));
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".png") || name.ends_with(".jpg")).collect();
    names.sort();
    assert!(names.len() > 35);
    names
}

fn all(bytes: &[u8]) -> Result<Image, Error> {
    decode(bytes, &Limits::default())
}

/// A PNG file with this header and no image.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
    chunk.extend([8, 2, 0, 0, 0]);
    let checksum = crc32(&chunk).to_be_bytes();
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0d", &chunk[..], &checksum, b"\0\0\0\0IDAT\x35\xaf\x06\x1e"].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |state, &byte| {
        (0..8).fold(state ^ u32::from(byte), |state, _| state >> 1 ^ if state & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

/// A JPEG file with the frame of `444.jpg` changed, from its marker on.
fn jpeg_with(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = file("444.jpg");
    let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a frame");
    change(&mut bytes[frame..]);
    bytes
}

#[test]
fn files_cut_off_anywhere_are_noticed() {
    for name in names() {
        let bytes = file(&name);
        let steps: Vec<usize> = if bytes.len() < 1500 { (0..bytes.len()).collect() } else { (0..150).collect() };
        let late = (bytes.len().saturating_sub(600)..bytes.len()).step_by(7);
        for length in steps.into_iter().chain(late) {
            let error = all(&bytes[..length]).expect_err(&name);
            assert!(matches!(error, Error::Foreign { .. } | Error::Corrupt { .. }), "{name} {length}: {error}");
        }
        assert!(all(&[&bytes[..], b"more"].concat()).is_ok(), "{name}: what follows an image is another's");
    }
}

#[test]
fn every_flipped_bit_of_a_png_is_noticed() {
    let bytes = file("rgb.png");
    let expected = all(&bytes).expect("valid");
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(all(&flipped).ok(), Some(expected.clone()), "bit {bit}");
    }
}

#[test]
fn large_images_are_limits_before_they_are_decoded() {
    let limit = |bytes: &[u8], limits: &Limits, name: &str| match decode(bytes, limits) {
        Err(Error::Limit(limit)) => assert_eq!(limit.name, name),
        other => panic!("{name}: {other:?}"),
    };
    let defaults = Limits::default();
    limit(&png_header(65_500, 65_500), &defaults, "image-side");
    limit(&png_header(1, 16_385), &defaults, "image-side");
    limit(&png_header(16_384, 16_384), &defaults, "image-bytes");
    limit(&jpeg_with(|frame| frame[5..9].copy_from_slice(&[0xFF; 4])), &defaults, "image-side");
    limit(&jpeg_with(|frame| frame[5..9].copy_from_slice(&[0x40, 0, 0x40, 0])), &defaults, "image-bytes");
    let few = Limits { image_bytes: 5000, ..Limits::default() };
    limit(&file("444.jpg"), &few, "image-bytes");
    limit(&file("photo.png"), &few, "image-bytes");
    // Coefficients of all passes are held at once.
    let (image, planes) = (37 * 50 * 3, 64 * (5 * 7 + 3) * 3);
    let pass = Limits { image_bytes: image + planes, ..Limits::default() };
    assert!(decode(&file("420.jpg"), &pass).is_ok());
    limit(&file("progressive.jpg"), &pass, "image-bytes");
    // Turning takes a second image.
    let turn = Limits { image_bytes: 200, ..Limits::default() };
    assert!(decode(&file("rgb.png"), &turn).is_ok());
    limit(&file("turned.png"), &turn, "image-bytes");
}

#[test]
fn kinds_that_are_not_read_are_unsupported() {
    let unsupported = |bytes: &[u8], words: &str| {
        let error = all(bytes).expect_err(words);
        assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains(words), "{words}: {error}");
    };
    unsupported(b"GIF89a\x05\0\x03\0", "a GIF image is not supported; convert the image");
    for (marker, words) in [(0xC3, "lossless"), (0xC5, "hierarchical"), (0xC9, "arithmetic"), (0xCA, "arithmetic")] {
        unsupported(&jpeg_with(|frame| frame[1] = marker), words);
    }
    unsupported(&jpeg_with(|frame| frame[4] = 12), "12 bits a channel");
    unsupported(&jpeg_with(|frame| frame[5..7].fill(0)), "height stands behind");
    unsupported(&jpeg_with(|frame| frame[9] = 2), "2 components");
    let corrupt = |bytes: &[u8], words: &str| {
        let error = all(bytes).expect_err(words);
        assert!(matches!(error, Error::Corrupt { .. }) && error.to_string().contains(words), "{words}: {error}");
    };
    corrupt(&jpeg_with(|frame| frame[7..9].fill(0)), "without columns");
    corrupt(&jpeg_with(|frame| frame[11] = 0x05), "sampling factors 0 and 5");
    corrupt(&jpeg_with(|frame| frame[9] = 4), "for 4 components");
    corrupt(&jpeg_with(|frame| frame[1] = 0x02), "the marker 0x02");
    corrupt(&[&file("444.jpg")[..2], b"\xff\xd9"].concat(), "ends before its image");
    corrupt(&[&file("444.jpg")[..2], b"\xff\xda\0\x08"].concat(), "a scan without a frame");
    assert!(matches!(all(b"<html>"), Err(Error::Foreign { .. })));
}

#[test]
fn a_name_says_nothing() {
    assert_eq!(all(&file("rgb.png")).expect("told by content").channels(), 3);
    assert!(matches!(all(b""), Err(Error::Foreign { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_change_panics(
        name in proptest::sample::select(names()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        let mut bytes = file(&name);
        for (place, byte, kind) in changes {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        let limits = Limits { image_bytes: 4 << 20, ..Limits::default() };
        if let Ok(image) = decode(&bytes, &limits) {
            prop_assert!(image.pixels().len() <= 4 << 20);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = all(&bytes);
        let _ = all(&[b"\x89PNG\r\n\x1a\n", &bytes[..]].concat());
        let _ = all(&[b"\xff\xd8\xff", &bytes[..]].concat());
        let _ = all(&[&jpeg_with(|_| {})[..200], &bytes].concat());
    }
}

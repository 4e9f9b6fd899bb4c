//! Recognizes formats by their first bytes.

use crate::Error;

/// A supported format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG, in JFIF, EXIF or bare.
    Jpeg,
}

impl Format {
    /// The format of a file, from its first eight bytes; `None` if it is neither.
    #[must_use]
    pub fn of(start: &[u8]) -> Option<Self> {
        if start.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Format::Png)
        } else if start.starts_with(b"\xff\xd8\xff") {
            Some(Format::Jpeg)
        } else {
            None
        }
    }
}

/// Other image formats: position and bytes of the signature, and the name for messages.
const OTHERS: [(usize, &[u8], &str); 11] = [
    (0, b"GIF8", "a GIF image"),
    (8, b"WEBP", "a WebP image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (0, b"BM", "a BMP image"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyphei", "a HEIF image"),
    (4, b"ftypmif1", "a HEIF image"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
];

/// The error for a file of an unsupported format.
pub(crate) fn refused(bytes: &[u8]) -> Error {
    let is =
        |&&(at, signature, _): &&(usize, &[u8], &str)| bytes.get(at..).is_some_and(|rest| rest.starts_with(signature));
    if let Some((_, _, name)) = OTHERS.iter().find(is) {
        return Error::unsupported(*name);
    }
    let reason = match bytes {
        [] => "it is empty",
        _ if bytes.starts_with(b"\x89PN") => "it begins like a PNG file, but is damaged or truncated",
        _ if bytes.starts_with(b"\xff\xd8") => "it begins like a JPEG file, but is damaged or truncated",
        _ => "it begins like neither",
    };
    Error::Foreign { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_content() {
        assert_eq!(Format::of(b"\x89PNG\r\n\x1a\n...."), Some(Format::Png));
        assert_eq!(Format::of(b"\xff\xd8\xff\xe0"), Some(Format::Jpeg));
        for bytes in [&b""[..], b"\x89PNG\n\x1a\n", b"\xff\xd8", b"GIF89a", b"<html>"] {
            assert_eq!(Format::of(bytes), None);
        }
    }

    #[test]
    fn other_images_are_unsupported_and_other_files_invalid() {
        for (bytes, name) in [
            (&b"GIF89a\x01\0"[..], "a GIF image"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "a WebP image"),
            (b"BM\x10\0", "a BMP image"),
            (b"\0\0\0\x1cftypheic", "a HEIF image"),
        ] {
            let error = refused(bytes);
            assert!(
                error.kind() == fourfold_error::ErrorKind::Unsupported && error.to_string().starts_with(name),
                "{error}"
            );
        }
        for (bytes, words) in [
            (&b""[..], "it is empty"),
            (b"\x89PNG\n\x1a\n", "it begins like a PNG file"),
            (b"\xff\xd8", "it begins like a JPEG file"),
            (b"version https://git-lfs.github.com/spec/v1", "it begins like neither"),
        ] {
            let error = refused(bytes);
            assert!(matches!(error, Error::Foreign { .. }) && error.to_string().contains(words), "{error}");
        }
    }
}

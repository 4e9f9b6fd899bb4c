//! Notes: conversions of an image that the caller did not ask for.

/// A conversion that the caller did not ask for. Report it once, with the number of images.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// An alpha channel, or a transparent colour, was dropped.
    Alpha,
    /// 16 bits a channel became 8.
    Depth,
    /// CMYK became RGB.
    Cmyk,
    /// Only the first frame of an animation was decoded.
    Animation,
    /// Gray was copied to red, green and blue.
    Gray,
    /// The image is smaller than the crop, and was padded with 0.
    Padding,
}

impl Note {
    /// A sentence for a number of images, without a full stop: `3 images have an alpha channel, which is dropped`.
    #[must_use]
    pub fn text(self, images: usize) -> String {
        let (one, many) = match self {
            Note::Alpha => ("has an alpha channel, which is dropped", "have an alpha channel, which is dropped"),
            Note::Depth => {
                ("has 16 bits a channel, which are rounded to 8", "have 16 bits a channel, which are rounded to 8")
            }
            Note::Cmyk => (
                "is CMYK, and is converted to RGB without a colour profile",
                "are CMYK, and are converted to RGB without a colour profile",
            ),
            Note::Animation => ("is animated; the first frame is taken", "are animated; the first frame is taken"),
            Note::Gray => {
                ("is gray; its gray becomes red, green and blue", "are gray; their gray becomes red, green and blue")
            }
            Note::Padding => {
                ("is smaller than the crop; the rest is black", "are smaller than the crop; the rest is black")
            }
        };
        if images == 1 { format!("1 image {one}") } else { format!("{images} images {many}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_image_is_not_many() {
        assert_eq!(Note::Alpha.text(1), "1 image has an alpha channel, which is dropped");
        assert_eq!(Note::Alpha.text(3), "3 images have an alpha channel, which is dropped");
        assert_eq!(Note::Gray.text(20), "20 images are gray; their gray becomes red, green and blue");
    }
}

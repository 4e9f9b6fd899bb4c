//! The orientation of an image, from its EXIF data.
//!
//! EXIF data are a TIFF file without an image: a byte order, and directories of entries of 12 bytes. The first
//! directory has the entry Orientation.

/// The value of the tag Orientation, 1 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orientation(u8);

impl Orientation {
    pub(crate) const UPRIGHT: Self = Self(1);

    /// The orientation in EXIF data; upright if they have none or are invalid.
    pub(crate) fn of(exif: &[u8]) -> Self {
        find(exif).filter(|orientation| (1..=8).contains(orientation)).map_or(Self::UPRIGHT, Self)
    }

    /// Whether rows become columns.
    pub(crate) fn swaps_axes(self) -> bool {
        self.0 >= 5
    }

    /// The stored `(row, column)` of the pixel at `(row, column)` of the upright image; `height` and `width` are those
    /// of the stored image.
    pub(crate) fn source(self, (row, column): (usize, usize), (height, width): (usize, usize)) -> (usize, usize) {
        let (row, column) = if self.swaps_axes() { (column, row) } else { (row, column) };
        let from_below = matches!(self.0, 3 | 4 | 6 | 7);
        let from_right = matches!(self.0, 2 | 3 | 7 | 8);
        (if from_below { height - 1 - row } else { row }, if from_right { width - 1 - column } else { column })
    }
}

/// The value of the entry Orientation, if there is one.
fn find(exif: &[u8]) -> Option<u8> {
    const ORIENTATION: u16 = 0x0112;
    const SHORT: u16 = 3;
    let is_big_endian = match exif.first_chunk::<4>()? {
        b"II*\0" => false,
        b"MM\0*" => true,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes = *exif.get(at..)?.first_chunk::<2>()?;
        Some(if is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let (first, second) = (u16_at(4)?, u16_at(6)?);
    let (high, low) = if is_big_endian { (first, second) } else { (second, first) };
    let directory = usize::from(high) << 16 | usize::from(low);
    let entries = (0..usize::from(u16_at(directory)?)).map(|index| directory + 2 + index * 12);
    let entry = entries.into_iter().find(|&at| u16_at(at) == Some(ORIENTATION))?;
    let value = u16_at(entry + 8)?;
    if u16_at(entry + 2)? == SHORT { u8::try_from(value).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EXIF data with another entry, and one for orientation.
    fn exif(value: u16, kind: u16) -> [Vec<u8>; 2] {
        let little: [u16; 13] = [2, 0x0100, 3, 1, 0, 7, 0, 0x0112, kind, 1, 0, value, 0];
        let big: [u16; 13] = [2, 0x0100, 3, 0, 1, 7, 0, 0x0112, kind, 0, 1, value, 0];
        let (little, big) = (little.map(u16::to_le_bytes), big.map(u16::to_be_bytes));
        [[b"II*\0\x08\0\0\0", little.as_flattened()].concat(), [b"MM\0*\0\0\0\x08", big.as_flattened()].concat()]
    }

    #[test]
    fn orientation_is_found_in_either_byte_order() {
        for value in 1..=8 {
            for exif in exif(value.into(), 3) {
                assert_eq!(Orientation::of(&exif), Orientation(value));
                for length in 0..exif.len() - 2 {
                    assert_eq!(Orientation::of(&exif[..length]), Orientation::UPRIGHT, "{length}");
                }
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_upright() {
        for (value, kind) in [(0, 3), (9, 3), (258, 3), (6, 4)] {
            for exif in exif(value, kind) {
                assert_eq!(Orientation::of(&exif), Orientation::UPRIGHT);
            }
        }
        for bytes in
            [&b""[..], b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\xff\xff\xff\xff\0\x01", b"XX*\0\x08\0\0\0\0\0"]
        {
            assert_eq!(Orientation::of(bytes), Orientation::UPRIGHT);
        }
    }
}

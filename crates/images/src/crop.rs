//! Center crop, as torchvision's `CenterCrop`.

use fourfold_tensor::memory;

use crate::Error;

/// The `[new_height, new_width]` pixels in the center of `pixels: [height, width, channels]`; 0 outside the image.
pub(crate) fn cropped(
    pixels: &[u8],
    (height, width, channels): (usize, usize, usize),
    (new_height, new_width): (usize, usize),
) -> Result<Vec<u8>, Error> {
    let (rows, columns) = (Overlap::new(height, new_height), Overlap::new(width, new_width));
    let mut kept = memory::filled(0, new_height * new_width * channels)?;
    for row in 0..rows.count {
        let old = ((rows.old + row) * width + columns.old) * channels;
        let new = ((rows.new + row) * new_width + columns.new) * channels;
        let count = columns.count * channels;
        kept[new..new + count].copy_from_slice(&pixels[old..old + count]);
    }
    Ok(kept)
}

/// The overlap of an axis and its crop: its first index in each, and its length.
#[derive(Debug, PartialEq, Eq)]
struct Overlap {
    old: usize,
    new: usize,
    count: usize,
}

impl Overlap {
    /// A crop starts at `round(excess / 2)`, ties to even, as Python's `round`. Padding starts at `missing / 2`,
    /// rounded down.
    fn new(length: usize, kept: usize) -> Self {
        match length.checked_sub(kept) {
            Some(excess) => Self { old: excess / 2 + usize::from(excess % 4 == 3), new: 0, count: kept },
            None => Self { old: 0, new: (kept - length) / 2, count: length },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_as_python_does() {
        for (over, old) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (7, 4), (8, 4), (9, 4)] {
            assert_eq!(Overlap::new(10 + over, 10), Overlap { old, new: 0, count: 10 });
        }
        for (missing, new) in [(1, 0), (2, 1), (3, 1), (4, 2)] {
            assert_eq!(Overlap::new(10, 10 + missing), Overlap { old: 0, new, count: 10 });
        }
    }

    #[test]
    fn rows_and_columns_are_cropped_or_padded_by_themselves() {
        let pixels: Vec<u8> = (1..=8).collect();
        assert_eq!(cropped(&pixels, (2, 4, 1), (1, 2)), Ok(vec![2, 3]));
        assert_eq!(cropped(&pixels, (4, 1, 2), (2, 3)), Ok(vec![0, 0, 3, 4, 0, 0, 0, 0, 5, 6, 0, 0]));
    }
}

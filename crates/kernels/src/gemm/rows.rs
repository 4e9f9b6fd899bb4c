//! Where the rows of a product begin.

/// Where rows begin, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows {
    /// Row `i` at `(i - first) * stride`.
    Strided {
        /// The row at the base.
        first: usize,
        /// Bytes between rows.
        stride: usize,
    },
    /// Row `i` is a position of the result of a convolution.
    Windows {
        /// The row at the base: a whole number of images.
        first: usize,
        /// `[d, h, w]` of the result.
        size: [usize; 3],
        /// Bytes from one image to the next, and from one position to the next along each axis.
        strides: [usize; 4],
    },
}

impl Rows {
    /// Bytes from one position of a line to the next.
    pub(super) fn position(self) -> usize {
        match self {
            Rows::Strided { stride, .. } => stride,
            Rows::Windows { strides, .. } => strides[3],
        }
    }

    /// The places of row `row` and those after it.
    pub(super) fn from(self, row: usize) -> Places {
        match self {
            Rows::Strided { first, stride } => Places {
                size: [usize::MAX; 3],
                strides: [0, 0, 0, stride],
                at: [0; 3],
                starts: [(row - first) * stride; 4],
            },
            Rows::Windows { first, size: [depth, height, width], strides } => {
                let (rest, x) = ((row - first) / width, (row - first) % width);
                let (rest, y) = (rest / height, rest % height);
                let (image, z) = (rest / depth, rest % depth);
                let image = image * strides[0];
                let plane = image + z * strides[1];
                let line = plane + y * strides[2];
                let starts = [image, plane, line, line + x * strides[3]];
                Places { size: [depth, height, width], strides, at: [z, y, x], starts }
            }
        }
    }
}

/// The places of consecutive rows, without a division for each. What follows the last row may be beyond all memory, and
/// wraps.
#[derive(Debug)]
pub(super) struct Places {
    /// `[d, h, w]` of the result.
    size: [usize; 3],
    strides: [usize; 4],
    /// The next position, `[d, h, w]`.
    at: [usize; 3],
    /// Where the next position's image, plane, line and window begin.
    starts: [usize; 4],
}

impl Iterator for Places {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = self.starts[3];
        self.at[2] += 1;
        self.starts[3] = place.wrapping_add(self.strides[3]);
        if self.at[2] == self.size[2] {
            self.at[2] = 0;
            self.next_line();
        }
        Some(place)
    }
}

impl Places {
    fn next_line(&mut self) {
        self.at[1] += 1;
        self.starts[2] = self.starts[2].wrapping_add(self.strides[2]);
        if self.at[1] == self.size[1] {
            self.at = [self.at[0] + 1, 0, 0];
            self.starts[1] = self.starts[1].wrapping_add(self.strides[1]);
            if self.at[0] == self.size[0] {
                self.at[0] = 0;
                self.starts[0] = self.starts[0].wrapping_add(self.strides[0]);
                self.starts[1] = self.starts[0];
            }
            self.starts[2] = self.starts[1];
        }
        self.starts[3] = self.starts[2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_positions() {
        let strides = [1000, 300, 50, 7];
        let rows = Rows::Windows { first: 5, size: [2, 3, 4], strides };
        let place = |row: usize| {
            let (image, z, y, x) = (row / 24, row / 12 % 2, row / 4 % 3, row % 4);
            image * 1000 + z * 300 + y * 50 + x * 7
        };
        for start in 0..60 {
            let found: std::vec::Vec<usize> = rows.from(5 + start).take(80).collect();
            let expected: std::vec::Vec<usize> = (start..start + 80).map(place).collect();
            assert_eq!(found, expected);
        }
        let found: std::vec::Vec<usize> = Rows::Strided { first: 2, stride: 9 }.from(4).take(3).collect();
        assert_eq!(found, [18, 27, 36]);
    }
}

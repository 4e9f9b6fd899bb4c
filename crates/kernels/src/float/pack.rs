//! A right side in the order in which tiles read it.
//!
//! ```text
//! slab[n / 16]  p[k]  column[16]
//! ```
//!
//! Columns beyond the last are 0. The order is the same for all kernels.

use core::ops::Range;

use alloc::vec::Vec;

use super::FloatMatrix;
use crate::Error;
use crate::backend::isa::LANES;
use crate::memory::grow;

/// What the memory here is for.
const WHAT: &str = "the packed matrix";

/// One row of a slab, which is one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line([f32; LANES]);

/// A matrix of floats packed by [`FloatMatrix::pack`], for all kernels.
#[derive(Clone, Debug)]
pub struct PackedFloatMatrix {
    n: usize,
    k: usize,
    lines: Vec<Line>,
}

impl PackedFloatMatrix {
    pub(super) fn new(matrix: FloatMatrix<'_>, k: usize, n: usize) -> Result<Self, Error> {
        // One row, if there is none: no result has so many columns.
        let bytes = n.div_ceil(LANES).checked_mul(k.max(1)).and_then(|lines| lines.checked_mul(size_of::<Line>()));
        if bytes.is_none_or(|bytes| bytes > isize::MAX.unsigned_abs()) {
            return Err(Error::TooLarge { what: WHAT });
        }
        let mut lines = Vec::new();
        pack(matrix, 0..k, 0..n, &mut lines)?;
        Ok(Self { n, k, lines })
    }

    /// The number of columns.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    /// The number of rows.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    /// The number of bytes that the packed elements take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(self.lines.as_slice())
    }

    /// `slab[n / 16]  p[k]`.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }
}

/// Packs some rows and columns of a matrix that fits its slice, in the memory of `lines`.
pub(crate) fn pack<'l>(
    matrix: FloatMatrix<'_>,
    rows: Range<usize>,
    columns: Range<usize>,
    lines: &'l mut Vec<Line>,
) -> Result<&'l [Line], Error> {
    let FloatMatrix { elements, row_stride, column_stride } = matrix;
    let count = columns.len().div_ceil(LANES) * rows.len();
    grow(WHAT, lines, count, Line([0.0; LANES]))?;
    let lines = &mut lines[..count];
    let slabs = lines.chunks_exact_mut(rows.len().max(1)).zip(columns.clone().step_by(LANES));
    for (slab, first) in slabs {
        let width = LANES.min(columns.end - first);
        for (line, p) in slab.iter_mut().zip(rows.clone()) {
            let row = &elements[p * row_stride + first * column_stride..];
            match width {
                LANES if column_stride == 1 => line.0.copy_from_slice(&row[..LANES]),
                LANES => line.0 = core::array::from_fn(|lane| row[lane * column_stride]),
                _ => line.0 = core::array::from_fn(|lane| if lane < width { row[lane * column_stride] } else { 0.0 }),
            }
        }
    }
    Ok(lines)
}

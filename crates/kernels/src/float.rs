//! Products of floats with defined bits, for what is left in floating point and for calibration.
//!
//! ```text
//! for each block of the depth                            its sums are added to those in the result
//!     for each block of rows                             their elements stay in L2
//!         for each 1 to 4 slabs of columns               their elements stay in L1, or at least in L2
//!             for each panel of the block's rows         sums stay in registers for the depth of the block
//! ```
//!
//! - Every sum is a chain of fused multiply-adds in the order of the depth, whatever the blocks: a sum that goes on
//!   from the result goes on from the same number that a register would hold. IEEE 754 defines the fused multiply-add
//!   as one correctly rounded operation, so every CPU gives the same bits, those that have no such instruction by
//!   [`fma`](crate::backend::fma).
//! - The right side is read from slabs of 16 columns. A weight is packed once; a matrix that comes with the call is
//!   packed block by block, or read where it is if there are so few rows that packing would take longer than the
//!   product.
//! - The left side is read where it is.

mod pack;
mod product;

use crate::backend::isa::LANES;
use crate::error::{check_length, check_matrix};
use crate::{Error, Kernel, Scratch};

pub use pack::PackedFloatMatrix;
pub(crate) use pack::{Line, pack};
use product::{Product, Slabs};

/// The depth of a block: three slabs of it fill an L1 cache of 48 KiB, one half of one of 32 KiB.
const DEPTH: usize = 256;

/// The most rows for which a right side is read where it is.
const FEW_ROWS: usize = 16;

/// A matrix of floats in a slice: element `[i, j]` is at `i * row_stride + j * column_stride`. Rows may overlap,
/// but no side is longer than the slice, so that the work is bounded by what there is.
#[derive(Clone, Copy, Debug)]
pub struct FloatMatrix<'a> {
    /// The elements.
    pub elements: &'a [f32],
    /// Elements between rows.
    pub row_stride: usize,
    /// Elements between columns.
    pub column_stride: usize,
}

impl<'a> FloatMatrix<'a> {
    /// A matrix whose rows follow each other.
    #[must_use]
    pub fn row_major(elements: &'a [f32], columns: usize) -> Self {
        Self { elements, row_stride: columns, column_stride: 1 }
    }

    /// The same matrix with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    /// Copies the matrix, `[k, n]`, into the order in which [`Kernel::multiply_add_packed`] reads it.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if the matrix does not fit its slice, which has an element for each of the matrix;
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn pack(self, k: usize, n: usize) -> Result<PackedFloatMatrix, Error> {
        let what = "the matrix";
        self.check(what, k, n)?;
        check_length(what, self.elements.len(), k.checked_mul(n).ok_or(Error::TooLarge { what })?)?;
        PackedFloatMatrix::new(self, k, n)
    }

    fn check(&self, what: &'static str, rows: usize, columns: usize) -> Result<(), Error> {
        let (Some(row), Some(column)) = (rows.checked_sub(1), columns.checked_sub(1)) else { return Ok(()) };
        let last = row.checked_mul(self.row_stride).zip(column.checked_mul(self.column_stride));
        let last = last.and_then(|(row, column)| row.checked_add(column)?.checked_add(1));
        check_length(what, self.elements.len(), last.ok_or(Error::TooLarge { what })?.max(rows).max(columns))
    }
}

impl Kernel {
    /// Adds a product of floats, with the same bits on every kernel:
    ///
    /// ```text
    /// for p in 0..k
    ///     out[i, j] = fma(lhs[i, p], rhs[p, j], out[i, j])
    /// ```
    ///
    /// in this order, `fma(a, b, c) = a * b + c` rounded once, to nearest, ties to even. Only which NaN a NaN is may
    /// differ. `lhs` is `[m, k]`, `rhs` `[k, n]`, `out` `[m, n]` with `row_stride` elements between its rows. One
    /// thread.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] and [`Error::Stride`] if a matrix does not fit its slice; [`Error::OutOfMemory`].
    pub fn multiply_add(
        self,
        (m, n, k): (usize, usize, usize),
        lhs: FloatMatrix<'_>,
        rhs: FloatMatrix<'_>,
        out: &mut [f32],
        row_stride: usize,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        lhs.check("lhs", m, k)?;
        rhs.check("rhs", k, n)?;
        check_matrix("out", (m, n), row_stride, out.len())?;
        if m == 0 || n == 0 {
            return Ok(());
        }
        let product = Product { float: &self.0.float, m, lhs, row_stride };
        let in_place = if rhs.column_stride == 1 && m <= FEW_ROWS { n / LANES * LANES } else { 0 };
        for first in (0..k).step_by(DEPTH) {
            let block = first..k.min(first + DEPTH);
            if in_place > 0 {
                let at = rhs.elements[first * rhs.row_stride..].as_ptr();
                let slabs = Slabs { at, step: rhs.row_stride, slab: LANES };
                // SAFETY: the CPU has the backend of a `Kernel`; `check` and `check_matrix` found that the matrices fit
                // their slices, `rhs` with all columns up to `in_place`, a whole number of slabs, which are neighbours.
                unsafe { product.add(block.clone(), 0..in_place, slabs, out) };
            }
            if in_place < n {
                let lines = pack(rhs, block.clone(), in_place..n, &mut scratch.float)?;
                let slabs = Slabs { at: lines.as_ptr().cast(), step: LANES, slab: block.len() * LANES };
                // SAFETY: the CPU has the backend of a `Kernel`; `check` and `check_matrix` found that `lhs` and `out`
                // fit their slices, and `pack` gives a line for each of the depth in each slab.
                unsafe { product.add(block, in_place..n, slabs, out) };
            }
        }
        Ok(())
    }

    /// As [`Kernel::multiply_add`], with the same bits, by a right side that is packed.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] and [`Error::Stride`] if `lhs`, `[m, k]`, or `out`, `[m, n]`, does not fit its slice.
    pub fn multiply_add_packed(
        self,
        m: usize,
        lhs: FloatMatrix<'_>,
        rhs: &PackedFloatMatrix,
        out: &mut [f32],
        row_stride: usize,
    ) -> Result<(), Error> {
        let (n, k) = (rhs.n(), rhs.k());
        lhs.check("lhs", m, k)?;
        check_matrix("out", (m, n), row_stride, out.len())?;
        if m == 0 || n == 0 {
            return Ok(());
        }
        let product = Product { float: &self.0.float, m, lhs, row_stride };
        for first in (0..k).step_by(DEPTH) {
            let at = rhs.lines()[first..].as_ptr().cast();
            let slabs = Slabs { at, step: LANES, slab: k * LANES };
            // SAFETY: the CPU has the backend of a `Kernel`; `check` and `check_matrix` found that `lhs` and `out` fit
            // their slices, and a packed matrix has `k` lines in each slab, of which those from `first` on are enough
            // for the depth.
            unsafe { product.add(first..k.min(first + DEPTH), 0..n, slabs, out) };
        }
        Ok(())
    }
}

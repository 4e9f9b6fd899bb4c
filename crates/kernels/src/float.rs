//! A float product with defined bits, for what is left in floating point and for calibration.

use crate::backend::isa::LANES;
use crate::backend::loops::{FLOAT_ROWS, FloatPanel};
use crate::error::{check_length, check_matrix};
use crate::{Error, Kernel, Scratch};

/// A matrix of real numbers in a slice: element `[i, j]` is at `i * row_stride + j * column_stride`.
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

    fn check(&self, what: &'static str, rows: usize, columns: usize) -> Result<(), Error> {
        let (Some(row), Some(column)) = (rows.checked_sub(1), columns.checked_sub(1)) else { return Ok(()) };
        let last = row.checked_mul(self.row_stride).zip(column.checked_mul(self.column_stride));
        let last = last.and_then(|(row, column)| row.checked_add(column)?.checked_add(1));
        check_length(what, self.elements.len(), last.ok_or(Error::TooLarge { what })?)
    }
}

impl Kernel {
    /// Adds a product of real numbers, with the same bits on every kernel:
    ///
    /// ```text
    /// out[i, j] = (..((out[i, j] + lhs[i, 0] * rhs[0, j]) + lhs[i, 1] * rhs[1, j]) + ..)
    /// ```
    ///
    /// in this order, every multiplication and addition rounded by itself. `lhs` is `[m, k]`, `rhs` `[k, n]`, `out` `[m, n]` with
    /// `row_stride` elements between its rows. One thread; a product by fused multiplications takes about half the time, and has
    /// other bits on other CPUs.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] and [`Error::Stride`] if a matrix does not fit its slice.
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
        let panel = &mut scratch.panel;
        for first in (0..n).step_by(LANES) {
            let columns = LANES.min(n - first);
            panel.clear();
            for p in 0..k {
                let row = (first..first + columns).map(|j| rhs.elements[p * rhs.row_stride + j * rhs.column_stride]);
                panel.extend(row);
                panel.resize((p + 1) * LANES, 0.0);
            }
            for i in (0..m).step_by(FLOAT_ROWS) {
                let rows = FLOAT_ROWS.min(m - i);
                let mut sums = [[0.0; LANES]; FLOAT_ROWS];
                for (row, sums) in sums[..rows].iter_mut().enumerate() {
                    let from = (i + row) * row_stride + first;
                    sums[..columns].copy_from_slice(&out[from..from + columns]);
                }
                // Rows that there are not are computed from the last one.
                let row = |row: usize| {
                    lhs.elements[((i + row).min(m - 1) * lhs.row_stride).min(lhs.elements.len())..].as_ptr()
                };
                let rows_at = core::array::from_fn(row);
                let product = FloatPanel { rows: rows_at, step: lhs.column_stride, panel };
                // SAFETY: a `Kernel` is supported; every row has `k` elements that far apart.
                unsafe { (self.0.loops.multiply_add)(&product, &mut sums) };
                for (row, sums) in sums[..rows].iter().enumerate() {
                    let to = (i + row) * row_stride + first;
                    out[to..to + columns].copy_from_slice(&sums[..columns]);
                }
            }
        }
        Ok(())
    }
}

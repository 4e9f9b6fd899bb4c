//! The float matrix product, by the `gemm` crate.
#![expect(unsafe_code, reason = "the crate's interface takes pointers; this module checks that they stay in bounds")]

use fourfold_kernels::{FloatMatrix, Kernel};

use crate::{Error, FloatProducts};

/// Products with at most so many multiplications are computed in order even when fast ones are wanted: to set up the other way, which
/// allocates, would take longer.
const SMALL: usize = 1 << 15;

/// What computes products of real numbers.
pub(crate) struct Multiplier<'a> {
    pub(crate) products: FloatProducts,
    pub(crate) kernel: Kernel,
    pub(crate) scratch: &'a mut fourfold_kernels::Scratch,
}

impl Multiplier<'_> {
    /// `out[i, j] += sum_k lhs[i, k] * rhs[k, j]`.
    ///
    /// `lhs: [m, k]`, `rhs: [k, n]`, `out: [m, n]` with `row_stride` elements between its rows. One thread. Allocates only for products
    /// that are [`FloatProducts::Fast`] and large.
    pub(crate) fn multiply_add(
        &mut self,
        sizes: (usize, usize, usize),
        lhs: FloatMatrix<'_>,
        rhs: FloatMatrix<'_>,
        out: &mut [f32],
        row_stride: usize,
    ) -> Result<(), Error> {
        let is_small = sizes.0.saturating_mul(sizes.1).saturating_mul(sizes.2) <= SMALL;
        match self.products {
            FloatProducts::Fast if !is_small => multiply_add(sizes, lhs, rhs, out, row_stride),
            _ => self.kernel.multiply_add(sizes, lhs, rhs, out, row_stride, self.scratch)?,
        }
        Ok(())
    }
}

/// Whether all elements of a matrix of that size are in its slice.
fn holds(matrix: &FloatMatrix<'_>, rows: usize, columns: usize) -> bool {
    let last = last_index(rows, columns, matrix.row_stride, matrix.column_stride);
    last.is_none_or(|last| last < matrix.elements.len())
}

/// As [`Multiplier::multiply_add`], by the `gemm` crate.
///
/// # Panics
///
/// If a slice is too short for its matrix.
fn multiply_add(
    (m, n, k): (usize, usize, usize),
    lhs: FloatMatrix<'_>,
    rhs: FloatMatrix<'_>,
    out: &mut [f32],
    row_stride: usize,
) {
    assert!(holds(&lhs, m, k) && holds(&rhs, k, n), "an operand is shorter than [{m}, {k}] * [{k}, {n}]");
    let out_last = last_index(m, n, row_stride, 1);
    assert!(
        out_last.is_none_or(|last| last < out.len()) && (m < 2 || row_stride >= n),
        "out is shorter than [{m}, {n}]"
    );
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    // SAFETY: the assertions above show that every index of the three matrices is in its slice, that rows of `out` do not
    // overlap, and `out` is borrowed exclusively; strides fit `isize` because the slices do.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            row_stride.cast_signed(),
            true,
            lhs.elements.as_ptr(),
            lhs.column_stride.cast_signed(),
            lhs.row_stride.cast_signed(),
            rhs.elements.as_ptr(),
            rhs.column_stride.cast_signed(),
            rhs.row_stride.cast_signed(),
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// The largest index of a matrix, `None` if it is empty; saturates, so that what overflows is found too large.
fn last_index(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> Option<usize> {
    let (last_row, last_column) = (rows.checked_sub(1)?, columns.checked_sub(1)?);
    Some(last_row.saturating_mul(row_stride).saturating_add(last_column.saturating_mul(column_stride)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_added_at_every_stride() {
        for (m, n, k) in [(1, 1, 1), (3, 2, 5), (7, 9, 4), (2, 3, 0), (0, 3, 2)] {
            let small = |count: usize| (0..count).map(|index| (index % 7) as f32 - 3.0).collect::<Vec<f32>>();
            let (lhs, rhs) = (small(m * k), small(k * n));
            let mut out = vec![1.0; m * (n + 2)];
            let rhs_of = |k_index: usize, column: usize| rhs[column * k + k_index];
            multiply_add(
                (m, n, k),
                FloatMatrix::row_major(&lhs, k),
                FloatMatrix::row_major(&rhs, k).transposed(),
                &mut out,
                n + 2,
            );
            for (row, out) in out.chunks(n + 2).enumerate() {
                for (column, &actual) in out.iter().enumerate() {
                    let sum: f32 = (0..k).map(|index| lhs[row * k + index] * rhs_of(index, column.min(n - 1))).sum();
                    let expected = if column < n { 1.0 + sum } else { 1.0 };
                    assert_eq!(actual, expected, "{m} {n} {k}: {row}, {column}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "shorter")]
    fn short_operands_are_refused() {
        multiply_add(
            (2, 2, 2),
            FloatMatrix::row_major(&[0.0; 3], 2),
            FloatMatrix::row_major(&[0.0; 4], 2),
            &mut [0.0; 4],
            2,
        );
    }
}

//! The float matrix product, by the `gemm` crate.
#![expect(unsafe_code, reason = "the crate's interface takes pointers; this module checks that they stay in bounds")]

/// A matrix in a slice: element `[i, j]` is at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    /// The elements.
    pub(crate) elements: &'a [f32],
    /// Elements between rows.
    pub(crate) row_stride: usize,
    /// Elements between columns.
    pub(crate) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A matrix whose rows follow each other.
    pub(crate) fn row_major(elements: &'a [f32], columns: usize) -> Self {
        Self { elements, row_stride: columns, column_stride: 1 }
    }

    /// The same matrix with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    /// Whether all elements of a matrix of that size are in the slice.
    fn holds(&self, rows: usize, columns: usize) -> bool {
        last_index(rows, columns, self.row_stride, self.column_stride).is_none_or(|last| last < self.elements.len())
    }
}

/// `out[i, j] += sum_k lhs[i, k] * rhs[k, j]`.
///
/// `lhs: [m, k]`, `rhs: [k, n]`, `out: [m, n]` with `row_stride` elements between its rows. One thread.
///
/// # Panics
///
/// If a slice is too short for its matrix.
pub(crate) fn multiply_add(
    (m, n, k): (usize, usize, usize),
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    out: &mut [f32],
    row_stride: usize,
) {
    assert!(lhs.holds(m, k) && rhs.holds(k, n), "an operand is shorter than [{m}, {k}] * [{k}, {n}]");
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
                Matrix::row_major(&lhs, k),
                Matrix::row_major(&rhs, k).transposed(),
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
        multiply_add((2, 2, 2), Matrix::row_major(&[0.0; 3], 2), Matrix::row_major(&[0.0; 4], 2), &mut [0.0; 4], 2);
    }
}

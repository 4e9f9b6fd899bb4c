//! From sums to results, in registers.

mod finish;

use super::isa::{Isa, LANES};
use super::quantizer::Clamp;

pub(super) use finish::finish;

/// What makes results of sums. Arrays over columns begin at the columns that this part of the product computes and are
/// padded to whole slabs.
///
/// ```text
/// sum[i, j] = acc[i, j] + columns[j] + row_factors[i] * column_sums[j] + row_sums[i] * column_zero_points[j]
/// ```
///
/// With `a'` and `w'` the activations and weights as they are stored, `z_a'` and `z_w'` their zero points in the same
/// representation, `C[j] = sum_p w'[p, j]` and `R[i] = sum_p a'[i, p]`:
///
/// ```text
/// sum_p (a' - z_a')(w' - z_w') = sum_p a' w' - z_a' C[j] - z_w'[j] (R[i] - k z_a')
/// ```
///
/// so `columns` is the bias, less `z_a' C[j]` where all rows have one zero point; `row_factors[i] = -z_a'[i]` where
/// each has its own; `row_sums[i] = -(R[i] - k z_a'[i])`, needed only if some `z_w'` is not 0. All sums are modulo
/// 2^32.
///
/// # Validity
///
/// An epilogue is valid for some rows and some columns if
///
/// - `columns`, `column_scales`, the `bias` of [`RawOutput::F32`] and `multipliers` are readable for all slabs of the
///   columns; so is `column_sums` if `row_factors` is not null, and `column_zero_points` if `row_sums` is not null;
/// - `row_factors` and `row_sums`, where they are not null, and `row_scales`, in steps of `row_scale_step`, are
///   readable at the rows;
/// - `out` is writable, and the residual's `values` readable, at the columns of every row, rows being `row_stride`
///   elements apart.
#[derive(Debug)]
pub(crate) struct Epilogue {
    pub(crate) columns: *const i32,
    /// For each row of the product, null if all rows have one zero point.
    pub(crate) row_factors: *const i32,
    pub(crate) column_sums: *const i32,
    /// For each row of the product, null if the weights' zero points are all 0.
    pub(crate) row_sums: *const i32,
    pub(crate) column_zero_points: *const i32,
    pub(crate) output: RawOutput,
}

/// What an epilogue makes of a sum, and where it stores it.
#[derive(Debug)]
pub(crate) enum RawOutput {
    /// The sum.
    I32 { out: *mut i32, row_stride: usize },
    /// `min(max(f32(sum) * (row_scales[i] * column_scales[j]) + bias[j], min), max)`.
    F32 {
        out: *mut f32,
        row_stride: usize,
        /// One for each row if `row_scale_step` is 1, one for all if it is 0.
        row_scales: *const f32,
        row_scale_step: usize,
        column_scales: *const f32,
        bias: *const f32,
        min: f32,
        max: f32,
    },
    /// `clamp(round(f32(sum) * multipliers[j] + residual) + zero_point, q_min, q_max)`.
    Bytes { out: *mut u8, row_stride: usize, multipliers: *const f32, clamp: Clamp, residual: Option<RawResidual> },
}

/// The second operand of a fused sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawResidual {
    pub(crate) values: *const u8,
    pub(crate) is_signed: bool,
    pub(crate) row_stride: usize,
    pub(crate) zero_point: i32,
    pub(crate) multiplier: f32,
}

impl Epilogue {
    /// The epilogue whose row `i` is row `first + i * step` of this one. A distance that wraps is one to a row that
    /// there is not.
    ///
    /// # Safety
    ///
    /// This one is valid for row `first`, and has neither `row_factors` nor `row_sums`.
    pub(crate) unsafe fn every(&self, first: usize, step: usize) -> Self {
        // SAFETY: row `first` is one of those for which the output, the row scales and the residual are valid.
        let output = unsafe {
            match self.output {
                RawOutput::I32 { out, row_stride } => {
                    RawOutput::I32 { out: out.add(first * row_stride), row_stride: row_stride.wrapping_mul(step) }
                }
                RawOutput::F32 { out, row_stride, row_scales, row_scale_step, column_scales, bias, min, max } => {
                    RawOutput::F32 {
                        out: out.add(first * row_stride),
                        row_stride: row_stride.wrapping_mul(step),
                        row_scales: row_scales.add(first * row_scale_step),
                        row_scale_step: row_scale_step * step,
                        column_scales,
                        bias,
                        min,
                        max,
                    }
                }
                RawOutput::Bytes { out, row_stride, multipliers, clamp, residual } => RawOutput::Bytes {
                    out: out.add(first * row_stride),
                    row_stride: row_stride.wrapping_mul(step),
                    multipliers,
                    clamp,
                    residual: residual.map(|residual| RawResidual {
                        values: residual.values.add(first * residual.row_stride),
                        row_stride: residual.row_stride.wrapping_mul(step),
                        ..residual
                    }),
                },
            }
        };
        Self { output, ..*self }
    }
}

/// The sums of a tile, `[nr][mr]` vectors, with `columns` added already.
///
/// # Validity
///
/// Sums are valid if `vectors` is readable and writable for `nr * mr` vectors, and `columns` is more than `16 * (nr -
/// 1)`.
#[derive(Clone, Copy)]
pub(crate) struct Sums<I: Isa> {
    pub(super) vectors: *mut I::I32,
    pub(super) mr: usize,
    pub(super) nr: usize,
    /// The row of the tile's first result.
    pub(super) row: usize,
    /// The column of the tile's first result, counted from the epilogue's first.
    pub(super) column: usize,
    /// Columns of the result in this tile, at most `16 * nr`.
    pub(super) columns: usize,
}

impl<I: Isa> Sums<I> {
    /// Calls `f` with each vector: its place, the row of its results, their first column, and how many of its lanes are
    /// results.
    ///
    /// # Safety
    ///
    /// The sums are [valid](Sums#validity).
    #[inline(always)]
    unsafe fn for_each(&self, mut f: impl FnMut(*mut I::I32, usize, usize, usize)) {
        for j in 0..self.nr {
            let count = (self.columns - j * LANES).min(LANES);
            for i in 0..self.mr {
                // SAFETY: `j < nr` and `i < mr`, so the vector is one of the `nr * mr`.
                f(unsafe { self.vectors.add(j * self.mr + i) }, self.row + i, self.column + j * LANES, count);
            }
        }
    }

    /// A vector of sums multiplied, and what `add(x, row, column, count)` makes of it.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; the sums are [valid](Sums#validity), `i < mr` and `j < nr`.
    #[inline(always)]
    unsafe fn scaled(
        &self,
        i: usize,
        j: usize,
        multiplier: I::F32,
        count: usize,
        add: &impl Fn(I::F32, usize, usize, usize) -> I::F32,
    ) -> I::F32 {
        // SAFETY: the CPU has the instruction set; `i < mr` and `j < nr`, so the vector is one of the `nr * mr`.
        let scaled = unsafe { I::mul_f32(I::to_f32(*self.vectors.add(j * self.mr + i)), multiplier) };
        add(scaled, self.row + i, self.column + j * LANES, count)
    }
}

//! From sums to results, in registers.

use super::ends::{Clamp, Ends};
use super::isa::{Isa, LANES};

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
/// - `columns`, `column_scales`, the `bias` of [`End::F32`] and `multipliers` are readable for all slabs of which the
///   columns are part; so is `column_sums` if `row_factors` is not null, and `column_zero_points` if `row_sums` is not
///   null;
/// - `row_factors` and `row_sums`, where they are not null, and `row_scales`, in steps of `row_scale_step`, are
///   readable at the rows;
/// - `out` is writable, and the residual's `codes` readable, at the columns of every row, rows being `row_stride`
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
    pub(crate) end: End,
}

/// The last part of an epilogue.
#[derive(Debug)]
pub(crate) enum End {
    /// The sums.
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
    pub(crate) codes: *const u8,
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
        let end = unsafe {
            match self.end {
                End::I32 { out, row_stride } => {
                    End::I32 { out: out.add(first * row_stride), row_stride: row_stride.wrapping_mul(step) }
                }
                End::F32 { out, row_stride, row_scales, row_scale_step, column_scales, bias, min, max } => End::F32 {
                    out: out.add(first * row_stride),
                    row_stride: row_stride.wrapping_mul(step),
                    row_scales: row_scales.add(first * row_scale_step),
                    row_scale_step: row_scale_step * step,
                    column_scales,
                    bias,
                    min,
                    max,
                },
                End::Bytes { out, row_stride, multipliers, clamp, residual } => End::Bytes {
                    out: out.add(first * row_stride),
                    row_stride: row_stride.wrapping_mul(step),
                    multipliers,
                    clamp,
                    residual: residual.map(|residual| RawResidual {
                        codes: residual.codes.add(first * residual.row_stride),
                        row_stride: residual.row_stride.wrapping_mul(step),
                        ..residual
                    }),
                },
            }
        };
        Self { end, ..*self }
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
}

impl<I: Isa> Sums<I> {
    /// A vector of sums multiplied, and what `add(real, row, column, count)` makes of it.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; the sums are [valid](Sums#validity), `i < mr` and `j < nr`.
    #[inline(always)]
    unsafe fn real(
        &self,
        i: usize,
        j: usize,
        multiplier: I::F32,
        count: usize,
        add: &impl Fn(I::F32, usize, usize, usize) -> I::F32,
    ) -> I::F32 {
        // SAFETY: the CPU has the instruction set; `i < mr` and `j < nr`, so the vector is one of the `nr * mr`.
        let real = unsafe { I::mul_f32(I::to_f32(*self.vectors.add(j * self.mr + i)), multiplier) };
        add(real, self.row + i, self.column + j * LANES, count)
    }
}

/// Finishes a tile. One instance for all sizes of tiles: their sums go through the L1 cache, which costs less than what
/// a copy of this code for each size would take of the instruction cache.
///
/// # Safety
///
/// The CPU has the instruction set; the sums are [valid](Sums#validity), and the epilogue is [valid](Epilogue#validity)
/// for their rows, `row` to `row + mr`, and columns, `column` to `column + columns`.
#[inline(always)]
pub(super) unsafe fn finish<I: Isa>(epilogue: &Epilogue, sums: &Sums<I>) {
    // SAFETY: the caller vouches for sums and epilogue; where `row_factors` and `row_sums` are not null, a valid
    // epilogue has them for these rows, and their columns' arrays too.
    unsafe {
        if !epilogue.row_factors.is_null() {
            add_products(sums, epilogue.row_factors, epilogue.column_sums);
        }
        if !epilogue.row_sums.is_null() {
            add_products(sums, epilogue.row_sums, epilogue.column_zero_points);
        }
        match &epilogue.end {
            End::I32 { out, row_stride } => store_sums(sums, *out, *row_stride),
            end @ End::F32 { .. } => store_reals(sums, end),
            end @ End::Bytes { residual: None, .. } => store_bytes(
                sums,
                end,
                #[inline(always)]
                |real, _, _, _| real,
            ),
            end @ End::Bytes { residual: Some(residual), .. } => store_bytes(
                sums,
                end,
                #[inline(always)]
                |real, row, column, count| I::add_f32(real, residual_term::<I>(residual, row, column, count)),
            ),
        }
    }
}

/// `sum += rows[i] * columns[j]`.
///
/// # Safety
///
/// The CPU has the instruction set; the sums are [valid](Sums#validity), `rows` is readable at their rows, and
/// `columns` for the slabs of their columns.
#[inline(always)]
unsafe fn add_products<I: Isa>(sums: &Sums<I>, rows: *const i32, columns: *const i32) {
    // SAFETY: the CPU has the instruction set; `for_each` gives vectors of the sums, and rows and first columns of
    // slabs that they have.
    unsafe {
        sums.for_each(
            #[inline(always)]
            |sum, row, column, _| {
                let product = I::mul_i32(I::splat_i32(*rows.add(row)), I::load_i32(columns.add(column)));
                *sum = I::add_i32(*sum, product);
            },
        );
    }
}

/// Stores the sums.
///
/// # Safety
///
/// The CPU has the instruction set; the sums are [valid](Sums#validity), and `out` is writable at their rows,
/// `row_stride` apart, and columns.
#[inline(always)]
unsafe fn store_sums<I: Isa>(sums: &Sums<I>, out: *mut i32, row_stride: usize) {
    // SAFETY: the CPU has the instruction set; `out` is writable for the `count` columns of the row that `for_each`
    // gives.
    unsafe {
        sums.for_each(
            #[inline(always)]
            |sum, row, column, count| {
                let out = out.add(row * row_stride + column);
                store(
                    out,
                    count,
                    #[inline(always)]
                    |p| I::store_i32(p, *sum),
                );
            },
        );
    }
}

/// Makes real numbers of the sums and stores them.
///
/// # Safety
///
/// The CPU has the instruction set; the sums are [valid](Sums#validity), and `end` is an end, as a
/// [valid](Epilogue#validity) epilogue has it for their rows and columns.
#[inline(always)]
unsafe fn store_reals<I: Isa>(sums: &Sums<I>, end: &End) {
    let &End::F32 { out, row_stride, row_scales, row_scale_step, column_scales, bias, min, max } = end else { return };
    // SAFETY: the CPU has the instruction set; `for_each` gives vectors of the sums, rows for which there are scales,
    // and first columns of slabs for which there are scales and biases; `out` is writable for `count` columns of the
    // row.
    unsafe {
        let (min, max) = (I::splat_f32(min), I::splat_f32(max));
        sums.for_each(
            #[inline(always)]
            |sum, row, column, count| {
                let row_scale = I::splat_f32(*row_scales.add(row * row_scale_step));
                let scale = I::mul_f32(row_scale, I::load_f32(column_scales.add(column)));
                let real = I::add_f32(I::mul_f32(I::to_f32(*sum), scale), I::load_f32(bias.add(column)));
                let real = I::min_f32(max, I::max_f32(min, real));
                store(
                    out.add(row * row_stride + column),
                    count,
                    #[inline(always)]
                    |p| I::store_f32(p, real),
                );
            },
        );
    }
}

/// Requantizes; `add(real, row, column, count)` adds the second operand, if there is one.
///
/// Four rows at a time, whose codes are packed together; the last four overlap those before them where rows are left
/// over.
///
/// # Safety
///
/// The CPU has the instruction set; the sums are [valid](Sums#validity), and `end` is an end, as a
/// [valid](Epilogue#validity) epilogue has it for their rows and columns.
#[inline(always)]
unsafe fn store_bytes<I: Isa>(sums: &Sums<I>, end: &End, add: impl Fn(I::F32, usize, usize, usize) -> I::F32) {
    let &End::Bytes { out, row_stride, multipliers, clamp, .. } = end else { return };
    // SAFETY: the CPU has the instruction set; there are multipliers for whole slabs. `out` is writable for the rows of
    // the sums: `count` columns one by one, and whole vectors of four rows only where a slab has all its columns and `i
    // + 4 <= mr`.
    unsafe {
        let ends = Ends::<I>::new(clamp);
        for j in 0..sums.nr {
            let column = sums.column + j * LANES;
            let (count, multiplier) = ((sums.columns - j * LANES).min(LANES), I::load_f32(multipliers.add(column)));
            let out = out.add(sums.row * row_stride + column);
            if count < LANES || sums.mr < 4 {
                for i in 0..sums.mr {
                    let codes = ends.codes(sums.real(i, j, multiplier, count, &add));
                    store(
                        out.add(i * row_stride),
                        count,
                        #[inline(always)]
                        |p| I::store_bytes(p, codes),
                    );
                }
                continue;
            }
            let mut i = 0;
            while i < sums.mr {
                i = i.min(sums.mr - 4);
                let reals = [
                    sums.real(i, j, multiplier, LANES, &add),
                    sums.real(i + 1, j, multiplier, LANES, &add),
                    sums.real(i + 2, j, multiplier, LANES, &add),
                    sums.real(i + 3, j, multiplier, LANES, &add),
                ];
                I::store_codes(out.add(i * row_stride), row_stride, reals, &ends);
                i += 4;
            }
        }
    }
}

/// `f32(residual - zero_point) * multiplier` of the results from `column` on.
///
/// # Safety
///
/// The CPU has the instruction set; the residual is readable for `count` columns of the row, from `column` on.
#[inline(always)]
unsafe fn residual_term<I: Isa>(residual: &RawResidual, row: usize, column: usize, count: usize) -> I::F32 {
    // SAFETY: the CPU has the instruction set; `count` codes of the residual are read, at most 16, or copied to 16 on
    // the stack.
    unsafe {
        let mut codes = residual.codes.add(row * residual.row_stride + column);
        let mut padded = [0_u8; LANES];
        if count < LANES {
            core::ptr::copy_nonoverlapping(codes, padded.as_mut_ptr(), count);
            codes = padded.as_ptr();
        }
        let codes = if residual.is_signed { I::load_i8(codes.cast()) } else { I::load_u8(codes) };
        let steps = I::add_i32(codes, I::splat_i32(-residual.zero_point));
        I::mul_f32(I::to_f32(steps), I::splat_f32(residual.multiplier))
    }
}

/// Stores `count` lanes: a whole vector, or all lanes to the stack and then as many as there are places.
///
/// # Safety
///
/// `out` is writable for `count` elements, at most 16; `store` may be called with 16.
#[inline(always)]
unsafe fn store<T: Copy + Default>(out: *mut T, count: usize, store: impl FnOnce(*mut T)) {
    if count == LANES {
        return store(out);
    }
    let mut all = [T::default(); LANES];
    store(all.as_mut_ptr());
    // SAFETY: `out` is writable for `count` elements, `all` has 16, and one is not the other.
    unsafe { core::ptr::copy_nonoverlapping(all.as_ptr(), out, count) };
}

//! The code that makes results of sums, instantiated for each backend.

use super::super::isa::{Isa, LANES};
use super::super::quantizer::Quantizer;
use super::{Epilogue, RawOutput, RawResidual, Sums};

/// Finishes a tile: makes results of its sums and stores them.
///
/// One instance for all sizes of tiles: their sums go through the L1 cache, which costs less than what a copy of this
/// code for each size would take of the instruction cache.
///
/// # Safety
///
/// The CPU has the instruction set; the sums are [valid](Sums#validity), and the epilogue is [valid](Epilogue#validity)
/// for their rows, `row` to `row + mr`, and columns, `column` to `column + columns`.
#[inline(never)]
pub(in super::super) unsafe fn finish<I: Isa>(epilogue: &Epilogue, sums: &Sums<I>) {
    // SAFETY: the caller vouches for the CPU, the sums and the epilogue.
    unsafe {
        I::enter(
            #[inline(always)]
            move || apply(epilogue, sums),
        );
    }
}

/// [`finish`], within [`Isa::enter`].
///
/// # Safety
///
/// As for [`finish`].
#[inline(always)]
unsafe fn apply<I: Isa>(epilogue: &Epilogue, sums: &Sums<I>) {
    // SAFETY: the caller vouches for sums and epilogue; where `row_factors` and `row_sums` are not null, a valid
    // epilogue has them for these rows, and their columns' arrays too.
    unsafe {
        if !epilogue.row_factors.is_null() {
            add_products(sums, epilogue.row_factors, epilogue.column_sums);
        }
        if !epilogue.row_sums.is_null() {
            add_products(sums, epilogue.row_sums, epilogue.column_zero_points);
        }
        match &epilogue.output {
            RawOutput::I32 { out, row_stride } => store_sums(sums, *out, *row_stride),
            output @ RawOutput::F32 { .. } => store_floats(sums, output),
            output @ RawOutput::Bytes { residual: None, .. } => store_bytes(
                sums,
                output,
                #[inline(always)]
                |x, _, _, _| x,
            ),
            output @ RawOutput::Bytes { residual: Some(residual), .. } => store_bytes(
                sums,
                output,
                #[inline(always)]
                |x, row, column, count| I::add_f32(x, residual_term::<I>(residual, row, column, count)),
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

/// Dequantizes the sums and stores the floats.
///
/// # Safety
///
/// The CPU has the instruction set; the sums are [valid](Sums#validity), and `output` is that of an
/// epilogue that is [valid](Epilogue#validity) for their rows and columns.
#[inline(always)]
unsafe fn store_floats<I: Isa>(sums: &Sums<I>, output: &RawOutput) {
    let &RawOutput::F32 { out, row_stride, row_scales, row_scale_step, column_scales, bias, min, max } = output else {
        return;
    };
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
                let x = I::add_f32(I::mul_f32(I::to_f32(*sum), scale), I::load_f32(bias.add(column)));
                let x = I::min_f32(max, I::max_f32(min, x));
                store(
                    out.add(row * row_stride + column),
                    count,
                    #[inline(always)]
                    |p| I::store_f32(p, x),
                );
            },
        );
    }
}

/// Requantizes; `add(x, row, column, count)` adds the second operand, if there is one.
///
/// Slabs with all their columns four rows at a time ([`Isa::BY_FOURS`]), where the tile has as many; the last four rows
/// overlap those before them where rows are left over.
///
/// # Safety
///
/// The CPU has the instruction set; the sums are [valid](Sums#validity), and `output` is that of an
/// epilogue that is [valid](Epilogue#validity) for their rows and columns.
#[inline(always)]
unsafe fn store_bytes<I: Isa>(sums: &Sums<I>, output: &RawOutput, add: impl Fn(I::F32, usize, usize, usize) -> I::F32) {
    let &RawOutput::Bytes { out, row_stride, multipliers, clamp, .. } = output else { return };
    let by_fours = if const { I::BY_FOURS } && sums.mr >= 4 { sums.columns / LANES } else { 0 };
    // SAFETY: the CPU has the instruction set; there are multipliers for whole slabs. `out` is writable for the rows of
    // the sums: whole vectors of four rows where a slab has all its columns and `i + 4 <= mr`, else `count` columns of
    // one.
    unsafe {
        let out = out.add(sums.row * row_stride);
        let quantizer = Quantizer::<I>::new(clamp);
        for j in 0..by_fours {
            let column = sums.column + j * LANES;
            let multiplier = I::load_f32(multipliers.add(column));
            let mut i = 0;
            while i < sums.mr {
                i = i.min(sums.mr - 4);
                let rows = [
                    sums.scaled(i, j, multiplier, LANES, &add),
                    sums.scaled(i + 1, j, multiplier, LANES, &add),
                    sums.scaled(i + 2, j, multiplier, LANES, &add),
                    sums.scaled(i + 3, j, multiplier, LANES, &add),
                ];
                quantizer.store_rows(out.add(i * row_stride + column), row_stride, rows);
                i += 4;
            }
        }
        for j in by_fours..sums.nr {
            let column = sums.column + j * LANES;
            let (count, multiplier) = ((sums.columns - j * LANES).min(LANES), I::load_f32(multipliers.add(column)));
            for i in 0..sums.mr {
                let quantized = quantizer.quantize(sums.scaled(i, j, multiplier, count, &add));
                store(
                    out.add(i * row_stride + column),
                    count,
                    #[inline(always)]
                    |p| I::store_bytes(p, quantized),
                );
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
    // SAFETY: the CPU has the instruction set; `count` values of the residual are read, at most 16, or copied to 16 on
    // the stack.
    unsafe {
        let mut values = residual.values.add(row * residual.row_stride + column);
        let mut padded = [0_u8; LANES];
        if count < LANES {
            core::ptr::copy_nonoverlapping(values, padded.as_mut_ptr(), count);
            values = padded.as_ptr();
        }
        let values = if residual.is_signed { I::load_i8(values.cast()) } else { I::load_u8(values) };
        let steps = I::add_i32(values, I::splat_i32(-residual.zero_point));
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

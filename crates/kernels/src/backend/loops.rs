//! Loops over elements: quantize, dequantize, range, sum, widening.

use super::isa::{Isa, LANES};
use super::quantizer::{Clamp, Quantizer};
use crate::{Affine, MinMax};

/// The element loops of a backend. Slices of one call have the same length; of others the loops compute what all of
/// them have.
///
/// # Safety
///
/// Each function asks that the CPU has the backend's instruction set ([`super::Backend::is_supported`]), and nothing
/// else.
#[derive(Debug)]
pub(crate) struct Loops {
    /// `clamp(round(x / scale) + zero_point, q_min, q_max)`, the low byte; NaN becomes the zero point.
    pub(crate) quantize: unsafe fn(&[f32], Affine, &mut [u8]),
    /// `scale * (q - zero_point)`, of signed quantized values if so said.
    pub(crate) dequantize: unsafe fn(&[u8], bool, Affine, &mut [f32]),
    /// The range of the finite elements and the number of others.
    pub(crate) min_max: unsafe fn(&[f32]) -> MinMax,
    /// `clamp(round(fma(m_b, b, fma(m_a, a, constant))), ..)`, the low byte, with the zero points in the constant.
    pub(crate) add: unsafe fn(Term<'_>, Term<'_>, Clamp, &mut [u8]),
    /// `clamp(round(f32((a - z_a) * (b - z_b)) * multiplier + f32(zero_point)), ..)`, the low byte.
    pub(crate) multiply: unsafe fn(Operand<'_>, Operand<'_>, f32, Clamp, &mut [u8]),
    /// `out[i] = max(out[i], x[i])`, of signed quantized values if so said.
    pub(crate) max: unsafe fn(&[u8], bool, &mut [u8]),
    /// `sums[i] += x[i] - zero_point`, of signed quantized values if so said.
    pub(crate) accumulate: unsafe fn(&[u8], bool, i32, &mut [i32]),
    /// `clamp(round(f32(sum) * multiplier) + zero_point, ..)`, the low byte; with a multiplier for each sum, or one for
    /// all.
    pub(crate) requantize: unsafe fn(&[i32], &[f32], Clamp, &mut [u8]),
}

/// An operand of a sum or product: as many quantized values as the result has, or one for all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<'a> {
    pub(crate) values: &'a [u8],
    pub(crate) is_signed: bool,
    pub(crate) zero_point: i32,
}

impl Operand<'_> {
    /// The results for which it has quantized values.
    fn results(&self) -> usize {
        if self.values.len() == 1 { usize::MAX } else { self.values.len() }
    }
}

/// An operand of a sum and its multiplier.
pub(crate) type Term<'a> = (Operand<'a>, f32);

impl Loops {
    pub(crate) const fn of<I: Isa>() -> Self {
        Self {
            quantize: quantize::<I>,
            dequantize: dequantize::<I>,
            min_max: min_max::<I>,
            add: add::<I>,
            multiply: multiply::<I>,
            max: max::<I>,
            accumulate: accumulate::<I>,
            requantize: requantize::<I>,
        }
    }
}

/// Calls `full` for each whole vector and `rest` for what is left.
#[inline(always)]
fn in_vectors(length: usize, mut f: impl FnMut(usize, usize)) {
    let whole = length / LANES * LANES;
    let mut at = 0;
    while at < whole {
        f(at, LANES);
        at += LANES;
    }
    if at < length {
        f(at, length - at);
    }
}

/// The elements at `at`, of which `x` has `count`, readable for a whole vector: those of `x`, or of `padded` after
/// copying what is there.
#[inline(always)]
fn vector_at<T: Copy>(x: &[T], at: usize, count: usize, padded: &mut [T; LANES]) -> *const T {
    debug_assert!(at + count <= x.len(), "places within the shortest slice");
    if count == LANES {
        return x[at..].as_ptr();
    }
    padded[..count].copy_from_slice(&x[at..at + count]);
    padded.as_ptr()
}

/// Stores a vector's `count` elements, for which `out` has room at `at`; `store` gets room for all 16.
#[inline(always)]
fn store_at<T: Copy + Default>(out: &mut [T], at: usize, count: usize, store: impl FnOnce(*mut T)) {
    debug_assert!(at + count <= out.len(), "places within the shortest slice");
    if count == LANES {
        return store(out[at..].as_mut_ptr());
    }
    let mut all = [T::default(); LANES];
    store(all.as_mut_ptr());
    out[at..at + count].copy_from_slice(&all[..count]);
}

/// As [`Loops::quantize`].
///
/// # Safety
///
/// The CPU has the instruction set.
unsafe fn quantize<I: Isa>(x: &[f32], affine: Affine, out: &mut [u8]) {
    // SAFETY: the CPU has the instruction set; `in_vectors` stays within the shortest slice, where `vector_at` gives 16
    // lanes.
    unsafe {
        I::enter(
            #[inline(always)]
            || {
                let Affine { scale, zero_point, q_min, q_max } = affine;
                let (quantizer, scale) = (Quantizer::<I>::new(Clamp { zero_point, q_min, q_max }), I::splat_f32(scale));
                in_vectors(
                    x.len().min(out.len()),
                    #[inline(always)]
                    |at, count| {
                        let real = I::load_f32(vector_at(x, at, count, &mut [0.0; LANES]));
                        store_quantized(&quantizer, I::nan_to_zero(I::div_f32(real, scale)), out, at, count);
                    },
                );
            },
        );
    }
}

/// As [`Loops::dequantize`].
///
/// # Safety
///
/// The CPU has the instruction set.
unsafe fn dequantize<I: Isa>(q: &[u8], is_signed: bool, affine: Affine, out: &mut [f32]) {
    // SAFETY: the CPU has the instruction set; `in_vectors` stays within the shorter slice, where `vector_at` gives 16
    // lanes and `store_at` room for as many.
    unsafe {
        I::enter(
            #[inline(always)]
            || {
                let (scale, offset) = (I::splat_f32(affine.scale), I::splat_i32(-affine.zero_point));
                in_vectors(
                    q.len().min(out.len()),
                    #[inline(always)]
                    |at, count| {
                        let mut padded = [0; LANES];
                        let values = vector_at(q, at, count, &mut padded);
                        let values = if is_signed { I::load_i8(values.cast()) } else { I::load_u8(values) };
                        let real = I::mul_f32(scale, I::to_f32(I::add_i32(values, offset)));
                        store_at(
                            out,
                            at,
                            count,
                            #[inline(always)]
                            |p| I::store_f32(p, real),
                        );
                    },
                );
            },
        );
    }
}

/// Quantizes floats and stores them.
///
/// # Safety
///
/// The CPU has the instruction set.
#[inline(always)]
unsafe fn store_quantized<I: Isa>(quantizer: &Quantizer<I>, x: I::F32, out: &mut [u8], at: usize, count: usize) {
    // SAFETY: the CPU has the instruction set; `store_at` gives room for 16 lanes.
    unsafe {
        let quantized = quantizer.quantize(x);
        store_at(
            out,
            at,
            count,
            #[inline(always)]
            |p| I::store_bytes(p, quantized),
        );
    }
}

/// As [`Loops::add`].
///
/// # Safety
///
/// The CPU has the instruction set.
#[expect(clippy::cast_precision_loss, reason = "8-bit values")]
unsafe fn add<I: Isa>((a, m_a): Term<'_>, (b, m_b): Term<'_>, clamp: Clamp, out: &mut [u8]) {
    // SAFETY: the CPU has the instruction set.
    unsafe {
        I::enter(
            #[inline(always)]
            || {
                let constant = clamp.zero_point as f32 - (m_a * a.zero_point as f32 + m_b * b.zero_point as f32);
                let quantizer = Quantizer::<I>::new(Clamp { zero_point: 0, ..clamp });
                let (m_a, m_b, constant) = (I::splat_f32(m_a), I::splat_f32(m_b), I::splat_f32(constant));
                in_vectors(
                    out.len().min(a.results()).min(b.results()),
                    #[inline(always)]
                    |at, count| {
                        let real = I::fma_f32(m_a, I::to_f32(values::<I>(a, at, count)), constant);
                        let real = I::fma_f32(m_b, I::to_f32(values::<I>(b, at, count)), real);
                        store_quantized(&quantizer, real, out, at, count);
                    },
                );
            },
        );
    }
}

/// As [`Loops::multiply`].
///
/// # Safety
///
/// The CPU has the instruction set.
#[expect(clippy::cast_precision_loss, reason = "8-bit values")]
unsafe fn multiply<I: Isa>(a: Operand<'_>, b: Operand<'_>, multiplier: f32, clamp: Clamp, out: &mut [u8]) {
    // SAFETY: the CPU has the instruction set.
    unsafe {
        I::enter(
            #[inline(always)]
            || {
                let quantizer = Quantizer::<I>::new(Clamp { zero_point: 0, ..clamp });
                let (zero_point, multiplier) = (I::splat_f32(clamp.zero_point as f32), I::splat_f32(multiplier));
                in_vectors(
                    out.len().min(a.results()).min(b.results()),
                    #[inline(always)]
                    |at, count| {
                        let product = I::mul_i32(steps::<I>(a, at, count), steps::<I>(b, at, count));
                        let real = I::mul_f32(I::to_f32(product), multiplier);
                        store_quantized(&quantizer, I::add_f32(real, zero_point), out, at, count);
                    },
                );
            },
        );
    }
}

/// `q - zero_point`.
///
/// # Safety
///
/// The CPU has the instruction set.
#[inline(always)]
unsafe fn steps<I: Isa>(operand: Operand<'_>, at: usize, count: usize) -> I::I32 {
    // SAFETY: the CPU has the instruction set.
    unsafe { I::add_i32(values::<I>(operand, at, count), I::splat_i32(-operand.zero_point)) }
}

/// The quantized values of an operand, which has `count` at `at` or a single one.
///
/// # Safety
///
/// The CPU has the instruction set.
#[inline(always)]
unsafe fn values<I: Isa>(operand: Operand<'_>, at: usize, count: usize) -> I::I32 {
    // SAFETY: the CPU has the instruction set; `vector_at` gives 16 lanes, and a single quantized value is repeated in
    // as many.
    unsafe {
        let mut padded = [0; LANES];
        let values = match operand.values {
            [one] => {
                padded = [*one; LANES];
                padded.as_ptr()
            }
            values => vector_at(values, at, count, &mut padded),
        };
        if operand.is_signed { I::load_i8(values.cast()) } else { I::load_u8(values) }
    }
}

/// As [`Loops::max`].
///
/// # Safety
///
/// The CPU has the instruction set.
unsafe fn max<I: Isa>(x: &[u8], is_signed: bool, out: &mut [u8]) {
    // SAFETY: the CPU has the instruction set.
    unsafe {
        I::enter(
            #[inline(always)]
            || {
                // Signed quantized values are in the order of unsigned ones when their sign bits are flipped.
                let flip = if is_signed { 0x80 } else { 0 };
                for (out, x) in out.iter_mut().zip(x) {
                    *out = (*out ^ flip).max(*x ^ flip) ^ flip;
                }
            },
        );
    }
}

/// As [`Loops::accumulate`].
///
/// # Safety
///
/// The CPU has the instruction set.
unsafe fn accumulate<I: Isa>(x: &[u8], is_signed: bool, zero_point: i32, sums: &mut [i32]) {
    // SAFETY: the CPU has the instruction set.
    unsafe {
        I::enter(
            #[inline(always)]
            || {
                // A signed quantized value is its byte with the sign bit flipped, less 128.
                let (flip, offset) = if is_signed { (0x80, 128) } else { (0, 0) };
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = sum.wrapping_add(i32::from(*x ^ flip) - (zero_point + offset));
                }
            },
        );
    }
}

/// As [`Loops::requantize`].
///
/// # Safety
///
/// The CPU has the instruction set.
unsafe fn requantize<I: Isa>(sums: &[i32], multipliers: &[f32], clamp: Clamp, out: &mut [u8]) {
    // SAFETY: the CPU has the instruction set; `vector_at` gives 16 lanes.
    unsafe {
        I::enter(
            #[inline(always)]
            || {
                let quantizer = Quantizer::<I>::new(clamp);
                let multiplied = if multipliers.len() == 1 { usize::MAX } else { multipliers.len() };
                in_vectors(
                    sums.len().min(out.len()).min(multiplied),
                    #[inline(always)]
                    |at, count| {
                        let sum = I::load_i32(vector_at(sums, at, count, &mut [0; LANES]));
                        let multiplier = match multipliers {
                            [one] => I::splat_f32(*one),
                            each => I::load_f32(vector_at(each, at, count, &mut [0.0; LANES])),
                        };
                        store_quantized(&quantizer, I::mul_f32(I::to_f32(sum), multiplier), out, at, count);
                    },
                );
            },
        );
    }
}

/// As [`Loops::min_max`].
///
/// # Safety
///
/// The CPU has the instruction set.
unsafe fn min_max<I: Isa>(x: &[f32]) -> MinMax {
    // SAFETY: the CPU has the instruction set.
    unsafe {
        I::enter(
            #[inline(always)]
            || range_of(x),
        )
    }
}

/// The range in 16 lanes, in a form that the compiler makes vectors of.
#[inline(always)]
fn range_of(x: &[f32]) -> MinMax {
    let (mut min, mut max) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    let (mut nan, mut infinite) = (0_usize, 0_usize);
    for block in x.chunks(LANES * 4096) {
        let (mut block_nan, mut block_infinite) = ([0_u32; LANES], [0_u32; LANES]);
        for chunk in block.chunks(LANES) {
            let mut all = [chunk[0]; LANES];
            all[..chunk.len()].copy_from_slice(chunk);
            let counted = if chunk.len() == LANES { 1 } else { 0 };
            for lane in 0..LANES {
                let x = all[lane];
                let is_finite = x.abs() < f32::INFINITY;
                min[lane] = if is_finite && x < min[lane] { x } else { min[lane] };
                max[lane] = if is_finite && x > max[lane] { x } else { max[lane] };
                block_nan[lane] += if x.is_nan() { counted } else { 0 };
                block_infinite[lane] += if x.abs() == f32::INFINITY { counted } else { 0 };
            }
        }
        nan += block_nan.iter().map(|&count| count as usize).sum::<usize>();
        infinite += block_infinite.iter().map(|&count| count as usize).sum::<usize>();
    }
    let rest = &x[x.len() / LANES * LANES..];
    nan += rest.iter().filter(|x| x.is_nan()).count();
    infinite += rest.iter().filter(|x| x.is_infinite()).count();
    let smallest = min.into_iter().fold(f32::INFINITY, |a, b| if b < a { b } else { a });
    let largest = max.into_iter().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    MinMax { min: smallest, max: largest, nan, infinite }
}

//! Vectors of 16 in two 256-bit registers: what every backend with AVX2 shares.

use core::arch::x86_64::*;
use core::fmt::Debug;
use core::marker::PhantomData;

use super::super::isa::{Broadcast, Isa};
use super::super::layout::Layout;

/// What a backend with 256-bit registers adds to AVX2 and FMA, without which [`Dot::is_supported`] is false.
pub(crate) trait Dot: Copy + Debug + 'static {
    const NAME: &'static str;
    const LAYOUT: Layout;
    const ROWS: [usize; 4];

    /// Whether the CPU has AVX2, FMA and what is added to them: "the instruction set" below.
    fn is_supported() -> bool;

    /// As [`Isa::enter`].
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R;

    /// As [`Isa::rhs`].
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; `step` is readable for a step, and aligned to 32 bytes.
    unsafe fn rhs(step: *const i8) -> [__m256i; 2];

    /// As [`Isa::dot_lanes`], for half a vector.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set.
    unsafe fn dot(acc: __m256i, lhs: __m256i, rhs: __m256i) -> __m256i;

    /// As [`Isa::interleave`].
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set; as many taps as a group has products are readable for 16 activations each.
    unsafe fn interleave(taps: [*const u8; 4]) -> [__m256i; 2];
}

/// A backend with 256-bit registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ymm<D>(PhantomData<D>);

impl<D: Dot> Isa for Ymm<D> {
    const NAME: &'static str = D::NAME;
    const LAYOUT: Layout = D::LAYOUT;
    /// 12 sums in two, a slab and a few elements of rows fit the 16 registers; 8 sums hide the latency where there is
    /// one row.
    const FLOAT_ROWS: [usize; 4] = [6, 2, 0, 1];
    const BY_FOURS: bool = true;

    type I32 = [__m256i; 2];
    type F32 = [__m256; 2];
    /// Two rows each; in either 128 bits, lanes 0 to 3 and 8 to 11, or 4 to 7 and 12 to 15, of both.
    type Rows = [__m256i; 2];
    type Rhs = [__m256i; 2];

    fn is_supported() -> bool {
        D::is_supported()
    }

    #[inline(always)]
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
        // SAFETY: the CPU has the instruction set of `D`.
        unsafe { D::enter(f) }
    }

    #[inline(always)]
    unsafe fn rhs(step: *const i8) -> [__m256i; 2] {
        // SAFETY: the CPU has the instruction set of `D`; `step` is readable for a step, and aligned to the 32 bytes of
        // which a step of either layout is a multiple.
        unsafe { D::rhs(step) }
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> [__m256i; 2] {
        // SAFETY: the CPU has the instruction set of `D`; each of the taps of a group is readable for 16 activations.
        unsafe { D::interleave(taps) }
    }

    #[inline(always)]
    unsafe fn dot_lanes(acc: [__m256i; 2], lhs: [__m256i; 2], rhs: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the CPU has the instruction set of `D`.
        unsafe { [D::dot(acc[0], lhs[0], rhs[0]), D::dot(acc[1], lhs[1], rhs[1])] }
    }

    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_set1_epi32(x); 2] }
    }

    #[inline(always)]
    unsafe fn load_i32(p: *const i32) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2, and `p` is readable for 16 lanes.
        unsafe { [_mm256_loadu_si256(p.cast()), _mm256_loadu_si256(p.add(8).cast())] }
    }

    #[inline(always)]
    unsafe fn store_i32(p: *mut i32, x: [__m256i; 2]) {
        // SAFETY: the CPU has AVX2, and `p` is writable for 16 lanes.
        unsafe {
            _mm256_storeu_si256(p.cast(), x[0]);
            _mm256_storeu_si256(p.add(8).cast(), x[1]);
        }
    }

    #[inline(always)]
    unsafe fn add_i32(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn mul_i32(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_mullo_epi32(a[0], b[0]), _mm256_mullo_epi32(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2, and `p` is readable for 16 lanes.
        unsafe {
            [_mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast())), _mm256_cvtepu8_epi32(_mm_loadl_epi64(p.add(8).cast()))]
        }
    }

    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2, and `p` is readable for 16 lanes.
        unsafe {
            [_mm256_cvtepi8_epi32(_mm_loadl_epi64(p.cast())), _mm256_cvtepi8_epi32(_mm_loadl_epi64(p.add(8).cast()))]
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, x: [__m256i; 2]) {
        // SAFETY: the CPU has AVX2, and `p` is writable for 16 lanes.
        unsafe {
            let low = _mm256_set1_epi32(0xff);
            let words = _mm256_packus_epi32(_mm256_and_si256(x[0], low), _mm256_and_si256(x[1], low));
            let bytes = _mm256_packus_epi16(words, words);
            // Packing works within 128 bits: bytes 0-3 and 8-11 in the first, 4-7 and 12-15 in the second.
            let ordered = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5));
            _mm_storeu_si128(p.cast(), _mm256_castsi256_si128(ordered));
        }
    }

    #[inline(always)]
    unsafe fn splat_f32(x: f32) -> [__m256; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_set1_ps(x); 2] }
    }

    #[inline(always)]
    unsafe fn load_f32(p: *const f32) -> [__m256; 2] {
        // SAFETY: the CPU has AVX2, and `p` is readable for 16 lanes.
        unsafe { [_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))] }
    }

    #[inline(always)]
    unsafe fn store_f32(p: *mut f32, x: [__m256; 2]) {
        // SAFETY: the CPU has AVX2, and `p` is writable for 16 lanes.
        unsafe {
            _mm256_storeu_ps(p, x[0]);
            _mm256_storeu_ps(p.add(8), x[1]);
        }
    }

    #[inline(always)]
    unsafe fn add_f32(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn mul_f32(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn fma_f32(a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the CPU has FMA, without which no `Dot` is supported.
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    unsafe fn div_f32(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn max_f32(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn min_f32(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn nan_to_zero(x: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe {
            [
                _mm256_and_ps(x[0], _mm256_cmp_ps::<_CMP_ORD_Q>(x[0], x[0])),
                _mm256_and_ps(x[1], _mm256_cmp_ps::<_CMP_ORD_Q>(x[1], x[1])),
            ]
        }
    }

    #[inline(always)]
    unsafe fn to_f32(x: [__m256i; 2]) -> [__m256; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_cvtepi32_ps(x[0]), _mm256_cvtepi32_ps(x[1])] }
    }

    #[inline(always)]
    unsafe fn round(x: [__m256; 2]) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_cvtps_epi32(x[0]), _mm256_cvtps_epi32(x[1])] }
    }

    /// The instruction makes the smallest integer of NaN, and of what is less than any.
    #[inline(always)]
    unsafe fn round_or_low(x: [__m256; 2]) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_cvtps_epi32(x[0]), _mm256_cvtps_epi32(x[1])] }
    }

    #[inline(always)]
    unsafe fn splat_u8(x: u8) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_set1_epi8(x.cast_signed()); 2] }
    }

    #[inline(always)]
    unsafe fn max_u8(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_max_epu8(a[0], b[0]), _mm256_max_epu8(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn xor_u8(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe { [_mm256_xor_si256(a[0], b[0]), _mm256_xor_si256(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn narrow(rows: [[__m256i; 2]; 4], offset: i16) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2.
        unsafe {
            let offset = _mm256_set1_epi16(offset);
            let [a, b, c, d] = rows.map(
                #[inline(always)]
                |row| _mm256_adds_epi16(_mm256_packs_epi32(row[0], row[1]), offset),
            );
            [_mm256_packus_epi16(a, b), _mm256_packus_epi16(c, d)]
        }
    }

    #[inline(always)]
    unsafe fn store_rows(out: *mut u8, row_stride: usize, rows: [__m256i; 2]) {
        // SAFETY: the CPU has AVX2, and four rows of 16 bytes, `row_stride` apart, are writable from `out` on.
        unsafe {
            for (pair, rows) in rows.into_iter().enumerate() {
                let out = out.add(2 * pair * row_stride);
                let rows = _mm256_permutevar8x32_epi32(rows, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
                _mm_storeu_si128(out.cast(), _mm256_castsi256_si128(rows));
                _mm_storeu_si128(out.add(row_stride).cast(), _mm256_extracti128_si256::<1>(rows));
            }
        }
    }
}

impl<D: Dot> Broadcast for Ymm<D> {
    const ROWS: [usize; 4] = D::ROWS;

    type Lhs = __m256i;

    #[inline(always)]
    unsafe fn lhs(group: *const u8) -> __m256i {
        const { assert!(D::LAYOUT.group_bytes() == size_of::<i32>()) };
        // SAFETY: the CPU has AVX2; `group` is readable for its four bytes.
        unsafe { _mm256_set1_epi32(group.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn dot(acc: [__m256i; 2], lhs: __m256i, rhs: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the CPU has the instruction set of `D`.
        unsafe { [D::dot(acc[0], lhs, rhs[0]), D::dot(acc[1], lhs, rhs[1])] }
    }
}

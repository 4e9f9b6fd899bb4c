//! AVX-VNNI: `vpdpbusd` on 256-bit registers, for CPUs that have it without AVX-512.

use core::arch::x86_64::*;

use super::super::layout::Layout;
use super::ymm::{Dot, Ymm};

/// The AVX-VNNI backend.
pub(crate) type AvxVnni = Ymm<ByVex>;

/// The same backend with the instruction in the encoding of AVX512-VNNI, so that it can be tested on CPUs that have
/// only that.
#[cfg(test)]
pub(crate) type AvxVnniByAvx512 = Ymm<ByEvex>;

/// How either backend reads its operands.
const LAYOUT: Layout = Layout::Bytes;

/// The most rows of a tile: 12 sums, a slab in two and an activation fit the 16 registers.
const ROWS: [usize; 4] = [6, 0, 0, 0];

/// One step of a slab.
///
/// # Safety
///
/// The CPU has AVX2; `step` is readable for 64 bytes, and aligned to 32.
#[inline(always)]
unsafe fn rhs(step: *const i8) -> [__m256i; 2] {
    const { assert!(LAYOUT.step_bytes() == 64) };
    // SAFETY: the CPU has AVX2; `step` is readable for both halves of 64 bytes, and aligned to 32, as both are then.
    unsafe { [_mm256_load_si256(step.cast()), _mm256_load_si256(step.add(32).cast())] }
}

/// Four bytes of every lane next to each other.
///
/// # Safety
///
/// The CPU has AVX2; each of the four taps is readable for 16 bytes.
#[inline(always)]
unsafe fn interleave(taps: [*const u8; 4]) -> [__m256i; 2] {
    const { assert!(LAYOUT.depth() == 4 && LAYOUT.lhs_bytes() == 1) };
    // SAFETY: the CPU has AVX2; each of the four taps is readable for 16 bytes.
    unsafe {
        let [a, b, c, d] = taps.map(
            #[inline(always)]
            |tap| _mm_loadu_si128(tap.cast()),
        );
        let (low, high) =
            ((_mm_unpacklo_epi8(a, b), _mm_unpacklo_epi8(c, d)), (_mm_unpackhi_epi8(a, b), _mm_unpackhi_epi8(c, d)));
        let quads = |(ab, cd): (__m128i, __m128i)| -> __m256i {
            let (first, second) = (_mm_unpacklo_epi16(ab, cd), _mm_unpackhi_epi16(ab, cd));
            _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(first), second)
        };
        [quads(low), quads(high)]
    }
}

/// `vpdpbusd` in the encoding of AVX-VNNI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByVex;

impl Dot for ByVex {
    const NAME: &'static str = "avx-vnni";
    const LAYOUT: Layout = LAYOUT;
    const ROWS: [usize; 4] = ROWS;

    fn is_supported() -> bool {
        super::has!("avx2" "fma" "avxvnni")
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avxvnni")]
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    unsafe fn rhs(step: *const i8) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2; `step` is readable for a step of this layout, 64 bytes, and aligned to 32.
        unsafe { rhs(step) }
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2; each of the four taps, as many as a group has products, is readable for 16 bytes.
        unsafe { interleave(taps) }
    }

    #[inline(always)]
    unsafe fn dot(acc: __m256i, lhs: __m256i, rhs: __m256i) -> __m256i {
        // SAFETY: the CPU has AVX-VNNI.
        unsafe { _mm256_dpbusd_avx_epi32(acc, lhs, rhs) }
    }
}

/// `vpdpbusd` in the encoding of AVX512-VNNI.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByEvex;

#[cfg(test)]
impl Dot for ByEvex {
    const NAME: &'static str = "avx-vnni by avx512";
    const LAYOUT: Layout = LAYOUT;
    const ROWS: [usize; 4] = ROWS;

    fn is_supported() -> bool {
        super::has!("avx2" "fma" "avx512vl" "avx512vnni")
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512vl,avx512vnni")]
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    unsafe fn rhs(step: *const i8) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2; `step` is readable for a step of this layout, 64 bytes, and aligned to 32.
        unsafe { rhs(step) }
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> [__m256i; 2] {
        // SAFETY: the CPU has AVX2; each of the four taps, as many as a group has products, is readable for 16 bytes.
        unsafe { interleave(taps) }
    }

    #[inline(always)]
    unsafe fn dot(acc: __m256i, lhs: __m256i, rhs: __m256i) -> __m256i {
        // SAFETY: the CPU has AVX-512 VL and VNNI.
        unsafe { _mm256_dpbusd_epi32(acc, lhs, rhs) }
    }
}

//! AVX2, exact: bytes are widened to 16 bits, of which `vpmaddwd` adds two products without saturating.
//!
//! `vpmaddubsw` would multiply bytes twice as fast, but its sums of two products saturate at 16 bits: 255 * 127 * 2
//! does not fit.

use core::arch::x86_64::*;

use super::super::layout::Layout;
use super::ymm::{Dot, Ymm};

/// The AVX2 backend.
pub(crate) type Avx2 = Ymm<Madd>;

/// Sums by `vpmaddwd`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Madd;

impl Dot for Madd {
    const NAME: &'static str = "avx2";
    const LAYOUT: Layout = Layout::Words;
    /// 12 sums, a slab in two, an activation and a product fill the 16 registers.
    const ROWS: [usize; 4] = [6, 0, 0, 0];

    fn is_supported() -> bool {
        super::has!("avx2" "fma")
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    unsafe fn rhs(step: *const i8) -> [__m256i; 2] {
        const { assert!(Self::LAYOUT.step_bytes() == 32) };
        // SAFETY: the CPU has AVX2; `step` is readable for a step of 32 bytes and aligned to as many, as every step of
        // this layout is.
        unsafe {
            [
                _mm256_cvtepi8_epi16(_mm_load_si128(step.cast())),
                _mm256_cvtepi8_epi16(_mm_load_si128(step.add(16).cast())),
            ]
        }
    }

    #[inline(always)]
    unsafe fn dot(acc: __m256i, lhs: __m256i, rhs: __m256i) -> __m256i {
        // SAFETY: the CPU has AVX2.
        unsafe { _mm256_add_epi32(acc, _mm256_madd_epi16(lhs, rhs)) }
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> [__m256i; 2] {
        const { assert!(Self::LAYOUT.depth() == 2 && Self::LAYOUT.lhs_bytes() == 2) };
        // SAFETY: the CPU has AVX2; each of the first two taps is readable for 16 words.
        unsafe {
            let half = |at: usize| -> __m256i {
                let first = _mm_loadu_si128(taps[0].add(at).cast());
                let second = _mm_loadu_si128(taps[1].add(at).cast());
                let (low, high) = (_mm_unpacklo_epi16(first, second), _mm_unpackhi_epi16(first, second));
                _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high)
            };
            [half(0), half(16)]
        }
    }
}

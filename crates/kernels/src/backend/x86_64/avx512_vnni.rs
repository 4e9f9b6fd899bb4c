//! AVX512-VNNI: one register holds a vector of 16, one instruction adds 64 products.

use core::arch::x86_64::*;

use super::super::isa::{Broadcast, Isa};
use super::super::layout::Layout;

/// AVX-512 F, BW, VL and VNNI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512Vnni;

impl Isa for Avx512Vnni {
    const NAME: &'static str = "avx512-vnni";
    const LAYOUT: Layout = Layout::Bytes;
    /// 24 sums, 3 slabs and an element fit the 32 registers, and pointers to 8 rows the others.
    const FLOAT_ROWS: [usize; 4] = [8, 8, 8, 4];
    const BY_FOURS: bool = true;

    type I32 = __m512i;
    type F32 = __m512;
    /// In each 128 bits, four lanes of each row.
    type Rows = __m512i;
    type Rhs = __m512i;

    fn is_supported() -> bool {
        super::has!("avx512f" "avx512bw" "avx512vl" "avx512vnni")
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    unsafe fn rhs(step: *const i8) -> __m512i {
        const { assert!(Self::LAYOUT.step_bytes() == size_of::<__m512i>()) };
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI; `step` is readable for a step of 64 bytes and aligned to a
        // cache line, as every step of this layout is.
        unsafe { _mm512_load_si512(step.cast()) }
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> __m512i {
        const { assert!(Self::LAYOUT.depth() == 4 && Self::LAYOUT.lhs_bytes() == 1) };
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI; each of the four taps is readable for 16 bytes.
        unsafe {
            let low = _mm256_inserti128_si256::<1>(
                _mm256_castsi128_si256(_mm_loadu_si128(taps[0].cast())),
                _mm_loadu_si128(taps[1].cast()),
            );
            let high = _mm256_inserti128_si256::<1>(
                _mm256_castsi128_si256(_mm_loadu_si128(taps[2].cast())),
                _mm_loadu_si128(taps[3].cast()),
            );
            let taps = opaque(_mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high));
            // Four channels of each tap into one quarter, then the four bytes of each channel together.
            let quarters = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            let channels = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            _mm512_shuffle_epi8(opaque(_mm512_permutexvar_epi32(quarters, taps)), _mm512_broadcast_i32x4(channels))
        }
    }

    #[inline(always)]
    unsafe fn dot_lanes(acc: __m512i, lhs: __m512i, rhs: __m512i) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_dpbusd_epi32(acc, lhs, rhs) }
    }

    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_set1_epi32(x) }
    }

    #[inline(always)]
    unsafe fn load_i32(p: *const i32) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI, and `p` is readable for 16 lanes.
        unsafe { _mm512_loadu_si512(p.cast()) }
    }

    #[inline(always)]
    unsafe fn store_i32(p: *mut i32, x: __m512i) {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI, and `p` is writable for 16 lanes.
        unsafe {
            _mm512_storeu_si512(p.cast(), x);
        }
    }

    #[inline(always)]
    unsafe fn add_i32(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_i32(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_mullo_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI, and `p` is readable for 16 lanes.
        unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(p.cast())) }
    }

    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI, and `p` is readable for 16 lanes.
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(p.cast())) }
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, x: __m512i) {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI, and `p` is writable for 16 lanes.
        unsafe {
            _mm_storeu_si128(p.cast(), _mm512_cvtepi32_epi8(x));
        }
    }

    #[inline(always)]
    unsafe fn splat_f32(x: f32) -> __m512 {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load_f32(p: *const f32) -> __m512 {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI, and `p` is readable for 16 lanes.
        unsafe { _mm512_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn store_f32(p: *mut f32, x: __m512) {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI, and `p` is writable for 16 lanes.
        unsafe {
            _mm512_storeu_ps(p, x);
        }
    }

    #[inline(always)]
    unsafe fn add_f32(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_f32(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn fma_f32(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn div_f32(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max_f32(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min_f32(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn nan_to_zero(x: __m512) -> __m512 {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_ORD_Q>(x, x), x) }
    }

    #[inline(always)]
    unsafe fn to_f32(x: __m512i) -> __m512 {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_cvtepi32_ps(x) }
    }

    #[inline(always)]
    unsafe fn round(x: __m512) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_cvtps_epi32(x) }
    }

    /// The instruction makes the smallest integer of NaN, and of what is less than any.
    #[inline(always)]
    unsafe fn round_or_low(x: __m512) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_cvtps_epi32(x) }
    }

    #[inline(always)]
    unsafe fn splat_u8(x: u8) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_set1_epi8(x.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn max_u8(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_max_epu8(a, b) }
    }

    #[inline(always)]
    unsafe fn xor_u8(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn narrow(rows: [__m512i; 4], offset: i16) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe {
            let offset = _mm512_set1_epi16(offset);
            let [low, high] = [_mm512_packs_epi32(rows[0], rows[1]), _mm512_packs_epi32(rows[2], rows[3])];
            _mm512_packus_epi16(_mm512_adds_epi16(low, offset), _mm512_adds_epi16(high, offset))
        }
    }

    #[inline(always)]
    unsafe fn store_rows(out: *mut u8, row_stride: usize, rows: __m512i) {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI, and four rows of 16 bytes, `row_stride` apart, are writable
        // from `out` on.
        unsafe {
            let lanes = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            let rows = opaque(_mm512_permutexvar_epi32(lanes, rows));
            _mm_storeu_si128(out.cast(), _mm512_castsi512_si128(rows));
            _mm_storeu_si128(out.add(row_stride).cast(), _mm512_extracti32x4_epi32::<1>(rows));
            _mm_storeu_si128(out.add(2 * row_stride).cast(), _mm512_extracti32x4_epi32::<2>(rows));
            _mm_storeu_si128(out.add(3 * row_stride).cast(), _mm512_extracti32x4_epi32::<3>(rows));
        }
    }
}

impl Broadcast for Avx512Vnni {
    /// 24 sums, 3 or 4 slabs and an activation fit the 32 registers.
    const ROWS: [usize; 4] = [12, 12, 8, 6];

    type Lhs = __m512i;

    #[inline(always)]
    unsafe fn lhs(group: *const u8) -> __m512i {
        const { assert!(Self::LAYOUT.group_bytes() == size_of::<i32>()) };
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI; `group` is readable for its four bytes.
        unsafe { _mm512_set1_epi32(group.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn dot(acc: __m512i, lhs: __m512i, rhs: __m512i) -> __m512i {
        // SAFETY: the CPU has AVX-512 F, BW, VL and VNNI.
        unsafe { _mm512_dpbusd_epi32(acc, lhs, rhs) }
    }
}

/// Hides where a vector is from: the compiler makes more permutations of two that follow each other, and one for each
/// quarter that is stored.
///
/// # Safety
///
/// The CPU has AVX-512 F.
#[inline]
#[target_feature(enable = "avx512f")]
fn opaque(mut x: __m512i) -> __m512i {
    // SAFETY: a comment, no instruction: nothing is read, written or jumped to.
    unsafe { core::arch::asm!("/* {} */", inout(zmm_reg) x, options(pure, nomem, nostack, preserves_flags)) };
    x
}

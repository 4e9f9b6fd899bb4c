//! Plain Rust on arrays of 16: runs everywhere, and is what the other backends are compared with.

mod pairs;

use core::fmt::Debug;
use core::marker::PhantomData;

use super::isa::{Broadcast, Isa, LANES};
use super::layout::Layout;

pub(crate) use pairs::Pairs;

/// The backend without an instruction set in particular.
pub(crate) type Portable = Vectors<Pairs>;

/// What a portable backend reads, how it multiplies, and how large its tiles are: tests have some of other layouts and
/// of odd sizes.
pub(crate) trait Dot: Copy + Debug + 'static {
    const NAME: &'static str;
    const LAYOUT: Layout;
    /// As [`Broadcast::ROWS`].
    const ROWS: [usize; 4];
    /// As [`Isa::FLOAT_ROWS`].
    const FLOAT_ROWS: [usize; 4];
    /// As [`Isa::BY_FOURS`].
    const BY_FOURS: bool;
    /// As [`Broadcast::Lhs`].
    type Lhs: Copy;
    /// As [`Isa::Rhs`].
    type Rhs: Copy;

    /// As [`Broadcast::lhs`].
    ///
    /// # Safety
    ///
    /// `group` is readable for [`Layout::group_bytes`].
    unsafe fn lhs(group: *const u8) -> Self::Lhs;

    /// As [`Isa::rhs`].
    ///
    /// # Safety
    ///
    /// `step` is readable for a step, and is where one of packed weights begins.
    unsafe fn rhs(step: *const i8) -> Self::Rhs;

    /// As [`Isa::interleave`].
    ///
    /// # Safety
    ///
    /// As many taps as a group has products are readable for 16 activations each.
    unsafe fn interleave(taps: [*const u8; 4]) -> Self::Rhs;

    /// As [`Broadcast::dot`].
    fn dot(acc: [i32; LANES], lhs: Self::Lhs, rhs: Self::Rhs) -> [i32; LANES];

    /// As [`Isa::dot_lanes`].
    fn dot_lanes(acc: [i32; LANES], lhs: Self::Rhs, rhs: Self::Rhs) -> [i32; LANES];
}

/// Vectors of 16 in arrays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vectors<D>(PhantomData<D>);

/// 1.5 * 2^23: adding it to a number within `-2^22..=2^22` leaves the nearest integer in the low bits.
const ROUNDER: f32 = 12_582_912.0;

#[inline(always)]
fn map<A: Copy, B: Copy>(a: [A; LANES], f: impl Fn(A) -> B) -> [B; LANES] {
    a.map(f)
}

#[inline(always)]
fn zip<A: Copy, B: Copy + Default>(a: [A; LANES], b: [A; LANES], f: impl Fn(A, A) -> B) -> [B; LANES] {
    let mut out = [B::default(); LANES];
    for lane in 0..LANES {
        out[lane] = f(a[lane], b[lane]);
    }
    out
}

#[inline(always)]
fn rows(a: [[u8; LANES]; 4], b: [[u8; LANES]; 4], f: impl Fn(u8, u8) -> u8) -> [[u8; LANES]; 4] {
    [zip(a[0], b[0], &f), zip(a[1], b[1], &f), zip(a[2], b[2], &f), zip(a[3], b[3], &f)]
}

/// `a * b + c`, rounded once: by the instruction if every CPU that this is compiled for has it.
#[inline(always)]
fn fma(a: f32, b: f32, c: f32) -> f32 {
    #[cfg(all(feature = "std", any(target_arch = "aarch64", target_feature = "fma")))]
    return a.mul_add(b, c);
    #[cfg(not(all(feature = "std", any(target_arch = "aarch64", target_feature = "fma"))))]
    super::fma::fma(a, b, c)
}

impl<D: Dot> Isa for Vectors<D> {
    const NAME: &'static str = D::NAME;
    const LAYOUT: Layout = D::LAYOUT;
    const FLOAT_ROWS: [usize; 4] = D::FLOAT_ROWS;
    const BY_FOURS: bool = D::BY_FOURS;

    type I32 = [i32; LANES];
    type F32 = [f32; LANES];
    type Rows = [[u8; LANES]; 4];
    type Rhs = D::Rhs;

    fn is_supported() -> bool {
        true
    }

    #[inline(always)]
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    unsafe fn rhs(step: *const i8) -> D::Rhs {
        // SAFETY: `step` is readable for a step, and is where one of packed weights begins.
        unsafe { D::rhs(step) }
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> D::Rhs {
        // SAFETY: each of the taps of a group is readable for 16 activations.
        unsafe { D::interleave(taps) }
    }

    #[inline(always)]
    unsafe fn dot_lanes(acc: [i32; LANES], lhs: D::Rhs, rhs: D::Rhs) -> [i32; LANES] {
        D::dot_lanes(acc, lhs, rhs)
    }

    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> [i32; LANES] {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load_i32(p: *const i32) -> [i32; LANES] {
        // SAFETY: `p` is readable for 16 lanes.
        unsafe { p.cast::<[i32; LANES]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store_i32(p: *mut i32, x: [i32; LANES]) {
        // SAFETY: `p` is writable for 16 lanes.
        unsafe {
            p.cast::<[i32; LANES]>().write_unaligned(x);
        }
    }

    #[inline(always)]
    unsafe fn add_i32(a: [i32; LANES], b: [i32; LANES]) -> [i32; LANES] {
        zip(a, b, i32::wrapping_add)
    }

    #[inline(always)]
    unsafe fn mul_i32(a: [i32; LANES], b: [i32; LANES]) -> [i32; LANES] {
        zip(a, b, i32::wrapping_mul)
    }

    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> [i32; LANES] {
        // SAFETY: `p` is readable for 16 lanes.
        unsafe { map(p.cast::<[u8; LANES]>().read_unaligned(), i32::from) }
    }

    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> [i32; LANES] {
        // SAFETY: `p` is readable for 16 lanes.
        unsafe { map(p.cast::<[i8; LANES]>().read_unaligned(), i32::from) }
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, x: [i32; LANES]) {
        // SAFETY: `p` is writable for 16 lanes.
        unsafe {
            p.cast::<[u8; LANES]>().write_unaligned(map(x, |x| x.to_le_bytes()[0]));
        }
    }

    #[inline(always)]
    unsafe fn splat_f32(x: f32) -> [f32; LANES] {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load_f32(p: *const f32) -> [f32; LANES] {
        // SAFETY: `p` is readable for 16 lanes.
        unsafe { p.cast::<[f32; LANES]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store_f32(p: *mut f32, x: [f32; LANES]) {
        // SAFETY: `p` is writable for 16 lanes.
        unsafe {
            p.cast::<[f32; LANES]>().write_unaligned(x);
        }
    }

    #[inline(always)]
    unsafe fn add_f32(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn mul_f32(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn fma_f32(a: [f32; LANES], b: [f32; LANES], c: [f32; LANES]) -> [f32; LANES] {
        let mut out = [0.0; LANES];
        for lane in 0..LANES {
            out[lane] = fma(a[lane], b[lane], c[lane]);
        }
        out
    }

    #[inline(always)]
    unsafe fn div_f32(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    unsafe fn max_f32(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn min_f32(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    unsafe fn nan_to_zero(x: [f32; LANES]) -> [f32; LANES] {
        map(x, |x| if x.is_nan() { 0.0 } else { x })
    }

    #[inline(always)]
    unsafe fn to_f32(x: [i32; LANES]) -> [f32; LANES] {
        #[expect(clippy::cast_precision_loss, reason = "rounded to nearest, as the equations say")]
        map(x, |x| x as f32)
    }

    #[inline(always)]
    unsafe fn round(x: [f32; LANES]) -> [i32; LANES] {
        map(x, |x| (x + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits()).cast_signed())
    }

    #[inline(always)]
    unsafe fn round_or_low(x: [f32; LANES]) -> [i32; LANES] {
        let low = -4_194_304.0;
        // SAFETY: the lanes lie within -2^22 and what the caller has, 2^22.
        unsafe { Self::round(map(x, |x| if x > low { x } else { low })) }
    }

    #[inline(always)]
    unsafe fn splat_u8(x: u8) -> [[u8; LANES]; 4] {
        [[x; LANES]; 4]
    }

    #[inline(always)]
    unsafe fn max_u8(a: [[u8; LANES]; 4], b: [[u8; LANES]; 4]) -> [[u8; LANES]; 4] {
        rows(a, b, u8::max)
    }

    #[inline(always)]
    unsafe fn xor_u8(a: [[u8; LANES]; 4], b: [[u8; LANES]; 4]) -> [[u8; LANES]; 4] {
        rows(a, b, |a, b| a ^ b)
    }

    #[inline(always)]
    unsafe fn narrow(rows: [[i32; LANES]; 4], offset: i16) -> [[u8; LANES]; 4] {
        rows.map(|row| map(row, |x| (x + i32::from(offset)).clamp(0, 255) as u8))
    }

    #[inline(always)]
    unsafe fn store_rows(out: *mut u8, row_stride: usize, rows: [[u8; LANES]; 4]) {
        for (i, row) in rows.into_iter().enumerate() {
            // SAFETY: 16 bytes are writable at each of the four rows, `row_stride` apart.
            unsafe { out.add(i * row_stride).cast::<[u8; LANES]>().write_unaligned(row) };
        }
    }
}

impl<D: Dot> Broadcast for Vectors<D> {
    const ROWS: [usize; 4] = D::ROWS;

    type Lhs = D::Lhs;

    #[inline(always)]
    unsafe fn lhs(group: *const u8) -> D::Lhs {
        // SAFETY: `group` is readable for a group of activations.
        unsafe { D::lhs(group) }
    }

    #[inline(always)]
    unsafe fn dot(acc: [i32; LANES], lhs: D::Lhs, rhs: D::Rhs) -> [i32; LANES] {
        D::dot(acc, lhs, rhs)
    }
}

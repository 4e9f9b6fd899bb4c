//! Plain Rust on arrays of 16: runs everywhere, and is what the other backends are compared with.
#![allow(unsafe_op_in_unsafe_fn, reason = "each function is one access, valid by the contract of `Isa`")]

use super::epilogue::{Epilogue, Sums, finish};
use super::isa::{Broadcast, Isa, LANES};
use super::layout::Layout;

/// No instruction set in particular.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

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

/// `a * b + c`, rounded once: by the instruction if every CPU that this is compiled for has it.
#[inline(always)]
fn fma(a: f32, b: f32, c: f32) -> f32 {
    #[cfg(all(feature = "std", any(target_arch = "aarch64", target_feature = "fma")))]
    return a.mul_add(b, c);
    #[cfg(not(all(feature = "std", any(target_arch = "aarch64", target_feature = "fma"))))]
    super::fma::fma(a, b, c)
}

impl Isa for Portable {
    const NAME: &'static str = "portable";
    const LAYOUT: Layout = Layout::Words;
    const FLOAT_ROWS: [usize; 4] = [4, 0, 0, 0];

    type I32 = [i32; LANES];
    type F32 = [f32; LANES];
    /// The first and the second product's side of each lane.
    type Rhs = [[i16; LANES]; 2];

    fn is_supported() -> bool {
        true
    }

    #[inline(always)]
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(never)]
    unsafe fn end(epilogue: &Epilogue, sums: &Sums<Self>) {
        finish(epilogue, sums);
    }

    #[inline(always)]
    unsafe fn rhs(step: *const i8) -> [[i16; LANES]; 2] {
        // Shifts of words, because the compiler has vectors for them and not for every second byte.
        let pairs = step.cast::<[i16; LANES]>().read().map(i16::from_le);
        [pairs.map(|pair| (pair << 8) >> 8), pairs.map(|pair| pair >> 8)]
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> [[i16; LANES]; 2] {
        [taps[0].cast::<[i16; LANES]>().read_unaligned(), taps[1].cast::<[i16; LANES]>().read_unaligned()]
    }

    #[inline(always)]
    unsafe fn dot_lanes(mut acc: [i32; LANES], lhs: [[i16; LANES]; 2], rhs: [[i16; LANES]; 2]) -> [i32; LANES] {
        for lane in 0..LANES {
            let first = i32::from(lhs[0][lane]) * i32::from(rhs[0][lane]);
            let second = i32::from(lhs[1][lane]) * i32::from(rhs[1][lane]);
            acc[lane] = acc[lane].wrapping_add(first.wrapping_add(second));
        }
        acc
    }

    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> [i32; LANES] {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load_i32(p: *const i32) -> [i32; LANES] {
        p.cast::<[i32; LANES]>().read_unaligned()
    }

    #[inline(always)]
    unsafe fn store_i32(p: *mut i32, x: [i32; LANES]) {
        p.cast::<[i32; LANES]>().write_unaligned(x);
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
        map(p.cast::<[u8; LANES]>().read_unaligned(), i32::from)
    }

    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> [i32; LANES] {
        map(p.cast::<[i8; LANES]>().read_unaligned(), i32::from)
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, x: [i32; LANES]) {
        p.cast::<[u8; LANES]>().write_unaligned(map(x, |x| x.to_le_bytes()[0]));
    }

    #[inline(always)]
    unsafe fn splat_f32(x: f32) -> [f32; LANES] {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load_f32(p: *const f32) -> [f32; LANES] {
        p.cast::<[f32; LANES]>().read_unaligned()
    }

    #[inline(always)]
    unsafe fn store_f32(p: *mut f32, x: [f32; LANES]) {
        p.cast::<[f32; LANES]>().write_unaligned(x);
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
}

impl Broadcast for Portable {
    const ROWS: [usize; 4] = [3, 0, 0, 0];

    type Lhs = [i16; 2];

    #[inline(always)]
    unsafe fn lhs(group: *const u8) -> [i16; 2] {
        group.cast::<[i16; 2]>().read_unaligned()
    }

    #[inline(always)]
    unsafe fn dot(mut acc: [i32; LANES], lhs: [i16; 2], rhs: [[i16; LANES]; 2]) -> [i32; LANES] {
        for lane in 0..LANES {
            let first = i32::from(lhs[0]) * i32::from(rhs[0][lane]);
            let second = i32::from(lhs[1]) * i32::from(rhs[1][lane]);
            acc[lane] = acc[lane].wrapping_add(first.wrapping_add(second));
        }
        acc
    }
}

//! Products of words by twos, of which compilers make vectors.

use super::super::isa::LANES;
use super::super::layout::Layout;
use super::Dot;

/// Sums of two products.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs;

impl Dot for Pairs {
    const NAME: &'static str = "portable";
    const LAYOUT: Layout = Layout::Words;
    const ROWS: [usize; 4] = [3, 0, 0, 0];
    const FLOAT_ROWS: [usize; 4] = [4, 0, 0, 0];
    /// Of four rows together the compiler makes vectors across the rows, which it has to transpose.
    const BY_FOURS: bool = false;

    type Lhs = [i16; 2];
    /// The first and the second product's side of each lane.
    type Rhs = [[i16; LANES]; 2];

    #[inline(always)]
    unsafe fn lhs(group: *const u8) -> [i16; 2] {
        const { assert!(Self::LAYOUT.group_bytes() == size_of::<[i16; 2]>()) };
        // SAFETY: `group` is readable for its four bytes.
        unsafe { group.cast::<[i16; 2]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn rhs(step: *const i8) -> [[i16; LANES]; 2] {
        const { assert!(Self::LAYOUT.step_bytes() == size_of::<[i16; LANES]>()) };
        // SAFETY: `step` is readable for a step of 32 bytes, and aligned to as many as every step of packed weights is.
        let pairs = unsafe { step.cast::<[i16; LANES]>().read() }.map(i16::from_le);
        // Shifts of words, because the compiler has vectors for them and not for every second byte.
        [pairs.map(|pair| (pair << 8) >> 8), pairs.map(|pair| pair >> 8)]
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> [[i16; LANES]; 2] {
        const { assert!(Self::LAYOUT.depth() == 2 && Self::LAYOUT.lhs_bytes() == size_of::<i16>()) };
        // SAFETY: both taps of a group are readable for 16 words.
        let word = |tap: usize| unsafe { taps[tap].cast::<[i16; LANES]>().read_unaligned() };
        [word(0), word(1)]
    }

    #[inline(always)]
    fn dot(mut acc: [i32; LANES], lhs: [i16; 2], rhs: [[i16; LANES]; 2]) -> [i32; LANES] {
        for lane in 0..LANES {
            let first = i32::from(lhs[0]) * i32::from(rhs[0][lane]);
            let second = i32::from(lhs[1]) * i32::from(rhs[1][lane]);
            acc[lane] = acc[lane].wrapping_add(first.wrapping_add(second));
        }
        acc
    }

    #[inline(always)]
    fn dot_lanes(mut acc: [i32; LANES], lhs: [[i16; LANES]; 2], rhs: [[i16; LANES]; 2]) -> [i32; LANES] {
        for lane in 0..LANES {
            let first = i32::from(lhs[0][lane]) * i32::from(rhs[0][lane]);
            let second = i32::from(lhs[1][lane]) * i32::from(rhs[1][lane]);
            acc[lane] = acc[lane].wrapping_add(first.wrapping_add(second));
        }
        acc
    }
}

//! Portable backends whose tiles have 2 to 4 slabs and odd numbers of rows, and which read layouts of other CPUs: what
//! the drivers, tiles and epilogues do for the widest backends is tested on every machine.

use core::fmt::Debug;
use core::marker::PhantomData;

use crate::Kernel;
use crate::backend::Backend;
use crate::backend::isa::LANES;
use crate::backend::layout::Layout;
use crate::backend::portable::{Dot, Pairs, Vectors};

/// The sizes of tiles.
trait Shape: Copy + Debug + 'static {
    const NAME: &'static str;
    const LAYOUT: Layout = Layout::Words;
    const ROWS: [usize; 4];
    const FLOAT_ROWS: [usize; 4];
}

/// Tiles of up to two slabs of the portable backend's layout.
#[derive(Clone, Copy, Debug)]
struct Two;

impl Shape for Two {
    const NAME: &'static str = "portable-2-slabs";
    const ROWS: [usize; 4] = [5, 3, 0, 0];
    const FLOAT_ROWS: [usize; 4] = [3, 5, 0, 0];
}

/// Tiles of up to three slabs, of activations that are read in place if they are unsigned.
#[derive(Clone, Copy, Debug)]
struct Three;

impl Shape for Three {
    const NAME: &'static str = "portable-3-slabs";
    const LAYOUT: Layout = Layout::Bytes;
    const ROWS: [usize; 4] = [7, 5, 5, 0];
    const FLOAT_ROWS: [usize; 4] = [7, 0, 3, 0];
}

/// Tiles of up to four slabs, of activations that are read in place if they are signed.
#[derive(Clone, Copy, Debug)]
struct Four;

impl Shape for Four {
    const NAME: &'static str = "portable-4-slabs";
    const LAYOUT: Layout = Layout::Signed;
    const ROWS: [usize; 4] = [11, 9, 7, 7];
    const FLOAT_ROWS: [usize; 4] = [1, 3, 5, 7];
}

/// A single row of up to four slabs, of weights in halves.
#[derive(Clone, Copy, Debug)]
struct Halves;

impl Shape for Halves {
    const NAME: &'static str = "portable-halves";
    const LAYOUT: Layout = Layout::Halves;
    const ROWS: [usize; 4] = [1, 1, 1, 1];
    const FLOAT_ROWS: [usize; 4] = [5, 1, 1, 1];
}

/// The products of [`Pairs`] in tiles of another shape.
#[derive(Clone, Copy, Debug)]
struct Shaped<S>(PhantomData<S>);

impl<S: Shape> Dot for Shaped<S> {
    const NAME: &'static str = S::NAME;
    const LAYOUT: Layout = Pairs::LAYOUT;
    const ROWS: [usize; 4] = S::ROWS;
    const FLOAT_ROWS: [usize; 4] = S::FLOAT_ROWS;
    const BY_FOURS: bool = true;

    type Lhs = <Pairs as Dot>::Lhs;
    type Rhs = <Pairs as Dot>::Rhs;

    #[inline(always)]
    unsafe fn lhs(group: *const u8) -> Self::Lhs {
        // SAFETY: `group` is readable for a group of this layout, which is that of `Pairs`.
        unsafe { Pairs::lhs(group) }
    }

    #[inline(always)]
    unsafe fn rhs(step: *const i8) -> Self::Rhs {
        // SAFETY: `step` is a step of this layout, which is that of `Pairs`.
        unsafe { Pairs::rhs(step) }
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> Self::Rhs {
        // SAFETY: the taps of a group of this layout, which is that of `Pairs`, are readable for 16 activations.
        unsafe { Pairs::interleave(taps) }
    }

    #[inline(always)]
    fn dot(acc: [i32; LANES], lhs: Self::Lhs, rhs: Self::Rhs) -> [i32; LANES] {
        Pairs::dot(acc, lhs, rhs)
    }

    #[inline(always)]
    fn dot_lanes(acc: [i32; LANES], lhs: Self::Rhs, rhs: Self::Rhs) -> [i32; LANES] {
        Pairs::dot_lanes(acc, lhs, rhs)
    }
}

/// Products of 8-bit quantized values by fours, of weights where [`Layout::place`] says.
#[derive(Clone, Copy, Debug)]
struct Placed<S>(PhantomData<S>);

/// Products of a group.
const DEPTH: usize = 4;

/// A quantized value of activations.
#[inline(always)]
fn activation<S: Shape>(byte: u8) -> i16 {
    if matches!(S::LAYOUT, Layout::Bytes) { i16::from(byte) } else { i16::from(byte.cast_signed()) }
}

impl<S: Shape> Dot for Placed<S> {
    const NAME: &'static str = S::NAME;
    const LAYOUT: Layout = S::LAYOUT;
    const ROWS: [usize; 4] = S::ROWS;
    const FLOAT_ROWS: [usize; 4] = S::FLOAT_ROWS;
    const BY_FOURS: bool = true;

    type Lhs = [i16; DEPTH];
    type Rhs = [[i16; LANES]; DEPTH];

    #[inline(always)]
    unsafe fn lhs(group: *const u8) -> Self::Lhs {
        const { assert!(S::LAYOUT.group_bytes() == DEPTH) };
        // SAFETY: `group` is readable for its four bytes.
        unsafe { group.cast::<[u8; DEPTH]>().read() }.map(activation::<S>)
    }

    #[inline(always)]
    unsafe fn rhs(step: *const i8) -> Self::Rhs {
        const { assert!(S::LAYOUT.step_bytes() == LANES * DEPTH) };
        // SAFETY: `step` is readable for a step of 64 bytes.
        let step = unsafe { step.cast::<[i8; LANES * DEPTH]>().read() };
        core::array::from_fn(|p| core::array::from_fn(|lane| i16::from(step[S::LAYOUT.place(lane, p)])))
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> Self::Rhs {
        // SAFETY: each of the four taps is readable for 16 bytes.
        taps.map(|tap| unsafe { tap.cast::<[u8; LANES]>().read() }.map(activation::<S>))
    }

    #[inline(always)]
    fn dot(acc: [i32; LANES], lhs: Self::Lhs, rhs: Self::Rhs) -> [i32; LANES] {
        Self::dot_lanes(acc, lhs.map(|code| [code; LANES]), rhs)
    }

    #[inline(always)]
    fn dot_lanes(mut acc: [i32; LANES], lhs: Self::Rhs, rhs: Self::Rhs) -> [i32; LANES] {
        for (lhs, rhs) in lhs.into_iter().zip(rhs) {
            for lane in 0..LANES {
                acc[lane] = acc[lane].wrapping_add(i32::from(lhs[lane]) * i32::from(rhs[lane]));
            }
        }
        acc
    }
}

static BACKENDS: [Backend; 4] = [
    Backend::of::<Vectors<Shaped<Two>>>(),
    Backend::of::<Vectors<Placed<Three>>>(),
    Backend::of::<Vectors<Placed<Four>>>(),
    Backend::of::<Vectors<Placed<Halves>>>(),
];

/// A kernel of each of these backends, which run everywhere.
pub(super) fn kernels() -> impl Iterator<Item = Kernel> {
    BACKENDS.iter().map(Kernel)
}

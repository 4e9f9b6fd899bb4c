//! Depthwise convolution: the channels are the lanes.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::epilogue::{Epilogue, Sums};
use super::isa::{Isa, LANES};

/// Positions that share the weights that are in registers.
const TOGETHER: usize = 8;

/// Some positions of the result of a depthwise convolution, some slabs of channels.
///
/// ```text
/// for slab in slabs
///     for 8 positions
///         for group of taps                                  4 or 2 taps
///             acc[position][lane] += sum_tap position[tap][channel] * weights[slab][group][lane][tap]
///         out[position][channel] = epilogue(acc[position][lane])
/// ```
#[derive(Debug)]
pub(crate) struct Channels<'a> {
    /// The first tap's first channel of each position.
    pub(crate) positions: &'a [*const u8],
    /// Where each tap is, in bytes; a whole number of groups.
    pub(crate) taps: &'a [usize],
    /// The first slab.
    pub(crate) weights: *const i8,
    pub(crate) epilogue: &'a Epilogue,
    /// The row of the first position's result.
    pub(crate) row: usize,
    pub(crate) slabs: Range<usize>,
    /// Columns of the result in all.
    pub(crate) columns: usize,
}

/// Computes the positions.
///
/// # Safety
///
/// The CPU has the instruction set; every tap is readable for whole slabs, the weights and the epilogue are valid for all of them.
pub(crate) unsafe fn entry<I: Isa>(channels: &Channels<'_>) {
    // SAFETY: as this function's.
    unsafe {
        I::enter(
            #[inline(always)]
            || {
                for slab in channels.slabs.clone() {
                    let mut first = 0;
                    while channels.positions.len() - first >= TOGETHER {
                        positions::<I, TOGETHER>(channels, slab, first);
                        first += TOGETHER;
                    }
                    for one in first..channels.positions.len() {
                        positions::<I, 1>(channels, slab, one);
                    }
                }
            },
        );
    }
}

#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "registers are indexed, so that it is seen which loops are unrolled")]
unsafe fn positions<I: Isa, const COUNT: usize>(channels: &Channels<'_>, slab: usize, first: usize) {
    let depth = const { I::LAYOUT.depth() };
    let step_bytes = const { I::LAYOUT.step_bytes() };
    let column = slab * LANES;
    // SAFETY: as for [`entry`]; the copy has room for all sums.
    unsafe {
        let mut weights = channels.weights.add(slab * (channels.taps.len() / depth) * step_bytes);
        let mut acc = [I::load_i32(channels.epilogue.columns.add(column)); COUNT];
        for group in channels.taps.chunks_exact(depth) {
            let rhs = I::rhs(weights);
            for i in 0..COUNT {
                let position = channels.positions[first + i].add(column * const { I::LAYOUT.lhs_bytes() });
                let mut taps = [position; 4];
                for (tap, offset) in taps.iter_mut().zip(group) {
                    *tap = position.add(*offset);
                }
                acc[i] = I::dot_lanes(acc[i], I::interleave(taps), rhs);
            }
            weights = weights.add(step_bytes);
        }
        let mut copy = MaybeUninit::<[I::I32; COUNT]>::uninit();
        let vectors: *mut I::I32 = copy.as_mut_ptr().cast();
        for i in 0..COUNT {
            vectors.add(i).write(acc[i]);
        }
        let columns = (channels.columns - column).min(LANES);
        let sums = Sums { vectors, mr: COUNT, nr: 1, row: channels.row + first, column, columns };
        I::end(channels.epilogue, &sums);
    }
}

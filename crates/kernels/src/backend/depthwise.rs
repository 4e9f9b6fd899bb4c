//! Depthwise convolution: the channels are the lanes.

use core::ops::Range;

use super::epilogue::{Epilogue, Sums};
use super::isa::{Isa, LANES};

/// One position of the result of a depthwise convolution, some slabs of channels.
///
/// ```text
/// for slab in slabs
///     for group of taps                                  4 or 2 taps
///         acc[lane] += sum_tap position[tap][channel] * weights[slab][group][lane][tap]
///     out[channel] = epilogue(acc[lane])
/// ```
#[derive(Debug)]
pub(crate) struct Channels<'a> {
    /// The first tap's first channel.
    pub(crate) position: *const u8,
    /// Where each tap is, in bytes; a whole number of groups.
    pub(crate) taps: &'a [usize],
    /// The first slab.
    pub(crate) weights: *const i8,
    pub(crate) epilogue: &'a Epilogue,
    /// The row of the result.
    pub(crate) row: usize,
    pub(crate) slabs: Range<usize>,
    /// Columns of the result in all.
    pub(crate) columns: usize,
}

/// Computes one position.
///
/// # Safety
///
/// The CPU has the instruction set; every tap is readable for whole slabs, the weights and the epilogue are valid for all of them.
pub(crate) unsafe fn entry<I: Isa>(channels: &Channels<'_>) {
    // SAFETY: as this function's.
    unsafe {
        I::enter(
            #[inline(always)]
            || position::<I>(channels),
        );
    }
}

#[inline(always)]
unsafe fn position<I: Isa>(channels: &Channels<'_>) {
    let depth = const { I::LAYOUT.depth() };
    let step_bytes = const { I::LAYOUT.step_bytes() };
    let slab_bytes = channels.taps.len() / depth * step_bytes;
    // SAFETY: as for [`entry`].
    unsafe {
        for slab in channels.slabs.clone() {
            let column = slab * LANES;
            let position = channels.position.add(column * const { I::LAYOUT.lhs_bytes() });
            let mut weights = channels.weights.add(slab * slab_bytes);
            let mut acc = I::load_i32(channels.epilogue.columns.add(column));
            for group in channels.taps.chunks_exact(depth) {
                let mut taps = [position; 4];
                for (tap, offset) in taps.iter_mut().zip(group) {
                    *tap = position.add(*offset);
                }
                acc = I::dot_lanes(acc, I::interleave(taps), I::rhs(weights));
                weights = weights.add(step_bytes);
            }
            let columns = (channels.columns - column).min(LANES);
            let mut copy = acc;
            let sums = Sums { vectors: &mut copy, mr: 1, nr: 1, row: channels.row, column, columns };
            I::end(channels.epilogue, &sums);
        }
    }
}

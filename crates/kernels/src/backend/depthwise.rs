//! Depthwise convolution: the channels are the lanes.
//!
//! The taps of one column of the kernel are brought together, four or two of each channel; positions whose windows
//! overlap share the columns that both see.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::epilogue::{self, Epilogue, Sums};
use super::isa::{Isa, LANES};

/// Positions that are computed before their sums are made results.
pub(crate) const POSITIONS: usize = 64;

/// Some positions of the result of a depthwise convolution, some slabs of channels.
///
/// ```text
/// for slab in slabs
///     for 8 or 4 neighbours among the positions
///         for group of rows of the kernel                         4 or 2 rows
///             for column seen by the neighbours
///                 for position that sees it, as its column x
///                     acc[position][lane] += sum_row column[row][channel] * weights[slab][x][group][lane][row]
///     out[position][channel] = epilogue(acc[position][lane])
/// ```
///
/// # Validity
///
/// Channels are valid if
///
/// - `taps` is a whole number of groups of [`Layout::depthwise`](super::layout::Layout::depthwise);
/// - from every position, at every tap, every column of the kernel and every slab of `slabs`, 16 activations are
///   readable;
/// - `weights` is readable for every slab of `slabs`, of `width * groups` steps each, and is where packed weights
///   begin;
/// - the epilogue is [valid](Epilogue#validity) for as many rows from `row` on as there are positions, and the columns
///   of `slabs`, of which there are `columns` at most;
/// - there are [`POSITIONS`] at most.
#[derive(Debug)]
pub(crate) struct Channels<'a> {
    /// The first tap's first channel of each position; at most [`POSITIONS`].
    pub(crate) positions: &'a [*const u8],
    /// Bytes from one position to its neighbour in a line.
    pub(crate) stride: usize,
    /// Where each row of the kernel is, in bytes; a whole number of groups.
    pub(crate) taps: &'a [usize],
    /// Columns of the kernel.
    pub(crate) width: usize,
    /// Bytes from one column to the next.
    pub(crate) column_step: usize,
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
/// The CPU has the instruction set, and the channels are [valid](Channels#validity).
pub(crate) unsafe fn entry<I: Isa>(channels: &Channels<'_>) {
    // SAFETY: the CPU has the instruction set, and the channels are valid; an instance with a width is taken for that
    // width.
    unsafe {
        I::enter(
            #[inline(always)]
            || match (channels.width, channels.stride / channels.column_step.max(1)) {
                (3, 1) => slabs::<I, 3, 1>(channels),
                (3, 2) => slabs::<I, 3, 2>(channels),
                (5, 1) => slabs::<I, 5, 1>(channels),
                (5, 2) => slabs::<I, 5, 2>(channels),
                _ => slabs::<I, 0, 0>(channels),
            },
        );
    }
}

/// All slabs; a `WIDTH` of 0 is for kernels and strides for which there is no instance.
///
/// # Safety
///
/// The CPU has the instruction set, and the channels are [valid](Channels#validity); `WIDTH` is 0 or the kernel's.
#[inline(always)]
unsafe fn slabs<I: Isa, const WIDTH: usize, const STRIDE: usize>(channels: &Channels<'_>) {
    let positions = channels.positions;
    let is_shared = WIDTH > 0 && channels.stride == STRIDE * channels.column_step;
    let mut parts = [(0, 0); POSITIONS];
    let parts = split(positions, if is_shared { Some(channels.stride) } else { None }, &mut parts);
    let mut sums = MaybeUninit::<[I::I32; POSITIONS]>::uninit();
    let vectors: *mut I::I32 = sums.as_mut_ptr().cast();
    for slab in channels.slabs.clone() {
        let column = slab * LANES;
        for &(first, count) in parts {
            // SAFETY: the CPU has the instruction set, and the channels are valid, of this slab among others; `split`
            // gives positions that there are, and more than one only of neighbours, which it finds only where the
            // stride is `STRIDE` columns and `WIDTH` is not 0. There is room for the sums of all positions.
            unsafe {
                match count {
                    8 => neighbours::<I, WIDTH, STRIDE, 8>(channels, slab, first, vectors),
                    4 => neighbours::<I, WIDTH, STRIDE, 4>(channels, slab, first, vectors),
                    _ => one::<I>(channels, slab, first, vectors),
                }
            }
        }
        let columns = (channels.columns - column).min(LANES);
        let sums = Sums { vectors, mr: positions.len(), nr: 1, row: channels.row, column, columns };
        // SAFETY: the CPU has the instruction set; the parts cover all positions, so that all their sums are set, and
        // the epilogue is valid for their rows and the columns of this slab.
        unsafe { epilogue::finish::<I>(channels.epilogue, &sums) };
    }
}

/// Splits positions into neighbours that are computed together: the first and the number, 8, 4 or 1, of each part. The
/// last part of a line overlaps the one before it.
fn split<'a>(
    positions: &[*const u8],
    stride: Option<usize>,
    parts: &'a mut [(usize, usize); POSITIONS],
) -> &'a [(usize, usize)] {
    let (mut first, mut used) = (0, 0);
    while first < positions.len() {
        let is_next = |pair: &[*const u8]| Some(pair[1]) == stride.map(|stride| pair[0].wrapping_add(stride));
        let end = first + 1 + positions[first..].windows(2).take_while(|pair| is_next(pair)).count();
        let count = match end - first {
            8.. => 8,
            4.. => 4,
            _ => 1,
        };
        for at in (first..end).step_by(count) {
            parts[used] = (at.min(end - count), count);
            used += 1;
        }
        first = end;
    }
    &parts[..used]
}

/// The sums of `COUNT` neighbours.
///
/// # Safety
///
/// The CPU has the instruction set, and the channels are [valid](Channels#validity), of slab `slab` and a kernel of
/// `WIDTH` columns; the positions from `first` on, `COUNT` of them, are `STRIDE` columns apart; `sums` is writable for
/// all positions.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "registers are indexed, so that it is seen which loops are unrolled")]
unsafe fn neighbours<I: Isa, const WIDTH: usize, const STRIDE: usize, const COUNT: usize>(
    channels: &Channels<'_>,
    slab: usize,
    first: usize,
    sums: *mut I::I32,
) {
    let groups = channels.taps.len() / const { I::LAYOUT.depthwise().depth() };
    // SAFETY: the CPU has the instruction set; columns that the neighbours see are columns of the kernel from one of
    // their positions, where valid channels are readable at every tap; steps are those of the slab's `WIDTH * groups`,
    // and sums those of positions.
    unsafe {
        let weights = channels.weights.add(slab * WIDTH * groups * const { I::LAYOUT.depthwise().step_bytes() });
        let position = channels.positions[first].add(slab * LANES * const { I::LAYOUT.lhs_bytes() });
        let mut acc = [I::load_i32(channels.epilogue.columns.add(slab * LANES)); COUNT];
        for (group, taps) in channels.taps.chunks_exact(const { I::LAYOUT.depthwise().depth() }).enumerate() {
            let step = |x: usize| weights.add((x * groups + group) * const { I::LAYOUT.depthwise().step_bytes() });
            let mut columns = [I::rhs(step(0)); WIDTH];
            for x in 1..WIDTH {
                columns[x] = I::rhs(step(x));
            }
            for column in 0..(COUNT - 1) * STRIDE + WIDTH {
                let seen = column_of::<I>(position.add(column * channels.column_step), taps);
                for i in 0..COUNT {
                    if column >= i * STRIDE && column - i * STRIDE < WIDTH {
                        acc[i] = I::dot_lanes(acc[i], seen, columns[column - i * STRIDE]);
                    }
                }
            }
        }
        for i in 0..COUNT {
            sums.add(first + i).write(acc[i]);
        }
    }
}

/// The sums of one position.
///
/// # Safety
///
/// The CPU has the instruction set, and the channels are [valid](Channels#validity), of slab `slab`; `at` is one of the
/// positions, for all of which `sums` is writable.
#[inline(always)]
unsafe fn one<I: Isa>(channels: &Channels<'_>, slab: usize, at: usize, sums: *mut I::I32) {
    let groups = channels.taps.len() / const { I::LAYOUT.depthwise().depth() };
    // SAFETY: the CPU has the instruction set; the columns are the kernel's, where valid channels are readable at every
    // tap, the steps are the slab's `width * groups`, one after the other, and the sum is that of position `at`.
    unsafe {
        let mut weights =
            channels.weights.add(slab * channels.width * groups * const { I::LAYOUT.depthwise().step_bytes() });
        let position = channels.positions[at].add(slab * LANES * const { I::LAYOUT.lhs_bytes() });
        let mut acc = I::load_i32(channels.epilogue.columns.add(slab * LANES));
        for column in 0..channels.width {
            for taps in channels.taps.chunks_exact(const { I::LAYOUT.depthwise().depth() }) {
                let seen = column_of::<I>(position.add(column * channels.column_step), taps);
                acc = I::dot_lanes(acc, seen, I::rhs(weights));
                weights = weights.add(const { I::LAYOUT.depthwise().step_bytes() });
            }
        }
        sums.add(at).write(acc);
    }
}

/// The taps of one column of one group of rows.
///
/// # Safety
///
/// The CPU has the instruction set; from `position` 16 activations are readable at each of `taps`, which are a group.
#[inline(always)]
unsafe fn column_of<I: Isa>(position: *const u8, taps: &[usize]) -> I::Rhs {
    let mut pointers = [position; 4];
    for (pointer, offset) in pointers.iter_mut().zip(taps) {
        // SAFETY: the tap is readable, so it lies in the allocation of `position`.
        *pointer = unsafe { position.add(*offset) };
    }
    const { assert!(I::LAYOUT.depthwise().depth() <= 4, "a group has a pointer for each tap") };
    // SAFETY: the CPU has the instruction set; the pointers to the taps of a group are readable for 16 activations.
    unsafe { I::interleave(pointers) }
}

//! The loop nest, on one thread or several.

use core::mem::MaybeUninit;
use core::num::NonZeroUsize;
use core::ops::Range;

use super::rows::{Places, Rows};
use crate::backend::depthwise::{Channels, POSITIONS};
use crate::backend::epilogue::Epilogue;
use crate::backend::isa::LANES;
use crate::backend::tile::Tile;
use crate::backend::{Backend, Products};
use crate::memory::fill;
use crate::{Error, PackedWeights};

/// Bytes of activations that all weights are read for before the next: half of a common L2 cache.
const BLOCK_BYTES: usize = 512 << 10;

/// Products below which another thread costs more than it brings.
#[cfg(feature = "rayon")]
const PRODUCTS_PER_THREAD: usize = 32 << 20;

/// Pointers to rows of activations that are kept on the stack.
const POINTERS: usize = 1024;

/// A product whose operands are ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<'a> {
    pub(crate) backend: &'static Backend,
    pub(crate) weights: &'a PackedWeights,
    pub(crate) epilogue: &'a Epilogue,
    /// What the places of rows and taps are counted from.
    pub(crate) base: *const u8,
    pub(crate) rows: Rows,
    /// Where each tap is, from the row's place, in bytes.
    pub(crate) taps: &'a [usize],
    /// Of a depthwise convolution, whose columns are its channels, the bytes from one column of the kernel to the next.
    pub(crate) column_step: Option<usize>,
    /// The most threads; `None` for as many as the current rayon pool has.
    #[cfg_attr(not(feature = "rayon"), expect(dead_code, reason = "without rayon there is one thread"))]
    pub(crate) threads: Option<NonZeroUsize>,
}

// SAFETY: what is behind `base` and the weights is only read; of what is behind the epilogue's pointers only the output
// is written, and `Job::split`, which alone shares a job between threads, gives each of them other elements of it.
unsafe impl Sync for Job<'_> {}

impl Job<'_> {
    fn products(&self) -> &'static Products {
        if self.weights.has_min() { &self.backend.products } else { &self.backend.products_above_min }
    }

    /// Computes some rows of the result, all columns.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`]; some results may be there then.
    ///
    /// # Safety
    ///
    /// - The CPU has the backend's instruction set.
    /// - `weights` were packed in the backend's layout, with as many taps as `taps` has; or for a depthwise
    ///   convolution, where `column_step` is some, in [`Layout::depthwise`](crate::backend::layout::Layout::depthwise),
    ///   with `taps` as long as the depth of a column of the kernel, in whole groups.
    /// - For every row `r` of `rows` and every tap `t`, `base + place(r) + t` lies in one allocation with `base`, and
    ///   from there on the groups of all steps are readable; for a depthwise convolution a vector for each slab, at
    ///   each column of the kernel.
    /// - `epilogue` is [valid](Epilogue#validity) for `rows` and all columns of the weights, and nothing else reads or
    ///   writes its output.
    pub(crate) unsafe fn run(&self, rows: Range<usize>) -> Result<(), Error> {
        #[cfg(feature = "rayon")]
        {
            let products = rows.len().saturating_mul(self.weights.n()).saturating_mul(self.weights.k());
            if products >= 2 * PRODUCTS_PER_THREAD && self.threads != Some(NonZeroUsize::MIN) {
                let most = self.threads.map_or(usize::MAX, NonZeroUsize::get).min(rayon::current_num_threads());
                let parts = most.min(products / PRODUCTS_PER_THREAD);
                if parts > 1 {
                    // SAFETY: the caller vouches for these rows and all columns, which are all slabs.
                    return unsafe { self.split(rows, 0..self.weights.slabs(), parts) };
                }
            }
        }
        // SAFETY: the caller vouches for these rows and all columns, which are all slabs.
        unsafe { self.part(rows, 0..self.weights.slabs()) }
    }

    /// Computes a rectangle of the result on several threads: halves of the rows if there are enough, else of the
    /// columns.
    ///
    /// # Safety
    ///
    /// What [`Job::run`] asks for, for the columns of `slabs`.
    #[cfg(feature = "rayon")]
    unsafe fn split(&self, rows: Range<usize>, slabs: Range<usize>, parts: usize) -> Result<(), Error> {
        if parts == 1 {
            // SAFETY: the caller vouches for the same rectangle.
            return unsafe { self.part(rows, slabs) };
        }
        let share = |length: usize, unit: usize| (length * (parts / 2) / parts).next_multiple_of(unit).min(length);
        let ((rows_a, slabs_a), (rows_b, slabs_b)) = if rows.len() >= 24 * parts {
            let middle = rows.start + share(rows.len(), 24);
            ((rows.start..middle, slabs.clone()), (middle..rows.end, slabs))
        } else {
            let middle = slabs.start + share(slabs.len(), 1);
            ((rows.clone(), slabs.start..middle), (rows, middle..slabs.end))
        };
        // SAFETY: both rectangles lie within that of the caller, and `middle` parts them: no result is written by both.
        let (a, b) = rayon::join(
            || unsafe { self.split(rows_a, slabs_a, parts / 2) },
            || unsafe { self.split(rows_b, slabs_b, parts - parts / 2) },
        );
        a.and(b)
    }

    /// Computes a rectangle of the result.
    ///
    /// # Safety
    ///
    /// What [`Job::run`] asks for, for the columns of `slabs`.
    unsafe fn part(&self, rows: Range<usize>, slabs: Range<usize>) -> Result<(), Error> {
        if rows.is_empty() || slabs.is_empty() {
            return Ok(());
        }
        if let Some(column_step) = self.column_step {
            // SAFETY: the caller vouches for the same rectangle, of a depthwise convolution, since there is a step.
            unsafe { self.depthwise(rows, slabs, column_step) };
            return Ok(());
        }
        let (mr, nr) = self.shape(rows.len(), slabs.len());
        let taps = self.taps.len();
        let row_bytes = self.backend.layout.group_bytes() * self.weights.steps() * taps;
        let fitting = (BLOCK_BYTES / row_bytes.max(1)).min(POINTERS / taps) / mr;
        let mut on_stack = [MaybeUninit::uninit(); POINTERS];
        let mut on_heap = alloc::vec::Vec::new();
        let pointers: &mut [MaybeUninit<*const u8>] = if taps * mr <= POINTERS {
            &mut on_stack
        } else {
            fill("the places of the taps", &mut on_heap, taps * mr, MaybeUninit::uninit())?;
            &mut on_heap
        };
        let panels = rows.len().div_ceil(mr);
        let blocks = panels.div_ceil(fitting.max(1));
        let mut first = rows.start;
        for block in 0..blocks {
            let count = panels / blocks + usize::from(block < panels % blocks);
            let end = if block + 1 == blocks { rows.end } else { rows.end.min(first + count * mr) };
            // SAFETY: `first..end` are some of the caller's rows, and the slabs are the caller's.
            unsafe { self.block(first..end, count, slabs.clone(), nr, pointers) };
            first = end;
        }
        Ok(())
    }

    /// Computes a rectangle of the result of a depthwise convolution.
    ///
    /// # Safety
    ///
    /// What [`Job::run`] asks for of a depthwise convolution, for the columns of `slabs`.
    unsafe fn depthwise(&self, rows: Range<usize>, slabs: Range<usize>, column_step: usize) {
        // Few enough that what their taps see stays in the cache from one slab to the next.
        let mut pointers = [core::ptr::null(); POSITIONS];
        let mut places = self.rows.from(rows.start);
        let mut row = rows.start;
        while row < rows.end {
            let count = (rows.end - row).min(POSITIONS);
            for (pointer, place) in pointers[..count].iter_mut().zip(&mut places) {
                // SAFETY: the place is that of one of the caller's rows, which lies in the allocation of the base.
                *pointer = unsafe { self.base.add(place) };
            }
            let channels = Channels {
                positions: &pointers[..count],
                stride: self.rows.position(),
                taps: self.taps,
                width: self.weights.taps(),
                column_step,
                weights: self.weights.slab(0),
                epilogue: self.epilogue,
                row,
                slabs: slabs.clone(),
                columns: self.weights.n(),
            };
            // SAFETY: the CPU has the backend, the positions' taps and the epilogue are those that the caller vouches
            // for, and the weights, packed for a depthwise convolution, have these slabs.
            unsafe { (self.products().depthwise)(&channels) };
            row += count;
        }
    }

    /// Computes some columns of some panels: `panels` of the backend's rows or fewer, as even as possible.
    ///
    /// # Safety
    ///
    /// What [`Job::run`] asks for, for the columns of `slabs`; the backend has tiles of `widest` slabs and
    /// `rows.len().div_ceil(panels)` rows.
    unsafe fn block(
        &self,
        rows: Range<usize>,
        panels: usize,
        slabs: Range<usize>,
        widest: usize,
        pointers: &mut [MaybeUninit<*const u8>],
    ) {
        let taps = self.taps.len();
        // The first panels have one row more than the others.
        let (less, more) = (rows.len() / panels, rows.len() % panels);
        let groups = [(rows.start, more, less + 1), (rows.start + more * (less + 1), panels - more, less)];
        let mut rest = &mut *pointers;
        let mut places = self.rows.from(rows.start);
        for (_, panels, mr) in groups {
            let (of_panels, others) = rest.split_at_mut(panels * taps * mr);
            // SAFETY: the places are those of the caller's rows, from the first on.
            unsafe { self.find(&mut places, mr, of_panels) };
            rest = others;
        }
        let mut slab = slabs.start;
        while slab < slabs.end {
            let nr = width(slabs.end - slab, widest);
            let column = slab * LANES;
            let mut place = 0;
            for (row, panels, mr) in groups.into_iter().filter(|(_, panels, _)| *panels > 0) {
                let tile = Tile {
                    panels,
                    mr,
                    nr,
                    rows: pointers[place..].as_ptr().cast(),
                    taps,
                    steps: self.weights.steps(),
                    rhs: self.weights.slab(slab),
                    slab_bytes: self.weights.slab_bytes(),
                    epilogue: self.epilogue,
                    row,
                    column,
                    columns: (self.weights.n() - column).min(nr * LANES),
                };
                // SAFETY: the CPU has the backend; `find` set `panels * taps * mr` pointers from `place` on, to groups
                // that the caller vouches for; the weights have the slabs up to `slabs.end`, of which the tile's `nr`
                // are some, and the epilogue is valid for the caller's rows and columns.
                unsafe { (self.products().tile)(&tile) };
                place += panels * taps * mr;
            }
            slab += nr;
        }
    }

    /// Sets `pointers[panel][tap][i]` for the rows of panels, whose places come next.
    ///
    /// # Safety
    ///
    /// For every row whose place comes next and every tap, `base + place + tap` lies in one allocation with `base`.
    unsafe fn find(&self, places: &mut Places, mr: usize, pointers: &mut [MaybeUninit<*const u8>]) {
        if let [tap] = *self.taps {
            for (pointer, place) in pointers.iter_mut().zip(places) {
                // SAFETY: the caller vouches for this row and the only tap.
                pointer.write(unsafe { self.base.add(place + tap) });
            }
            return;
        }
        for panel in pointers.chunks_exact_mut((self.taps.len() * mr).max(1)) {
            for (i, place) in places.take(mr).enumerate() {
                for (tap, offset) in self.taps.iter().enumerate() {
                    // SAFETY: the caller vouches for this row and each tap.
                    panel[tap * mr + i].write(unsafe { self.base.add(place + offset) });
                }
            }
        }
    }

    /// The most rows and slabs of a tile for a rectangle of the result: those that take the shortest time.
    ///
    /// A step of `r` rows and `w` slabs takes as long as its `r w` products, its `r + w` loads, or 10 products, which
    /// wait for each other; a tile takes its steps and about 150 products more for its begin and end.
    fn shape(&self, rows: usize, slabs: usize) -> (usize, usize) {
        let steps = self.weights.steps() * self.taps.len();
        let time = |nr: usize| {
            let panels = rows.div_ceil(self.backend.rows[nr - 1]);
            let mr = rows.div_ceil(panels);
            let (mut left, mut time) = (slabs, 0);
            while left > 0 {
                let nr = width(left, nr);
                // All but the last few tiles are alike.
                let count = if left > 8 { (left - 8).div_ceil(nr) } else { 1 };
                time += count * panels * (steps * (mr * nr).max(mr + nr).max(10) + 150);
                left -= count * nr;
            }
            time
        };
        let candidates = (1..=4).filter(|&nr| self.backend.rows[nr - 1] > 0 && (nr == 1 || nr <= slabs));
        let nr = candidates.min_by_key(|&nr| (time(nr), 4 - nr)).unwrap_or(1);
        (self.backend.rows[nr - 1], nr)
    }
}

/// The slabs of the next tile of at most `widest`, if there are `left`: the last four of tiles of three are two and
/// two.
fn width(left: usize, widest: usize) -> usize {
    if left == 4 && widest == 3 { 2 } else { left.min(widest) }
}

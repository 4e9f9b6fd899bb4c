//! The loop nest, on one thread or several.

use core::mem::MaybeUninit;
use core::num::NonZeroUsize;
use core::ops::Range;

use super::rows::{Places, Rows};
use crate::PackedWeights;
use crate::backend::depthwise::{Channels, POSITIONS};
use crate::backend::epilogue::Epilogue;
use crate::backend::isa::LANES;
use crate::backend::tile::Tile;
use crate::backend::{Backend, Products};

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

// SAFETY: the pointers are to operands that outlive the job and are only read, and to an output of which every part writes
// other elements.
unsafe impl Sync for Job<'_> {}

impl Job<'_> {
    fn products(&self) -> &'static Products {
        if self.weights.has_least { &self.backend.products } else { &self.backend.products_above_least }
    }

    /// Computes some rows of the result, all columns.
    ///
    /// # Safety
    ///
    /// Every tap of these rows is readable for whole groups, and the epilogue is valid for them and all columns.
    pub(crate) unsafe fn run(&self, rows: Range<usize>) {
        #[cfg(feature = "rayon")]
        {
            let products = rows.len() * self.weights.n() * self.weights.k();
            if products >= 2 * PRODUCTS_PER_THREAD && self.threads != Some(NonZeroUsize::MIN) {
                let most = self.threads.map_or(usize::MAX, NonZeroUsize::get).min(rayon::current_num_threads());
                let parts = most.min(products / PRODUCTS_PER_THREAD);
                if parts > 1 {
                    // SAFETY: as this function's.
                    return unsafe { self.split(rows, 0..self.weights.slabs(), parts) };
                }
            }
        }
        // SAFETY: as this function's.
        unsafe { self.part(rows, 0..self.weights.slabs()) };
    }

    /// Computes a rectangle of the result on several threads: halves of the rows if there are enough, else of the columns.
    #[cfg(feature = "rayon")]
    unsafe fn split(&self, rows: Range<usize>, slabs: Range<usize>, parts: usize) {
        if parts == 1 {
            // SAFETY: as this function's.
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
        // SAFETY: as this function's; the two rectangles do not overlap.
        rayon::join(
            || unsafe { self.split(rows_a, slabs_a, parts / 2) },
            || unsafe { self.split(rows_b, slabs_b, parts - parts / 2) },
        );
    }

    /// Computes a rectangle of the result.
    ///
    /// # Safety
    ///
    /// As [`Job::run`].
    unsafe fn part(&self, rows: Range<usize>, slabs: Range<usize>) {
        if rows.is_empty() || slabs.is_empty() {
            return;
        }
        if let Some(column_step) = self.column_step {
            // SAFETY: as this function's.
            return unsafe { self.depthwise(rows, slabs, column_step) };
        }
        let (mr, nr) = self.shape(rows.len(), slabs.len());
        let taps = self.taps.len();
        let row_bytes = self.backend.layout.group_bytes() * self.weights.steps * taps;
        let fitting = (BLOCK_BYTES / row_bytes.max(1)).min(POINTERS / taps) / mr;
        let mut on_stack = [MaybeUninit::uninit(); POINTERS];
        let mut on_heap = alloc::vec::Vec::new();
        let pointers: &mut [MaybeUninit<*const u8>] = if taps * mr <= POINTERS {
            &mut on_stack
        } else {
            on_heap.resize(taps * mr, MaybeUninit::uninit());
            &mut on_heap
        };
        let panels = rows.len().div_ceil(mr);
        let blocks = panels.div_ceil(fitting.max(1));
        let mut first = rows.start;
        for block in 0..blocks {
            let count = panels / blocks + usize::from(block < panels % blocks);
            let end = if block + 1 == blocks { rows.end } else { rows.end.min(first + count * mr) };
            // SAFETY: as for [`Job::run`].
            unsafe { self.block(first..end, count, slabs.clone(), nr, pointers) };
            first = end;
        }
    }

    /// Computes a rectangle of the result of a depthwise convolution.
    ///
    /// # Safety
    ///
    /// As [`Job::run`].
    unsafe fn depthwise(&self, rows: Range<usize>, slabs: Range<usize>, column_step: usize) {
        // Few enough that what their taps see stays in the cache from one slab to the next.
        let mut pointers = [core::ptr::null(); POSITIONS];
        let mut places = self.rows.from(rows.start);
        let mut row = rows.start;
        while row < rows.end {
            let count = (rows.end - row).min(POSITIONS);
            for (pointer, place) in pointers[..count].iter_mut().zip(&mut places) {
                // SAFETY: the row is within what the base is valid for.
                *pointer = unsafe { self.base.add(place) };
            }
            let channels = Channels {
                positions: &pointers[..count],
                stride: self.rows.position(),
                taps: self.taps,
                width: self.weights.taps,
                column_step,
                weights: self.weights.slab(0),
                epilogue: self.epilogue,
                row,
                slabs: slabs.clone(),
                columns: self.weights.n(),
            };
            // SAFETY: as for [`Job::run`]; a backend in a job is supported.
            unsafe { (self.products().depthwise)(&channels) };
            row += count;
        }
    }

    /// Computes all columns of some panels.
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
            // SAFETY: as for [`Job::run`].
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
                    steps: self.weights.steps,
                    rhs: self.weights.slab(slab),
                    slab_bytes: self.weights.slab_bytes(),
                    epilogue: self.epilogue,
                    row,
                    column,
                    columns: (self.weights.n() - column).min(nr * LANES),
                };
                // SAFETY: as for [`Job::run`]; a backend in a job is supported, and the pointers of the panels were set.
                unsafe { (self.products().tile)(&tile) };
                place += panels * taps * mr;
            }
            slab += nr;
        }
    }

    /// Sets `pointers[panel][tap][i]` for the rows of panels, whose places come next.
    unsafe fn find(&self, places: &mut Places, mr: usize, pointers: &mut [MaybeUninit<*const u8>]) {
        if let [tap] = *self.taps {
            for (pointer, place) in pointers.iter_mut().zip(places) {
                // SAFETY: the tap is within what the base is valid for.
                pointer.write(unsafe { self.base.add(place + tap) });
            }
            return;
        }
        for panel in pointers.chunks_exact_mut((self.taps.len() * mr).max(1)) {
            for (i, place) in places.take(mr).enumerate() {
                for (tap, offset) in self.taps.iter().enumerate() {
                    // SAFETY: the tap is within what the base is valid for.
                    panel[tap * mr + i].write(unsafe { self.base.add(place + offset) });
                }
            }
        }
    }

    /// The most rows and slabs of a tile for a rectangle of the result: those that take the shortest time.
    ///
    /// A step of `r` rows and `w` slabs takes as long as its `r w` products, its `r + w` loads, or 10 products, which wait for
    /// each other; a tile takes its steps and about 150 products more for its begin and end.
    fn shape(&self, rows: usize, slabs: usize) -> (usize, usize) {
        let steps = self.weights.steps * self.taps.len();
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

/// The slabs of the next tile of at most `widest`, if there are `left`: the last four of tiles of three are two and two.
fn width(left: usize, widest: usize) -> usize {
    if left == 4 && widest == 3 { 2 } else { left.min(widest) }
}

//! The loop nest of a float product.

use core::ops::Range;

use super::FloatMatrix;
use crate::backend::float::{FloatProducts, FloatTile};
use crate::backend::isa::LANES;

/// Rows of a block: with the largest depth half a mebibyte.
const ROWS: usize = 512;

/// Rows of a slab with columns beyond the last that are computed together, in a copy.
const COPIED: usize = 32;

/// A product whose left side is ready.
pub(super) struct Product<'a> {
    pub(super) float: &'static FloatProducts,
    pub(super) m: usize,
    pub(super) lhs: FloatMatrix<'a>,
    /// Of the result.
    pub(super) row_stride: usize,
}

/// Where the slabs of some rows of the right side are; strides in elements.
#[derive(Clone, Copy)]
pub(super) struct Slabs {
    pub(super) at: *const f32,
    /// From one row of a slab to the next.
    pub(super) step: usize,
    /// From one slab to the next.
    pub(super) slab: usize,
}

impl Product<'_> {
    /// Adds the products of a part of the depth to some columns of the result.
    ///
    /// # Safety
    ///
    /// - The CPU has the backend's instruction set.
    /// - `lhs` is a matrix `[m, k]` that fits its slice, of which `depth` is a part, and `out`, whose rows are
    ///   `row_stride` apart, has `m` rows with these columns.
    /// - `slabs` is readable for a row for each of `depth`, in each of as many slabs as the columns need.
    pub(super) unsafe fn add(&self, depth: Range<usize>, columns: Range<usize>, slabs: Slabs, out: &mut [f32]) {
        let whole = columns.len() / LANES;
        for first in (0..self.m).step_by(ROWS) {
            let rows = first..self.m.min(first + ROWS);
            let (most, mut slab) = (self.slabs_at_once(rows.len()), 0);
            while slab < whole {
                let count = self.next_slabs(whole - slab, most);
                let from = rows.start * self.row_stride + columns.start + slab * LANES;
                let to = (out[from..].as_mut_ptr(), self.row_stride);
                // SAFETY: the rows and the depth are some of the caller's; slab `slab + count` is not beyond the whole
                // ones, so that `to` has room for all their columns.
                unsafe { self.tile(rows.clone(), depth.clone(), (slabs, slab..slab + count), to) };
                slab += count;
            }
            if !columns.len().is_multiple_of(LANES) {
                // SAFETY: the rows and the depth are some of the caller's; the slab after the whole ones is the last
                // that the columns need.
                unsafe {
                    self.last(rows, depth.clone(), (slabs, whole), columns.start + whole * LANES..columns.end, out)
                };
            }
        }
    }

    /// The slab with columns beyond the last, of which a copy is computed.
    ///
    /// # Safety
    ///
    /// What [`Product::add`] asks for, for these rows, this depth and one slab.
    unsafe fn last(
        &self,
        rows: Range<usize>,
        depth: Range<usize>,
        (slabs, slab): (Slabs, usize),
        columns: Range<usize>,
        out: &mut [f32],
    ) {
        let mut sums = [[0.0; LANES]; COPIED];
        let width = columns.len();
        for first in rows.clone().step_by(COPIED) {
            let rows = first..rows.end.min(first + COPIED);
            let from = |row: usize| row * self.row_stride + columns.start;
            for (sums, row) in sums.iter_mut().zip(rows.clone()) {
                sums[..width].copy_from_slice(&out[from(row)..][..width]);
            }
            let to = (sums.as_mut_ptr().cast(), LANES);
            // SAFETY: the rows, the depth and the slab are the caller's; the copy has 16 elements for each of up to
            // `COPIED` rows.
            unsafe { self.tile(rows.clone(), depth.clone(), (slabs, slab..slab + 1), to) };
            for (sums, row) in sums.iter().zip(rows) {
                out[from(row)..][..width].copy_from_slice(&sums[..width]);
            }
        }
    }

    /// Computes some slabs.
    ///
    /// # Safety
    ///
    /// What [`Product::add`] asks for, for these rows, this depth and `some` slabs, for whose number the backend has
    /// tiles; `out` is readable and writable for all their columns in as many rows, `out_row` apart.
    unsafe fn tile(
        &self,
        rows: Range<usize>,
        depth: Range<usize>,
        (slabs, some): (Slabs, Range<usize>),
        (out, out_row): (*mut f32, usize),
    ) {
        let FloatMatrix { elements, row_stride, column_stride } = self.lhs;
        let tile = FloatTile {
            rows: rows.len(),
            slabs: some.len(),
            depth: depth.len(),
            lhs: elements[rows.start * row_stride + depth.start * column_stride..].as_ptr(),
            lhs_row: row_stride,
            lhs_step: column_stride,
            rhs: slabs.at.wrapping_add(some.start * slabs.slab),
            rhs_step: slabs.step,
            rhs_slab: slabs.slab,
            out,
            out_row,
        };
        // SAFETY: the CPU has the backend. The left side, the slabs and `out` are readable and `out` is writable for
        // what the tile says, as the caller vouches, and the tile has a number of slabs for which there is an instance.
        unsafe { (self.float.tile)(&tile) };
    }

    /// The number of slabs with which a tile has the most sums, for that many rows.
    fn slabs_at_once(&self, rows: usize) -> usize {
        let sums = |slabs: usize| rows.min(self.float.rows[slabs - 1]) * slabs;
        (1..=4).rev().max_by_key(|&slabs| sums(slabs)).unwrap_or(1)
    }

    /// How many of the slabs that are left are next: as even as possible, and a number that there is a tile for.
    fn next_slabs(&self, left: usize, most: usize) -> usize {
        let even = left.div_ceil(left.div_ceil(most));
        (1..=even).rev().find(|&slabs| self.float.rows[slabs - 1] > 0).unwrap_or(1)
    }
}

//! The tile of a float product: a few rows times a few slabs, whose sums stay in registers for a block of the depth.
#![expect(clippy::needless_range_loop, reason = "registers are indexed, so that it is seen which loops are unrolled")]

use super::isa::{Isa, LANES};

/// The float products of a backend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FloatProducts {
    /// The most rows of a tile with 1, 2, 3 and 4 slabs; 0 where there is no such tile.
    pub(crate) rows: [usize; 4],
    /// Computes some tiles.
    ///
    /// # Safety
    ///
    /// The CPU has the backend's instruction set, and the tile is [valid](FloatTile#validity).
    pub(crate) tile: unsafe fn(&FloatTile),
}

impl FloatProducts {
    pub(crate) const fn of<I: Isa>() -> Self {
        Self { rows: I::FLOAT_ROWS, tile: entry::<I> }
    }
}

/// Tiles of a float product, one below the other.
///
/// ```text
/// for panel of rows                                      as even as possible, with at most as many rows as a tile has
///     for p in 0..depth
///         out[i][lane] = fma(lhs[i][p], rhs[p][lane], out[i][lane])
/// ```
///
/// Strides are in elements.
///
/// # Validity
///
/// A tile is valid if there is an instance for `slabs`, `lhs`, `rhs` and `out` are readable as their fields say and
/// `out` is writable, and nothing else writes what is behind `out`.
#[derive(Debug)]
pub(crate) struct FloatTile {
    pub(crate) rows: usize,
    /// The number of slabs: 1 to 4.
    pub(crate) slabs: usize,
    pub(crate) depth: usize,
    /// The first row; readable for `rows` rows of `depth` elements.
    pub(crate) lhs: *const f32,
    pub(crate) lhs_row: usize,
    pub(crate) lhs_step: usize,
    /// The first slab; readable for 16 elements in each of `slabs` slabs and `depth` steps.
    pub(crate) rhs: *const f32,
    pub(crate) rhs_step: usize,
    pub(crate) rhs_slab: usize,
    /// The sums before and after; readable and writable for `rows` rows of `16 * slabs` elements.
    pub(crate) out: *mut f32,
    pub(crate) out_row: usize,
}

/// Computes the tiles.
///
/// # Safety
///
/// The CPU has the instruction set, and the tile is [valid](FloatTile#validity).
unsafe fn entry<I: Isa>(tile: &FloatTile) {
    // SAFETY: the CPU has the instruction set, and the tile is valid; each instance is taken for its number of slabs.
    unsafe {
        I::enter(
            #[inline(always)]
            || match tile.slabs {
                1 => panels::<I, 1>(tile),
                2 if const { I::FLOAT_ROWS[1] > 0 } => panels::<I, 2>(tile),
                3 if const { I::FLOAT_ROWS[2] > 0 } => panels::<I, 3>(tile),
                4 if const { I::FLOAT_ROWS[3] > 0 } => panels::<I, 4>(tile),
                slabs => unreachable!("a float tile of {slabs} slabs"),
            },
        );
    }
}

/// All panels of tiles of `NR` slabs.
///
/// # Safety
///
/// The CPU has the instruction set, and the tile is [valid](FloatTile#validity), of `NR` slabs.
#[inline(always)]
unsafe fn panels<I: Isa, const NR: usize>(tile: &FloatTile) {
    let count = tile.rows.div_ceil(const { I::FLOAT_ROWS[NR - 1] });
    for panel in 0..count {
        let (first, end) = (panel * tile.rows / count, (panel + 1) * tile.rows / count);
        // SAFETY: the CPU has the instruction set, and the tile is valid, of `NR` slabs; the rows from `first` on, as
        // many as the instance has, are some of the tile's.
        unsafe {
            match end - first {
                1 => compute::<I, 1, NR>(tile, first),
                2 if const { I::FLOAT_ROWS[NR - 1] >= 2 } => compute::<I, 2, NR>(tile, first),
                3 if const { I::FLOAT_ROWS[NR - 1] >= 3 } => compute::<I, 3, NR>(tile, first),
                4 if const { I::FLOAT_ROWS[NR - 1] >= 4 } => compute::<I, 4, NR>(tile, first),
                5 if const { I::FLOAT_ROWS[NR - 1] >= 5 } => compute::<I, 5, NR>(tile, first),
                6 if const { I::FLOAT_ROWS[NR - 1] >= 6 } => compute::<I, 6, NR>(tile, first),
                7 if const { I::FLOAT_ROWS[NR - 1] >= 7 } => compute::<I, 7, NR>(tile, first),
                8 if const { I::FLOAT_ROWS[NR - 1] >= 8 } => compute::<I, 8, NR>(tile, first),
                rows => unreachable!("a float tile of {rows} rows"),
            }
        }
    }
}

/// One tile.
///
/// # Safety
///
/// The CPU has the instruction set, and the tile is [valid](FloatTile#validity), of `NR` slabs; its rows from `first`
/// to `first + MR` are some that it has.
#[inline(always)]
unsafe fn compute<I: Isa, const MR: usize, const NR: usize>(tile: &FloatTile, first: usize) {
    let FloatTile { depth, lhs_row, lhs_step, rhs_step, rhs_slab, out_row, .. } = *tile;
    // SAFETY: the CPU has the instruction set; the rows of `lhs` and `out` are some of the tile's, slabs are below
    // `NR`, and steps below `depth`, for which they are readable, and `out` writable.
    unsafe {
        let out = tile.out.add(first * out_row);
        let mut acc = [[I::splat_f32(0.0); NR]; MR];
        let mut rows = [core::ptr::null(); MR];
        for i in 0..MR {
            rows[i] = tile.lhs.add((first + i) * lhs_row);
            for j in 0..NR {
                acc[i][j] = I::load_f32(out.add(i * out_row + j * LANES));
            }
        }
        let mut rhs = tile.rhs;
        let mut at = 0;
        for _ in 0..depth {
            let mut slabs = [I::load_f32(rhs); NR];
            for j in 1..NR {
                slabs[j] = I::load_f32(rhs.add(j * rhs_slab));
            }
            for i in 0..MR {
                let lhs = I::splat_f32(*rows[i].add(at));
                for j in 0..NR {
                    acc[i][j] = I::fma_f32(lhs, slabs[j], acc[i][j]);
                }
            }
            // Past the end after the last step, where nothing is read.
            rhs = rhs.wrapping_add(rhs_step);
            at = at.wrapping_add(lhs_step);
        }
        for i in 0..MR {
            for j in 0..NR {
                I::store_f32(out.add(i * out_row + j * LANES), acc[i][j]);
            }
        }
    }
}

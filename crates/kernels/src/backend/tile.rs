//! The tile: a few rows times a few slabs, in registers from the first product to the result.
#![expect(clippy::needless_range_loop, reason = "registers are indexed, so that it is seen which loops are unrolled")]

use core::mem::MaybeUninit;

use super::epilogue::{self, Epilogue, Sums};
use super::isa::{Broadcast, Isa, LANES};

/// Tiles of a product, one below the other.
///
/// ```text
/// for panel in 0..panels                                 each with mr rows
///     for tap in 0..taps                                 one tap, unless it is a convolution
///         for step in 0..steps                           groups of 4 or 2 products
///             acc[i][lane] += rows[panel][tap][i][step] . rhs[lane][step]
///     out[i][lane] = epilogue(acc[i][lane])
/// ```
///
/// # Validity
///
/// A tile is valid if
///
/// - the backend has tiles of `mr` rows and `nr` slabs;
/// - `rows` is readable for `panels * taps * mr` pointers, each of which is readable for `steps` groups of activations;
/// - `rhs` is readable for `nr` slabs, `slab_bytes` apart, of `taps * steps` steps each, and is where a slab of packed
///   weights begins;
/// - the epilogue is [valid](Epilogue#validity) for the rows from `row` to `row + panels * mr` and the columns from
///   `column` to `column + columns`, of which there are more than `16 * (nr - 1)`.
#[derive(Debug)]
pub(crate) struct Tile {
    pub(crate) panels: usize,
    /// The number of rows of a tile: 1 to the backend's most.
    pub(crate) mr: usize,
    /// The number of slabs: 1 to 4.
    pub(crate) nr: usize,
    /// `[panels][taps][mr]`: where each row's activations begin, for each tap.
    pub(crate) rows: *const *const u8,
    pub(crate) taps: usize,
    /// Groups of activations for each tap.
    pub(crate) steps: usize,
    /// The first slab; `taps * steps` steps.
    pub(crate) rhs: *const i8,
    /// Bytes from one slab to the next.
    pub(crate) slab_bytes: usize,
    /// What makes results of sums.
    pub(crate) epilogue: *const Epilogue,
    /// The row of the first tile's first result.
    pub(crate) row: usize,
    /// The column of the tile's first result, counted from the epilogue's first.
    pub(crate) column: usize,
    /// Columns of the result in this tile, at most `16 * nr`.
    pub(crate) columns: usize,
}

/// Computes a tile.
///
/// # Safety
///
/// The CPU has the instruction set, and the tile is [valid](Tile#validity).
pub(crate) unsafe fn entry<I: Broadcast>(tile: &Tile) {
    // SAFETY: the CPU has the instruction set, and the tile is valid.
    unsafe {
        I::enter(
            #[inline(always)]
            || select::<I>(tile),
        );
    }
}

/// Chooses the instance for the tile's size.
///
/// # Safety
///
/// The CPU has the instruction set, and the tile is [valid](Tile#validity).
#[inline(always)]
unsafe fn select<I: Broadcast>(tile: &Tile) {
    // SAFETY: the CPU has the instruction set, and the tile is valid; each instance is taken for its number of slabs.
    unsafe {
        match tile.nr {
            1 => rows::<I, 1>(tile),
            2 if const { I::ROWS[1] > 0 } => rows::<I, 2>(tile),
            3 if const { I::ROWS[2] > 0 } => rows::<I, 3>(tile),
            4 if const { I::ROWS[3] > 0 } => rows::<I, 4>(tile),
            _ => unreachable!("a tile of {} slabs", tile.nr),
        }
    }
}

/// The instance for the tile's number of rows.
///
/// # Safety
///
/// The CPU has the instruction set, and the tile is [valid](Tile#validity), of `NR` slabs.
#[inline(always)]
unsafe fn rows<I: Broadcast, const NR: usize>(tile: &Tile) {
    // SAFETY: the CPU has the instruction set, and the tile is valid, of `NR` slabs; each instance is taken for its
    // number of rows, and `vector` for a single tap.
    unsafe {
        match tile.mr {
            1 if tile.taps == 1 => vector::<I, NR>(tile),
            1 => compute::<I, 1, NR>(tile),
            2 if const { I::ROWS[NR - 1] >= 2 } => compute::<I, 2, NR>(tile),
            3 if const { I::ROWS[NR - 1] >= 3 } => compute::<I, 3, NR>(tile),
            4 if const { I::ROWS[NR - 1] >= 4 } => compute::<I, 4, NR>(tile),
            5 if const { I::ROWS[NR - 1] >= 5 } => compute::<I, 5, NR>(tile),
            6 if const { I::ROWS[NR - 1] >= 6 } => compute::<I, 6, NR>(tile),
            7 if const { I::ROWS[NR - 1] >= 7 } => compute::<I, 7, NR>(tile),
            8 if const { I::ROWS[NR - 1] >= 8 } => compute::<I, 8, NR>(tile),
            9 if const { I::ROWS[NR - 1] >= 9 } => compute::<I, 9, NR>(tile),
            10 if const { I::ROWS[NR - 1] >= 10 } => compute::<I, 10, NR>(tile),
            11 if const { I::ROWS[NR - 1] >= 11 } => compute::<I, 11, NR>(tile),
            12 if const { I::ROWS[NR - 1] >= 12 } => compute::<I, 12, NR>(tile),
            _ => unreachable!("a tile of {} rows", tile.mr),
        }
    }
}

/// All panels of tiles of this size.
///
/// # Safety
///
/// The CPU has the instruction set, and the tile is [valid](Tile#validity), of `MR` rows and `NR` slabs.
#[inline(always)]
unsafe fn compute<I: Broadcast, const MR: usize, const NR: usize>(tile: &Tile) {
    // SAFETY: the tile has `MR` pointers for each panel and tap, readable for `steps` groups, and of each slab as many
    // steps for each tap; the loops stay within these numbers, past which `pointers` and `rhs` are not read.
    unsafe {
        let mut pointers = tile.rows;
        for panel in 0..tile.panels {
            let mut acc = first::<I, MR, NR>(tile);
            let mut rhs = tile.rhs;
            for _ in 0..tile.taps {
                let mut rows = [core::ptr::null(); MR];
                for i in 0..MR {
                    rows[i] = *pointers.add(i);
                }
                pointers = pointers.add(MR);
                I::steps(&mut acc, rows, rhs, tile.slab_bytes, tile.steps);
                rhs = rhs.add(tile.steps * const { I::LAYOUT.step_bytes() });
            }
            finish::<I, MR, NR>(tile, panel * MR, acc);
        }
    }
}

/// Bytes of a group of activations. [`Broadcast::lhs`] of every backend reads the four of one integer: 8-bit quantized
/// values by fours or words by twos.
const fn group_bytes<I: Broadcast>() -> usize {
    assert!(I::LAYOUT.group_bytes() == 4, "a group of activations in one integer");
    I::LAYOUT.group_bytes()
}

/// [`Broadcast::steps`], two for each turn of the loop: its counting takes ports that the products need.
///
/// # Safety
///
/// The CPU has the instruction set; every row is readable for `count` groups, and each of the `NR` slabs, `slab_bytes`
/// apart from `rhs` on, for `count` steps.
#[inline(always)]
pub(super) unsafe fn steps<I: Broadcast, const MR: usize, const NR: usize>(
    acc: &mut [[I::I32; NR]; MR],
    rows: [*const u8; MR],
    mut rhs: *const i8,
    slab_bytes: usize,
    count: usize,
) {
    let (group, step_bytes) = const { (group_bytes::<I>(), I::LAYOUT.step_bytes()) };
    // SAFETY: both groups of a pair, the steps at `rhs` and after it, and those that are left over are among the
    // `count`.
    unsafe {
        for pair in 0..count / 2 {
            step::<I, MR, NR>(acc, &rows, 2 * group * pair, rhs, slab_bytes);
            step::<I, MR, NR>(acc, &rows, 2 * group * pair + group, rhs.add(step_bytes), slab_bytes);
            rhs = rhs.add(2 * step_bytes);
        }
        if count % 2 == 1 {
            step::<I, MR, NR>(acc, &rows, group * (count - 1), rhs, slab_bytes);
        }
    }
}

/// Adds the products of one group of each row, `at` bytes from its begin, and one step of each slab.
///
/// # Safety
///
/// The CPU has the instruction set; every row is readable for a group from `at` on, and each of the `NR` slabs,
/// `slab_bytes` apart from `rhs` on, for a step.
#[inline(always)]
pub(super) unsafe fn step<I: Broadcast, const MR: usize, const NR: usize>(
    acc: &mut [[I::I32; NR]; MR],
    rows: &[*const u8; MR],
    at: usize,
    rhs: *const i8,
    slab_bytes: usize,
) {
    // SAFETY: the CPU has the instruction set; slab `j` is below `NR` and has a step there, row `i` a group `at` bytes
    // from its begin.
    unsafe {
        let mut slabs = [I::rhs(rhs); NR];
        for j in 1..NR {
            slabs[j] = I::rhs(rhs.add(j * slab_bytes));
        }
        for i in 0..MR {
            let lhs = I::lhs(rows[i].add(at));
            for j in 0..NR {
                acc[i][j] = I::dot(acc[i][j], lhs, slabs[j]);
            }
        }
    }
}

/// Makes results of the sums of a panel.
///
/// The sums are copied where the epilogue reads them: an array whose address is passed on would not be kept in
/// registers before.
///
/// # Safety
///
/// The CPU has the instruction set, and the tile is [valid](Tile#validity), of `MR` rows and `NR` slabs; `row` is
/// where one of its panels begins, counted from its first row.
#[inline(always)]
unsafe fn finish<I: Isa, const MR: usize, const NR: usize>(tile: &Tile, row: usize, acc: [[I::I32; NR]; MR]) {
    let mut copy = MaybeUninit::<[[I::I32; MR]; NR]>::uninit();
    let vectors: *mut I::I32 = copy.as_mut_ptr().cast();
    let Tile { column, columns, .. } = *tile;
    // SAFETY: the CPU has the instruction set; the copy has room for the `NR * MR` vectors, all of which are written
    // before `epilogue::finish` reads them, and the tile's epilogue is valid for these rows and columns.
    unsafe {
        for j in 0..NR {
            for i in 0..MR {
                vectors.add(j * MR + i).write(acc[i][j]);
            }
        }
        let sums = Sums { vectors, mr: MR, nr: NR, row: tile.row + row, column, columns };
        epilogue::finish::<I>(&*tile.epilogue, &sums);
    }
}

/// The sums before the first product: what the epilogue adds for each column.
///
/// # Safety
///
/// The CPU has the instruction set, and the tile is [valid](Tile#validity), of `NR` slabs.
#[inline(always)]
unsafe fn first<I: Isa, const MR: usize, const NR: usize>(tile: &Tile) -> [[I::I32; NR]; MR] {
    // SAFETY: the CPU has the instruction set; `columns` of a valid epilogue is padded to whole slabs, of which the
    // tile's are `NR`.
    unsafe {
        let columns = (*tile.epilogue).columns.add(tile.column);
        let mut acc = [[I::splat_i32(0); NR]; MR];
        for j in 0..NR {
            let column = I::load_i32(columns.add(j * LANES));
            for i in 0..MR {
                acc[i][j] = column;
            }
        }
        acc
    }
}

/// One row: two sums for every result, so that an addition need not wait for the one before it.
///
/// # Safety
///
/// The CPU has the instruction set, and the tile is [valid](Tile#validity), of one row, `NR` slabs and a single tap.
#[inline(always)]
unsafe fn vector<I: Broadcast, const NR: usize>(tile: &Tile) {
    let (group, step_bytes) = const { (group_bytes::<I>(), I::LAYOUT.step_bytes()) };
    // SAFETY: the tile has a pointer for each panel, readable for `steps` groups, and as many steps of each slab: both
    // of a pair, and the last where it is left over, are among them.
    unsafe {
        for panel in 0..tile.panels {
            let [mut even] = first::<I, 1, NR>(tile);
            let mut odd = [I::splat_i32(0); NR];
            let (row, mut rhs) = (*tile.rows.add(panel), tile.rhs);
            for pair in 0..tile.steps / 2 {
                let (first, second) = (I::lhs(row.add(2 * group * pair)), I::lhs(row.add(2 * group * pair + group)));
                for j in 0..NR {
                    let slab = rhs.add(j * tile.slab_bytes);
                    even[j] = I::dot(even[j], first, I::rhs(slab));
                    odd[j] = I::dot(odd[j], second, I::rhs(slab.add(step_bytes)));
                }
                rhs = rhs.add(2 * step_bytes);
            }
            if tile.steps % 2 == 1 {
                let lhs = I::lhs(row.add(group * (tile.steps - 1)));
                for j in 0..NR {
                    even[j] = I::dot(even[j], lhs, I::rhs(rhs.add(j * tile.slab_bytes)));
                }
            }
            for j in 0..NR {
                even[j] = I::add_i32(even[j], odd[j]);
            }
            finish::<I, 1, NR>(tile, panel, [even]);
        }
    }
}

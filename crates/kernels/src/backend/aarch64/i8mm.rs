//! `usmmla`: two rows of eight unsigned activations times two columns of eight signed weights, 32 products in one
//! instruction.
//!
//! Of the instructions of this extension it is the one with unsigned activations, which is what quantized models have:
//! nothing is converted. A tile keeps 2x2 sums in a register, and puts rows together when all are there.

use core::arch::aarch64::*;
use core::arch::asm;
use core::mem::MaybeUninit;

use super::super::epilogue::{self, Sums};
use super::super::isa::Isa;
use super::super::layout::Layout;
use super::super::tile::Tile;
use super::super::{Products, depthwise};
use super::neon::{Dot, Neon};
use super::quarter::interleave_bytes;

/// The backend with the matrix product instructions of ARMv8.6.
pub(crate) type NeonI8mm = Neon<Usdot>;

/// 24 registers of sums, three of activations, and weights.
pub(super) const ROWS: [usize; 4] = [6, 0, 0, 0];

pub(super) const PRODUCTS: Products = Products { tile: entry, depthwise: depthwise::entry::<NeonI8mm> };

/// Bytes of one step of a slab.
const STEP: usize = Layout::Matrix.step_bytes();

/// Sums of depthwise convolutions, by `usdot`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usdot;

impl Dot for Usdot {
    const NAME: &'static str = "neon-i8mm";
    const LAYOUT: Layout = Layout::Matrix;

    fn is_supported() -> bool {
        super::has!("neon" "dotprod" "i8mm")
    }

    #[inline]
    #[target_feature(enable = "neon,dotprod,i8mm")]
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    unsafe fn interleave(taps: [*const u8; 4]) -> [int8x16_t; 4] {
        // SAFETY: the CPU has NEON; each of the four taps is readable for 16 bytes.
        unsafe { interleave_bytes(taps) }
    }

    #[inline(always)]
    unsafe fn dot(acc: int32x4_t, lhs: int8x16_t, rhs: int8x16_t) -> int32x4_t {
        // SAFETY: the CPU has the matrix product instructions.
        unsafe { usdot(acc, lhs, rhs) }
    }
}

/// Computes a tile of one slab.
///
/// # Safety
///
/// The CPU has the matrix product instructions, and the tile is [valid](Tile#validity), of [`ROWS`].
unsafe fn entry(tile: &Tile) {
    // SAFETY: the CPU has the matrix product instructions, and the tile is as the caller vouches: of up to six rows and
    // one slab.
    unsafe {
        NeonI8mm::enter(
            #[inline(always)]
            || match tile.mr {
                1 | 2 => compute::<1>(tile),
                3 | 4 => compute::<2>(tile),
                _ => compute::<3>(tile),
            },
        );
    }
}

/// Tiles of `PAIRS` pairs of rows; if there is no last row, the one before it takes its place.
///
/// # Safety
///
/// The CPU has the matrix product instructions, and the tile is [valid](Tile#validity), of one slab and of `2 * PAIRS`
/// rows or one less.
#[inline(always)]
unsafe fn compute<const PAIRS: usize>(tile: &Tile) {
    const { assert!(Layout::Matrix.group_bytes() == 8 && STEP == 8 * 16) };
    // SAFETY: the CPU has the matrix product instructions. The tile has `panels * taps * mr` pointers, each readable
    // for `steps` groups of eight bytes, and a slab of `taps * steps` steps; the epilogue is valid for its rows and
    // columns. There is room for `2 * PAIRS` rows of sums, and all are written.
    unsafe {
        let Tile { mr, taps, steps, column, columns, .. } = *tile;
        let first_sums = (*tile.epilogue).columns.add(column);
        let mut pointers = tile.rows;
        for panel in 0..tile.panels {
            let mut acc = [[vdupq_n_s32(0); 8]; PAIRS];
            for (j, pair) in first_sums_of(first_sums).into_iter().enumerate() {
                for acc in &mut acc {
                    acc[j] = pair;
                }
            }
            let mut rhs = tile.rhs;
            for _ in 0..taps {
                let mut rows = [[core::ptr::null::<u8>(); 2]; PAIRS];
                for (pair, rows) in rows.iter_mut().enumerate() {
                    *rows = [*pointers.add(2 * pair), *pointers.add((2 * pair + 1).min(mr - 1))];
                }
                pointers = pointers.add(mr);
                for step in 0..steps {
                    let mut lhs = [vdupq_n_u8(0); PAIRS];
                    for (lhs, rows) in lhs.iter_mut().zip(rows) {
                        *lhs = vcombine_u8(vld1_u8(rows[0].add(8 * step)), vld1_u8(rows[1].add(8 * step)));
                    }
                    for j in 0..8 {
                        let columns = vld1q_s8(rhs.add(16 * j));
                        for pair in 0..PAIRS {
                            acc[pair][j] = usmmla(acc[pair][j], lhs[pair], columns);
                        }
                    }
                    rhs = rhs.add(STEP);
                }
            }
            let mut rows = MaybeUninit::<[[<NeonI8mm as Isa>::I32; 2]; PAIRS]>::uninit();
            let vectors: *mut <NeonI8mm as Isa>::I32 = rows.as_mut_ptr().cast();
            for (pair, acc) in acc.into_iter().enumerate() {
                vectors.add(2 * pair).write([0, 2, 4, 6].map(|j| rows_of(acc[j], acc[j + 1])[0]));
                vectors.add(2 * pair + 1).write([0, 2, 4, 6].map(|j| rows_of(acc[j], acc[j + 1])[1]));
            }
            let sums = Sums { vectors, mr, nr: 1, row: tile.row + panel * mr, column, columns };
            epilogue::finish::<NeonI8mm>(&*tile.epilogue, &sums);
        }
    }
}

/// The first sums of two columns, for two rows.
///
/// # Safety
///
/// The CPU has NEON; `columns` are readable for 16 integers.
#[inline(always)]
unsafe fn first_sums_of(columns: *const i32) -> [int32x4_t; 8] {
    // SAFETY: the CPU has NEON, and `columns` are readable for 16 integers.
    unsafe {
        let mut pairs = [vdupq_n_s32(0); 8];
        for (j, pair) in pairs.iter_mut().enumerate() {
            let two = vld1_s32(columns.add(2 * j));
            *pair = vcombine_s32(two, two);
        }
        pairs
    }
}

/// Four columns of two rows, of two columns each.
///
/// # Safety
///
/// The CPU has NEON.
#[inline(always)]
unsafe fn rows_of(a: int32x4_t, b: int32x4_t) -> [int32x4_t; 2] {
    // SAFETY: the CPU has NEON.
    unsafe {
        let (a, b) = (vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b));
        [vreinterpretq_s32_s64(vzip1q_s64(a, b)), vreinterpretq_s32_s64(vzip2q_s64(a, b))]
    }
}

/// `acc[2 i + j] += sum_p a[8 i + p] * b[8 j + p]`. The intrinsic is not stable.
///
/// # Safety
///
/// The CPU has the matrix product instructions.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn usmmla(mut acc: int32x4_t, a: uint8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: one instruction, that this function's target feature has; it reads and writes the registers that are
    // named.
    unsafe {
        asm!(
            "usmmla {acc:v}.4s, {a:v}.16b, {b:v}.16b",
            acc = inout(vreg) acc, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    acc
}

/// `acc[i] += sum_p a[4 i + p] * b[4 i + p]`, `a` unsigned.
///
/// # Safety
///
/// The CPU has the matrix product instructions.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn usdot(mut acc: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: one instruction, that this function's target feature has; it reads and writes the registers that are
    // named.
    unsafe {
        asm!(
            "usdot {acc:v}.4s, {a:v}.16b, {b:v}.16b",
            acc = inout(vreg) acc, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    acc
}

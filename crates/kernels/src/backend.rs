//! The list of backends: what this crate was compiled with, the fastest first.
//!
//! A backend is an implementation of [`isa::Isa`]: a few dozen primitives on vectors of 16 lanes, most of them one
//! instruction. Everything else (tiles, epilogues, element loops, the drivers) is written once, over the trait, and
//! instantiated for each backend by [`Backend::of`]. To add one: write its file, and add its line to [`ALL`].

#[cfg(target_arch = "aarch64")]
pub(crate) mod aarch64;
pub(crate) mod depthwise;

pub(crate) mod epilogue;
pub(crate) mod float;
pub(crate) mod fma;
pub(crate) mod isa;
pub(crate) mod layout;
pub(crate) mod loops;
pub(crate) mod portable;
pub(crate) mod quantizer;
pub(crate) mod tile;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_64;

use depthwise::Channels;
use float::FloatProducts;
use isa::{Broadcast, Isa};
use layout::Layout;
use loops::Loops;
use tile::Tile;

/// A backend as plain data.
#[derive(Debug)]
pub(crate) struct Backend {
    /// The name that [`crate::Kernel::by_name`] takes.
    pub(crate) name: &'static str,
    /// Whether this CPU can run it.
    pub(crate) is_supported: fn() -> bool,
    /// Whether it is as fast on this CPU as its place in the list says.
    pub(crate) is_fast: fn() -> bool,
    /// How it reads weights and activations.
    pub(crate) layout: Layout,
    /// The most rows of a tile with 1, 2, 3 and 4 slabs; 0 where the backend has no such tile.
    pub(crate) rows: [usize; 4],
    /// For all weights.
    pub(crate) products: Products,
    /// For weights of which none is -128.
    pub(crate) products_above_min: Products,
    /// Of floats.
    pub(crate) float: FloatProducts,
    /// The element loops.
    pub(crate) loops: Loops,
}

/// The functions that multiply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Products {
    /// Computes one tile.
    ///
    /// # Safety
    ///
    /// The CPU has the backend's instruction set ([`Backend::is_supported`]), and the tile is [valid](Tile#validity).
    pub(crate) tile: unsafe fn(&Tile),
    /// Computes some positions of a depthwise convolution.
    ///
    /// # Safety
    ///
    /// The CPU has the backend's instruction set ([`Backend::is_supported`]), and the channels are
    /// [valid](Channels#validity).
    pub(crate) depthwise: unsafe fn(&Channels<'_>),
}

impl Products {
    const fn of<I: Broadcast>() -> Self {
        Self { tile: tile::entry::<I>, depthwise: depthwise::entry::<I> }
    }
}

impl Backend {
    pub(crate) const fn of<I: Broadcast>() -> Self {
        Self::with::<I>(Products::of::<I>(), I::ROWS)
    }

    /// A backend with functions of its own that multiply.
    const fn with<I: Isa>(products: Products, rows: [usize; 4]) -> Self {
        assert!(0 < rows[0] && rows[0] <= 12 && I::FLOAT_ROWS[0] > 0, "tiles of one slab, which may be left over");
        // A row of tiles may end with one of fewer slabs and as many rows.
        assert!(rows[1] <= rows[0] && rows[2] <= rows[1] && rows[3] <= rows[2], "more slabs, not more rows");
        Self {
            name: I::NAME,
            is_supported: I::is_supported,
            is_fast: || true,
            layout: I::LAYOUT,
            rows,
            products,
            products_above_min: products,
            float: FloatProducts::of::<I>(),
            loops: Loops::of::<I>(),
        }
    }
}

/// Every backend of this architecture, the fastest first; the last one runs everywhere.
pub(crate) static ALL: &[Backend] = &[
    #[cfg(target_arch = "x86_64")]
    Backend::of::<x86_64::Avx512Vnni>(),
    #[cfg(target_arch = "x86_64")]
    Backend::of::<x86_64::AvxVnni>(),
    #[cfg(target_arch = "x86_64")]
    Backend::of::<x86_64::Avx2>(),
    #[cfg(target_arch = "aarch64")]
    aarch64::I8MM,
    #[cfg(target_arch = "aarch64")]
    Backend::of::<aarch64::NeonDot>(),
    #[cfg(target_arch = "aarch64")]
    aarch64::NEON,
    Backend::of::<portable::Portable>(),
];

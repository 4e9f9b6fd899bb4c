//! Sizes and memory that agree: the one place where the fields of packed weights are set, all together.

use alloc::vec::Vec;
use core::mem;

use crate::backend::isa::LANES;
use crate::backend::layout::Layout;
use crate::memory::{fill, reserve};
use crate::{Error, Kernel};

/// What the memory of packed weights is for.
const WHAT: &str = "the packed weights";

/// Weights packed for the kernels that share their layout.
///
/// ```text
/// lines.len() * 64 >= slabs * slab_bytes                 slab_bytes = taps * steps * step_bytes, slabs = ceil(n / 16)
/// column_sums.len() = slabs * 16                         or 0 without depth, where all sums are 0
/// zero_points.len() = slabs * 16                         or 0 if all are 0 or there is no depth
/// ```
#[derive(Clone, Debug)]
pub struct PackedWeights {
    sizes: Sizes,
    has_min: bool,
    lines: Vec<Line>,
    column_sums: Vec<i32>,
    zero_points: Vec<i32>,
}

/// One cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([i8; 64]);

/// Sizes of which no product overflows.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    layout: Layout,
    n: usize,
    k: usize,
    taps: usize,
    /// Steps for each tap.
    steps: usize,
    slab_bytes: usize,
}

impl Sizes {
    /// Of `n` columns of `taps` runs of `run` quantized values each.
    fn new(layout: Layout, (n, taps, run): (usize, usize, usize)) -> Result<Self, Error> {
        let (steps, max) = (run.div_ceil(layout.depth()), isize::MAX.unsigned_abs());
        let checked = || {
            let slab_bytes = taps.checked_mul(steps)?.checked_mul(layout.step_bytes())?;
            let bytes = slab_bytes.checked_mul(n.div_ceil(LANES))?.checked_next_multiple_of(size_of::<Line>())?;
            let columns = n.checked_next_multiple_of(LANES)?.checked_mul(size_of::<i32>())?;
            let fits = slab_bytes <= max && bytes <= max && columns <= max;
            fits.then_some(Self { layout, n, k: taps.checked_mul(run)?, taps, steps, slab_bytes })
        };
        checked().ok_or(Error::TooLarge { what: WHAT })
    }

    fn slabs(&self) -> usize {
        self.n.div_ceil(LANES)
    }

    fn bytes(&self) -> usize {
        self.slab_bytes * self.slabs()
    }

    /// The columns that have sums and zero points: whole slabs, or none without depth.
    fn summed(&self) -> usize {
        if self.k == 0 { 0 } else { self.slabs() * LANES }
    }
}

impl PackedWeights {
    /// The number of columns of the product.
    #[must_use]
    pub fn n(&self) -> usize {
        self.sizes.n
    }

    /// The depth.
    #[must_use]
    pub fn k(&self) -> usize {
        self.sizes.k
    }

    /// The name of the layout, for example `"K4N16"`.
    #[must_use]
    pub fn layout(&self) -> &'static str {
        self.sizes.layout.name()
    }

    /// The number of bytes that the packed quantized values take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.sizes.bytes()
    }

    /// Runs of quantized values that are apart in memory.
    pub(crate) fn taps(&self) -> usize {
        self.sizes.taps
    }

    /// Steps for each tap.
    pub(crate) fn steps(&self) -> usize {
        self.sizes.steps
    }

    /// Whether a quantized value is -128, with which sums of two products may not fit 16 bits.
    pub(crate) fn has_min(&self) -> bool {
        self.has_min
    }

    /// The sum of each column, for whole slabs; empty without depth, where all are 0.
    pub(crate) fn column_sums(&self) -> &[i32] {
        &self.column_sums
    }

    /// The zero point of each column, for whole slabs; empty if all are 0, and without depth, where they count for
    /// nothing.
    pub(crate) fn zero_points(&self) -> &[i32] {
        &self.zero_points
    }

    pub(crate) fn slabs(&self) -> usize {
        self.sizes.slabs()
    }

    pub(crate) fn slab_bytes(&self) -> usize {
        self.sizes.slab_bytes
    }

    /// Where a slab begins; readable for [`PackedWeights::slab_bytes`] if there is such a slab.
    pub(crate) fn slab(&self, slab: usize) -> *const i8 {
        self.lines.as_ptr().cast::<i8>().wrapping_add(slab * self.slab_bytes())
    }

    /// Checks that a kernel reads this layout.
    pub(crate) fn check(&self, kernel: Kernel) -> Result<(), Error> {
        if self.sizes.layout == kernel.0.layout {
            return Ok(());
        }
        Err(Error::Layout { packed: self.layout(), expected: kernel.0.layout.name() })
    }

    /// Packs columns of `taps` runs of `run` quantized values each; `code(column, tap, p)` is the quantized value as it
    /// is stored.
    pub(crate) fn of_runs(
        layout: Layout,
        sizes: (usize, usize, usize),
        code: impl Fn(usize, usize, usize) -> i8,
        zero_points: impl Fn(usize) -> i32,
    ) -> Result<Self, Error> {
        let mut packed = Self::default();
        packed.refill(layout, sizes, code, zero_points)?;
        Ok(packed)
    }

    /// As [`PackedWeights::of_runs`], in the memory that these weights have. After an error they are as before, after a
    /// panic empty.
    pub(super) fn refill(
        &mut self,
        layout: Layout,
        (n, taps, run): (usize, usize, usize),
        code: impl Fn(usize, usize, usize) -> i8,
        zero_points: impl Fn(usize) -> i32,
    ) -> Result<(), Error> {
        let sizes = Sizes::new(layout, (n, taps, run))?;
        let (count, columns) = (sizes.bytes().div_ceil(size_of::<Line>()), sizes.summed());
        reserve(WHAT, &mut self.lines, count)?;
        reserve(WHAT, &mut self.column_sums, columns)?;
        reserve(WHAT, &mut self.zero_points, columns)?;
        let Self { mut lines, mut column_sums, zero_points: mut padded, .. } = mem::take(self);
        fill(WHAT, &mut lines, count, Line([0; 64]))?;
        fill(WHAT, &mut column_sums, columns, 0)?;
        fill(WHAT, &mut padded, columns, 0)?;
        // Without depth there may be any number of columns, and nothing to do for them.
        let (depth, steps, step_bytes) = (layout.depth(), sizes.steps, layout.step_bytes());
        for slab in 0..columns / LANES {
            for tap in 0..taps {
                for step in 0..steps {
                    let at = ((slab * taps + tap) * steps + step) * step_bytes;
                    for lane in 0..LANES.min(n - slab * LANES) {
                        for p in 0..depth.min(run - step * depth) {
                            let code = code(slab * LANES + lane, tap, step * depth + p);
                            let at = at + layout.place(lane, p);
                            lines[at / 64].0[at % 64] = code;
                            let sum = &mut column_sums[slab * LANES + lane];
                            *sum = sum.wrapping_add(i32::from(code));
                        }
                    }
                }
            }
        }
        padded.iter_mut().take(n).enumerate().for_each(|(column, padded)| *padded = zero_points(column));
        if padded.iter().all(|&zero_point| zero_point == 0) {
            padded.clear();
        }
        let has_min = lines.iter().flat_map(|line| line.0).any(|code| code == i8::MIN);
        *self = Self { sizes, has_min, lines, column_sums, zero_points: padded };
        Ok(())
    }
}

impl Default for PackedWeights {
    /// Weights without columns, for [`Kernel::pack_into`] to fill.
    fn default() -> Self {
        let sizes = Sizes { layout: Layout::Bytes, n: 0, k: 0, taps: 0, steps: 0, slab_bytes: 0 };
        Self { sizes, has_min: false, lines: Vec::new(), column_sums: Vec::new(), zero_points: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_panic_leaves_weights_without_columns() {
        let mut packed = PackedWeights::of_runs(Layout::Words, (40, 2, 5), |_, _, _| 1, |_| 1).expect("small sizes");
        let refilled = catch_unwind(AssertUnwindSafe(|| {
            let code = |column, _, _| if column == 17 { panic!("as intended") } else { 1 };
            packed.refill(Layout::Words, (70, 1, 9), code, |_| 1)
        }));
        assert!(refilled.is_err());
        assert_eq!((packed.n(), packed.k(), packed.bytes(), packed.slabs()), (0, 0, 0, 0));
        assert_eq!((packed.column_sums().len(), packed.zero_points().len()), (0, 0));
    }

    #[test]
    fn an_error_leaves_weights_as_they_were() {
        let mut packed = PackedWeights::of_runs(Layout::Words, (40, 2, 5), |_, _, _| 1, |_| 1).expect("small sizes");
        for sizes in [(1 << 62, 1, 0), (usize::MAX, 1, 0), (0, 1, usize::MAX), (17, 1 << 40, 1 << 40), (1 << 50, 1, 1)]
        {
            let refilled = packed.refill(Layout::Words, sizes, |_, _, _| panic!("no code is asked for"), |_| 1);
            assert!(matches!(refilled, Err(Error::TooLarge { .. } | Error::OutOfMemory { .. })), "{sizes:?}");
            assert_eq!((packed.n(), packed.k(), packed.bytes()), (40, 10, 3 * 2 * 3 * 32));
            assert_eq!((packed.column_sums()[39], packed.zero_points()[39]), (10, 1));
        }
    }
}

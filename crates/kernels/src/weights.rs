//! Weights in the order in which tiles read them.
//!
//! A slab holds 16 columns; it is a sequence of steps, and a step holds one group of each column:
//!
//! ```text
//! slab[n / 16]  step[k / depth]  column[16]  p[depth]        depth 8: "K8N16", depth 4: "K4N16", depth 2: "K2N16"
//! slab[n / 16]  step[k / 4]  quarter[4]  half[2]  column[4]  p[2]                               "K2N4"
//! ```
//!
//! Unsigned weights are stored less 128, with their zero points less 128. Columns and depths beyond the last are 0.

use alloc::vec::Vec;

use crate::backend::isa::LANES;
use crate::backend::layout::Layout;
use crate::error::check_length;
use crate::{Error, Kernel, Weights};

/// Weights packed for the kernels that share their layout.
#[derive(Clone, Debug)]
pub struct PackedWeights {
    layout: Layout,
    n: usize,
    k: usize,
    pub(crate) taps: usize,
    /// Steps for each tap.
    pub(crate) steps: usize,
    /// Whether a code is -128, with which sums of two products may not fit 16 bits.
    pub(crate) has_least: bool,
    lines: Vec<Line>,
    /// The sum of each column, padded to whole slabs.
    pub(crate) column_sums: Vec<i32>,
    /// The zero point of each column, padded to whole slabs; empty if all are 0.
    pub(crate) zero_points: Vec<i32>,
}

/// One cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([i8; 64]);

impl PackedWeights {
    /// The number of columns of the product.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    /// The depth.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    /// The name of the layout, for example `"K4N16"`.
    #[must_use]
    pub fn layout(&self) -> &'static str {
        self.layout.name()
    }

    /// The number of bytes that the packed codes take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.slab_bytes() * self.slabs()
    }

    pub(crate) fn slabs(&self) -> usize {
        self.n.div_ceil(LANES)
    }

    pub(crate) fn slab_bytes(&self) -> usize {
        self.taps * self.steps * self.layout.step_bytes()
    }

    /// Where a slab begins.
    pub(crate) fn slab(&self, slab: usize) -> *const i8 {
        self.lines.as_ptr().cast::<i8>().wrapping_add(slab * self.slab_bytes())
    }

    /// Checks that a kernel reads this layout.
    pub(crate) fn check(&self, kernel: Kernel) -> Result<(), Error> {
        if self.layout == kernel.0.layout {
            return Ok(());
        }
        Err(Error::Layout { packed: self.layout.name(), expected: kernel.0.layout.name() })
    }

    /// Packs columns of `taps` runs of `run` codes each; `code(column, tap, p)` is the code as it is stored.
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

    /// As [`PackedWeights::of_runs`], in the memory that these weights have.
    fn refill(
        &mut self,
        layout: Layout,
        (n, taps, run): (usize, usize, usize),
        code: impl Fn(usize, usize, usize) -> i8,
        zero_points: impl Fn(usize) -> i32,
    ) -> Result<(), Error> {
        let (depth, slabs) = (layout.depth(), n.div_ceil(LANES));
        let steps = run.div_ceil(depth);
        let too_large = Error::TooLarge { what: "the packed weights" };
        let bytes = [taps, layout.step_bytes(), slabs].iter().try_fold(steps, |bytes, &count| bytes.checked_mul(count));
        let bytes = bytes.filter(|&bytes| bytes <= isize::MAX.unsigned_abs() / 2).ok_or(too_large)?;
        let Self { lines, column_sums, zero_points: padded, .. } = self;
        lines.clear();
        lines.resize(bytes.div_ceil(64), Line([0; 64]));
        column_sums.clear();
        column_sums.resize(slabs * LANES, 0);
        for slab in 0..slabs {
            for tap in 0..taps {
                for step in 0..steps {
                    let at = ((slab * taps + tap) * steps + step) * layout.step_bytes();
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
        padded.clear();
        padded.resize(slabs * LANES, 0);
        padded[..n].iter_mut().enumerate().for_each(|(column, padded)| *padded = zero_points(column));
        if padded.iter().all(|&zero_point| zero_point == 0) {
            padded.clear();
        }
        self.has_least = lines.iter().flat_map(|line| line.0).any(|code| code == i8::MIN);
        (self.layout, self.n, self.k, self.taps, self.steps) = (layout, n, taps * run, taps, steps);
        Ok(())
    }
}

impl Default for PackedWeights {
    /// Weights without columns, for [`Kernel::pack_into`] to fill.
    fn default() -> Self {
        Self {
            layout: Layout::Bytes,
            n: 0,
            k: 0,
            taps: 0,
            steps: 0,
            has_least: false,
            lines: Vec::new(),
            column_sums: Vec::new(),
            zero_points: Vec::new(),
        }
    }
}

/// A code as it is stored, and what was subtracted.
pub(crate) fn stored(codes: crate::Codes<'_>, index: usize) -> i8 {
    match codes {
        crate::Codes::I8(codes) => codes[index],
        crate::Codes::U8(codes) => (codes[index] ^ 0x80).cast_signed(),
    }
}

/// What is subtracted from codes to store them.
pub(crate) fn offset(codes: crate::Codes<'_>) -> i32 {
    if codes.is_signed() { 0 } else { 128 }
}

impl Kernel {
    /// Packs weights once, for any number of products by kernels with this kernel's layout.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if there are fewer codes or zero points than `n` and `k` say, [`Error::ZeroPoint`] if a zero point is not a
    /// value of the codes' type, [`Error::TooLarge`].
    pub fn pack(self, weights: &Weights<'_>) -> Result<PackedWeights, Error> {
        let mut packed = PackedWeights::default();
        self.pack_into(weights, &mut packed)?;
        Ok(packed)
    }

    /// Packs weights that change from product to product in the memory of others, which grows only if these are larger.
    ///
    /// # Errors
    ///
    /// As [`Kernel::pack`]; `packed` may then hold nothing of use.
    pub fn pack_into(self, weights: &Weights<'_>, packed: &mut PackedWeights) -> Result<(), Error> {
        let Weights { codes, n, k, n_stride, k_stride, zero_points } = *weights;
        if n > 0 && k > 0 {
            let last = (n - 1).checked_mul(n_stride).zip((k - 1).checked_mul(k_stride));
            let last = last.and_then(|(n, k)| n.checked_add(k)?.checked_add(1));
            check_length("the weights", codes.len(), last.ok_or(Error::TooLarge { what: "the weights" })?)?;
        }
        zero_points.check("the weights", n, codes.range())?;
        packed.refill(
            self.0.layout,
            (n, 1, k),
            |column, _, p| stored(codes, column * n_stride + p * k_stride),
            |column| zero_points.at(column) - offset(codes),
        )
    }
}

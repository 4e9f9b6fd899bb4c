//! The driver of products.
//!
//! ```text
//! for each block of rows whose activations fill half the L2 cache     read from memory once, then from L2
//!     for each 1 to 4 slabs of columns                                their weights stay in L1, or at least in L2
//!         for each panel of the block's rows                          sums stay in registers for the whole depth
//! ```
//!
//! - The depth is never split: sums stay in registers from the first product to the requantized result, which a split
//!   would have to spill; and no thread shares a sum with another, so results do not depend on the number of threads.
//! - Activations are read where they are: a tile takes a pointer for each row. They are copied first only if the
//!   backend wants another form (16 bits, or unsigned), or where a row's last group would be read past the end of the
//!   slice.
//! - Rows are spread evenly over panels: 13 rows are 7 and 6, not 12 and 1.

mod columns;
mod lhs;
mod part;
mod rows;

use alloc::vec::Vec;
use core::num::NonZeroUsize;

use crate::error::check_matrix;
use crate::float::Line;
use crate::{Error, Kernel, Lhs, Output, PackedWeights};

pub(crate) use columns::{Columns, RowTerms};
pub(crate) use lhs::{convert, window_sum};
pub(crate) use part::Job;
pub(crate) use rows::Rows;

/// Buffers that operations use while they run; keep one for each thread of calls, and calls after the first do not
/// allocate.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) columns: Columns,
    /// Activations in the form that the backend reads.
    pub(crate) lhs: Vec<u8>,
    pub(crate) row_factors: Vec<i32>,
    pub(crate) row_sums: Vec<i32>,
    /// Where the taps of a convolution are.
    pub(crate) taps: Vec<usize>,
    /// Slabs of a float product.
    pub(crate) float: Vec<Line>,
    /// `None` for as many as the current rayon pool has.
    pub(crate) threads: Option<NonZeroUsize>,
}

impl Scratch {
    /// Buffers for operations on at most `threads` threads of the current rayon pool; with one, the pool is not entered
    /// at all.
    #[must_use]
    pub fn with_threads(threads: NonZeroUsize) -> Self {
        Self { threads: Some(threads), ..Self::default() }
    }
}

impl Kernel {
    /// Multiplies quantized values by packed weights:
    ///
    /// ```text
    /// acc[i, j] = sum_p (lhs[i, p] - z_l[i]) * (weights[j, p] - z_w[j])           (3)
    /// ```
    ///
    /// exact modulo 2^32, and makes results of the sums as [`Output`] says. `lhs` is `[m, k]`, `weights` `[n, k]`, the
    /// result `[m, n]`, row-major. The result has the same bits on every kernel, for every number of threads and every
    /// split of the rows.
    ///
    /// # Errors
    ///
    /// [`Error::Layout`] if the weights are packed for a kernel with another layout; [`Error::Length`],
    /// [`Error::Stride`], [`Error::ZeroPoint`], [`Error::Bounds`] if an operand does not fit; [`Error::OutOfMemory`].
    pub fn gemm(
        self,
        lhs: &Lhs<'_>,
        weights: &PackedWeights,
        output: Output<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        weights.check(self)?;
        let (m, n, k) = (lhs.m, weights.n(), weights.k());
        let row_stride = check_matrix("lhs", (m, k), lhs.row_stride, lhs.values.len())?;
        lhs.zero_points.check("lhs", m, lhs.values.range())?;
        let output = output.checked(m, n)?;
        if m == 0 || n == 0 {
            return Ok(());
        }
        let lhs = &Lhs { row_stride, ..*lhs };
        let Scratch { columns, lhs: packed, row_factors, row_sums, threads, .. } = scratch;
        let terms = lhs::row_terms(lhs, weights, self.0.layout, row_factors, row_sums)?;
        let epilogue = columns.epilogue(&terms, weights, output, 0)?;
        for stretch in lhs::stretches(lhs, weights, self.0.layout) {
            let (base, stride) = match stretch.in_place {
                true => (lhs.values.as_bytes().as_ptr(), lhs.row_stride),
                false => lhs::pack(lhs, &stretch.rows, weights, self.0.layout, packed)?,
            };
            let first = if stretch.in_place { 0 } else { stretch.rows.start };
            let rows = Rows::Strided { first, stride };
            let job = Job {
                backend: self.0,
                weights,
                epilogue: &epilogue,
                base,
                rows,
                taps: &[0],
                column_step: None,
                threads: *threads,
            };
            // SAFETY: every row of the stretch is readable for whole groups: in place by `stretches`, packed because a
            // packed row is that long. `checked` found that the output, and `epilogue` that its arrays, have `m` rows
            // and `n` columns.
            unsafe { job.run(stretch.rows) }?;
        }
        Ok(())
    }
}

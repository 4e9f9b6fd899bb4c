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

mod packed;

use crate::error::check_length;
use crate::{Error, Kernel, Weights};

pub use packed::PackedWeights;

/// A quantized value as it is stored, and what was subtracted.
pub(crate) fn stored(values: crate::QuantizedSlice<'_>, index: usize) -> i8 {
    match values {
        crate::QuantizedSlice::I8(values) => values[index],
        crate::QuantizedSlice::U8(values) => (values[index] ^ 0x80).cast_signed(),
    }
}

/// What is subtracted from quantized values to store them.
pub(crate) fn offset(values: crate::QuantizedSlice<'_>) -> i32 {
    if values.is_signed() { 0 } else { 128 }
}

impl Kernel {
    /// Packs weights once, for any number of products by kernels with this kernel's layout.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if there are fewer quantized values or zero points than `n` and `k` say, also if strides read
    /// a quantized value more than once; [`Error::ZeroPoint`] if a zero point is not a value of the quantized values'
    /// type, [`Error::TooLarge`] and [`Error::OutOfMemory`].
    pub fn pack(self, weights: &Weights<'_>) -> Result<PackedWeights, Error> {
        let mut packed = PackedWeights::default();
        self.pack_into(weights, &mut packed)?;
        Ok(packed)
    }

    /// Packs weights that change from product to product in the memory of others, which grows only if these are larger.
    ///
    /// # Errors
    ///
    /// As [`Kernel::pack`]; `packed` is then as it was before.
    pub fn pack_into(self, weights: &Weights<'_>, packed: &mut PackedWeights) -> Result<(), Error> {
        let Weights { values, n, k, n_stride, k_stride, zero_points } = *weights;
        if n > 0 && k > 0 {
            let last = (n - 1).checked_mul(n_stride).zip((k - 1).checked_mul(k_stride));
            let last =
                last.and_then(|(last_n, last_k)| last_n.checked_add(last_k)?.checked_add(1)).zip(n.checked_mul(k));
            let (last, count) = last.ok_or(Error::TooLarge { what: "the weights" })?;
            check_length("the weights", values.len(), last.max(count))?;
        }
        zero_points.check("the weights", n, values.range())?;
        packed.refill(
            self.0.layout,
            (n, 1, k),
            |column, _, p| stored(values, column * n_stride + p * k_stride),
            |column| zero_points.at(column) - offset(values),
        )
    }
}

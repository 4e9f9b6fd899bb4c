//! Dynamic quantization: parameters from the values themselves.
//!
//! The quantized values are those that products read: rows of [`Dynamic::Affine`] or [`Dynamic::Symmetric`] are
//! unsigned, so on backends that multiply unsigned by signed bytes
//! ([`PackedWeights::layout`](crate::PackedWeights::layout) `"K4N16"`) [`Kernel::gemm`] reads them where they were
//! written: quantizing is the packing.

use super::{MinMax, check_same_length};
use crate::{Affine, Error, Kernel};

/// How parameters follow from a range `low = min(x, 0)`, `high = max(x, 0)`.
///
/// Only finite values make the range; where it is 0, or too small or too large for a normal scale, the scale is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dynamic {
    /// `scale = (high - low) / 255`, `zero_point = clamp(round(-low / scale), 0, 255)`, quantized values 0 to 255;
    /// ONNX's `DynamicQuantizeLinear`.
    Affine,
    /// `scale = max(-low, high) / 127`, zero point 128, quantized values 1 to 255: the quantized values -127 to 127 of
    /// a symmetric `i8`, plus 128.
    Symmetric,
}

impl Dynamic {
    /// The parameters for values of this range.
    #[must_use]
    pub fn affine(self, seen: MinMax) -> Affine {
        let (low, high) = (seen.min.min(0.0), seen.max.max(0.0));
        let (scale, q_min) = match self {
            Dynamic::Affine => ((high - low) / 255.0, 0),
            Dynamic::Symmetric => (high.max(-low) / 127.0, 1),
        };
        let is_usable = scale.is_normal() && scale > 0.0;
        let zero_point = match self {
            Dynamic::Affine if is_usable => crate::reference::round((-low / scale).clamp(0.0, 255.0)),
            Dynamic::Affine => 0,
            Dynamic::Symmetric => 128,
        };
        Affine { scale: if is_usable { scale } else { 1.0 }, zero_point, q_min, q_max: 255 }
    }
}

impl Kernel {
    /// Quantizes every row of `x: [rows, columns]` with parameters from that row alone, equation (6), as
    /// [`Kernel::quantize_u8`] does.
    ///
    /// So the result of a row does not depend on what else is in the batch. `out` is `[rows, columns]`; `scales` and
    /// `zero_points` get one element for each row.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if a slice has another length than the sizes say.
    pub fn quantize_rows(
        self,
        dynamic: Dynamic,
        (x, rows, columns): (&[f32], usize, usize),
        out: &mut [u8],
        scales: &mut [f32],
        zero_points: &mut [i32],
    ) -> Result<(), Error> {
        let count = rows.checked_mul(columns).ok_or(Error::TooLarge { what: "x" })?;
        check_same_length("x", x.len(), count)?;
        check_same_length("out", out.len(), count)?;
        check_same_length("scales", scales.len(), rows)?;
        check_same_length("zero points", zero_points.len(), rows)?;
        for row in 0..rows {
            let values = row * columns..(row + 1) * columns;
            let affine = self.quantize_tensor(dynamic, &x[values.clone()], &mut out[values])?;
            (scales[row], zero_points[row]) = (affine.scale, affine.zero_point);
        }
        Ok(())
    }

    /// Quantizes all of `x` with one set of parameters, found from it and returned.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `out` is not as long as `x`.
    pub fn quantize_tensor(self, dynamic: Dynamic, x: &[f32], out: &mut [u8]) -> Result<Affine, Error> {
        let affine = dynamic.affine(self.min_max(x));
        self.quantize_u8(x, affine, out)?;
        Ok(affine)
    }
}

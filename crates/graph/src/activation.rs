//! Clamps of quantized results.

use fourfold_schemes::QuantParams;

use crate::Activation;

impl Activation {
    /// The smallest and the largest quantized value behind the clamp, for a result quantized per tensor with `params`:
    ///
    /// ```text
    /// clamp(round(bound / scale) + zero_point, quant_min, quant_max)
    /// ```
    ///
    /// `round` is to nearest, ties to even. Quantization, equation (2), is monotone: to clamp quantized values to these
    /// is the same as to clamp floats before they are quantized.
    #[must_use]
    pub fn quantized_bounds(self, params: &QuantParams) -> (i32, i32) {
        let (scale, zero_point) = (params.scales()[0].get(), params.zero_points()[0]);
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "8-bit integers")]
        let quantized = |bound: f32| {
            let q = (bound / scale).round_ties_even() + zero_point as f32;
            q.clamp(params.quant_min() as f32, params.quant_max() as f32) as i32
        };
        let (min, max) = self.bounds();
        (quantized(min), quantized(max))
    }
}

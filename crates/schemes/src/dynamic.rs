//! Quantization of activations while a model runs.

/// How a dynamically quantized operator chooses the parameters of its input.
///
/// In all of them the input is quantized to `u8`, affine, with a range widened to hold 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DynamicScheme {
    /// One scale and zero point for each row, from that row alone, so a result never depends on the rest of the batch.
    ///
    /// ```text
    /// scale = (max - min) / 255      zero_point = clamp(round_half_even(-min / scale), 0, 255)      (6)
    /// ```
    ///
    /// The scale is 1 for a row of zeros. This is fourfold's default.
    PerRow,
    /// One scale and zero point for the whole input, values 0 to 127: what PyTorch's `quantize_dynamic` does.
    ///
    /// The formula is `ChooseQuantizationParams` of ATen: the scale is a double of at least 6.1e-5 (0.1 for all
    /// zeros), and the zero point comes from the bound of the range with the smaller rounding error. Values are
    /// multiplied by the reciprocal of the scale, as PyTorch does.
    TorchPerTensor,
    /// One scale and zero point for the whole input, values 0 to 255: ONNX's `DynamicQuantizeLinear`.
    ///
    /// The parameters are those of [`DynamicScheme::PerRow`] for an input that is one row, so a result depends on the
    /// rest of the batch.
    OnnxPerTensor,
}

impl DynamicScheme {
    /// The name in configuration files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DynamicScheme::PerRow => "per_row",
            DynamicScheme::TorchPerTensor => "torch_per_tensor",
            DynamicScheme::OnnxPerTensor => "onnx_per_tensor",
        }
    }
}

/// The parameters that PyTorch's dynamic Linear chooses for floats from `min` to `max`: those of
/// [`torch_choose_qparams`] for quantized values 0 to 127 (`reduce_range`).
#[must_use]
pub fn torch_dynamic_params(min: f32, max: f32) -> (f32, i32) {
    torch_choose_qparams(min, max, 127)
}

/// The parameters that PyTorch chooses for floats from `min` to `max` and quantized values 0 to `quant_max`.
///
/// Source: `ChooseQuantizationParams` in ATen's `QuantUtils.h`, sparsity not preserved. Returns the scale and the zero
/// point.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the formula rounds to f32 where ATen does; the zero point lies in 0..=quant_max"
)]
pub fn torch_choose_qparams(min: f32, max: f32, quant_max: u8) -> (f32, i32) {
    const MIN_SCALE: f32 = 6.1e-5;
    let q_max = f32::from(quant_max);
    let (mut min, mut max) = (f64::from(min.min(0.0)), f64::from(max.max(0.0)));
    let mut scale = (max - min) / f64::from(q_max);
    if scale as f32 == 0.0 || (1.0 / scale as f32).is_infinite() {
        scale = 0.1;
    }
    if scale < f64::from(MIN_SCALE) {
        if min == 0.0 {
            max = f64::from(MIN_SCALE * q_max);
        } else if max == 0.0 {
            min = -f64::from(MIN_SCALE * q_max);
        } else {
            let amplifier = MIN_SCALE / scale as f32;
            (min, max) = (f64::from(min as f32 * amplifier), f64::from(max as f32 * amplifier));
        }
        scale = f64::from(MIN_SCALE);
    }
    let (below, above) = (min / scale, max / scale);
    let initial = if -below.abs() < f64::from(q_max) - above.abs() { -below } else { f64::from(q_max) - above };
    (scale as f32, initial.round_ties_even().clamp(0.0, f64::from(q_max)) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torch_parameters_are_those_of_pytorch() {
        assert_eq!(torch_dynamic_params(-1.0, 2.0), (0.023_622_047, 42));
        assert_eq!(torch_dynamic_params(0.0, 0.0), (0.1, 0));
        assert_eq!(torch_dynamic_params(-1.0, 0.0), (0.007_874_016, 127));
        assert_eq!(torch_dynamic_params(0.0, 1e-7), (6.1e-5, 0));
    }
}

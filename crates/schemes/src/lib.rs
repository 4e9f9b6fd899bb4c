//! Quantization schemes: what a quantized number means.
//!
//! ```text
//! (1)  real = scale * (q - zero_point)
//! (2)  q = clamp(round_half_even(x / scale) + zero_point, q_min, q_max)    clamped as a float; NaN -> zero_point
//! (4)  q = clamp(round_half_even(f32(acc) * m) + z_y, q_min, q_max)        m = s_a * s_w / s_y in f32, in this order
//! ```
//!
//! What graphs hold and kernels run, codes of 8 bits (and sums of 32) per tensor and per channel:
//!
//! - [`Scale`] is a positive normal `f32`: its constructor says so, and nothing else makes one.
//! - [`QuantParams`] is what a quantized tensor carries: type, range of codes, and one scale and zero point, or one
//!   each per channel.
//! - [`Scheme`] chooses parameters from an observed range: affine or symmetric, per tensor or per channel, with the
//!   formulas of PyTorch.
//! - [`DynamicScheme`] names how activations are quantized while a model runs.
//!
//! What other formats and targets have besides, codes of 4, 8, 16 and 32 bits:
//!
//! - [`CodeType`] and [`CodeRange`] are the codes, [`Sharing`] is which elements share parameters (per tensor, channel
//!   or group), [`CodeParams`] is both with the parameters, zero points in floating point among them.
//! - [`Recipe`] chooses parameters by a [`Formula`]: PyTorch's, ONNX Runtime's or LiteRT's, with any scales or powers
//!   of two.
//! - [`QuantTensor`] is a tensor of packed codes; [`fake_quantize`] is its error without codes, for those who train.
//! - [`FixedMultiplier`] is the multiplier of equation (4) for integer-only targets, [`multiplier()`] the one in `f32`.
//!
//! ```
//! use fourfold_schemes::{QuantTensor, Quotient, Range, Recipe, Sharing};
//! use fourfold_tensor::Tensor;
//!
//! // Weights [2, 4] of 4 bits, one scale for every two neighbours of a row, with LiteRT's formula.
//! let weights = Tensor::from_slice(&[2, 4], &[0.7_f32, -0.3, 0.0, 1.4, 3.5, 7.0, -0.07, 0.01])?;
//! let groups = weights.as_slice::<f32>()?.chunks(2);
//! let ranges: Vec<Range> = groups.map(|pair| Range { min: pair[0].min(pair[1]), max: pair[0].max(pair[1]) }).collect();
//! let params = Recipe::LITERT_WEIGHT_4.params(Sharing::PerGroup { axis: 1, size: 2 }, &ranges)?;
//! let codes = QuantTensor::quantize(&weights, &params, Quotient::Division)?;
//! assert_eq!(codes.packed(), [0xd7, 0x70, 0x74, 0x19]);
//! # Ok::<(), fourfold_schemes::Error>(())
//! ```
//!
//! Architecture Invariant: a scheme is data. Nothing here watches values, and nothing here knows of a graph.

mod code_params;
mod code_range;
mod code_type;
mod dynamic;
mod error;
mod fake;
mod fixed;
mod formula;
mod multiplier;
mod packed;
mod params;
mod quant_tensor;
mod recipe;
mod scale;
mod scheme;
mod sharing;
mod step;
mod tensor;

pub use code_params::{CodeParams, ZeroPoints};
pub use code_range::CodeRange;
pub use code_type::CodeType;
pub use dynamic::{DynamicScheme, torch_choose_qparams, torch_dynamic_params};
pub use error::Error;
pub use fake::{FakeQuantized, fake_quantize};
pub use fixed::{FixedMultiplier, FixedRounding, rounding_divide_by_pot, saturating_rounding_doubling_high_mul};
pub use formula::Formula;
pub use formula::torch::torch_float_qparams;
pub use multiplier::{exact_depth, exact_weight_depth, multiplier};
pub use packed::{pack, packed_len, unpack};
pub use params::{Granularity, QuantParams};
pub use quant_tensor::QuantTensor;
pub use recipe::{Recipe, Scales};
pub use scale::Scale;
pub use scheme::{Range, Scheme, Symmetry};
pub use sharing::Sharing;
pub use step::Quotient;
pub use tensor::{dequantize, quantize, quantize_by_reciprocal};

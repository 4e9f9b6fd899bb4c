//! Quantization schemes: what quantized values mean, and how they are made.
//!
//! ```text
//! (1)  real = scale * (q - zero_point)
//! (2)  q = clamp(round_half_even(x / scale) + zero_point, q_min, q_max)    clamped as a float; NaN -> zero_point
//! (4)  q = clamp(round_half_even(f32(acc) * m) + z_y, q_min, q_max)        m = s_a * s_w / s_y in f32, in this order
//! ```
//!
//! - [`QuantType`] is the type of a quantized value, from `i2` to `i32`; [`QuantRange`] is a type and which of its
//!   values are used.
//! - [`Scale`] is a positive normal `f32`: its constructor says so, and nothing else makes one.
//! - [`QuantParams`] is what a quantized tensor carries: a range, and one scale and zero point, or one each per
//!   channel. [`quantize`](quantize()) and [`dequantize`](dequantize()) are equations (2) and (1) for whole tensors.
//! - [`Scheme`] chooses parameters from an observed range, with the formulas of PyTorch; [`DynamicScheme`] names how
//!   activations are quantized while a model runs.
//! - [`pack`] and [`unpack`] are the bytes of values of few bits in files.
//! - [`fake_quantize`] is quantization for those who train; [`FixedMultiplier`] is the multiplier of equation (4) for
//!   integer-only targets, [`multiplier()`] the one in `f32`.
//!
//! # Features
//!
//! `recipes` (off by default) adds `Recipe`, `Formula` and `torch_float_qparams`: the parameters that ONNX Runtime's
//! quantizer, LiteRT's converter or PyTorch's embeddings would choose, for values of 2 to 32 bits, also with scales
//! that are powers of two. Turn it on to check a model against one of these tools, or to quantize for a target that
//! wants its formula. fourfold's own models need none of it.
//!
//! ```
//! use fourfold_schemes::{Range, Scale, Scheme, dequantize, quantize};
//! use fourfold_tensor::Tensor;
//!
//! let params = Scheme::U8_AFFINE.per_tensor(Range { min: -1.0, max: 4.1 })?;
//! assert_eq!(params.as_per_tensor(), Some((Scale::new(0.02)?, 50)));
//! let x = Tensor::from_slice(&[4], &[-1.0_f32, 0.0, 0.5, 9.0])?;
//! let q = quantize(&x, &params)?;
//! assert_eq!(q.as_slice::<u8>()?, [0, 50, 75, 255]);
//! assert_eq!(dequantize(&q, &params)?.as_slice::<f32>()?, [-1.0, 0.0, 0.5, 4.1]);
//! # Ok::<(), fourfold_schemes::Error>(())
//! ```
//!
//! Architecture Invariant: a scheme is data. Nothing here watches values, and nothing here knows of a graph.

mod dynamic;
mod error;
mod fake;
mod fixed;
mod multiplier;
mod packed;
mod params;
mod quant_range;
mod quant_type;
mod quantizer;
#[cfg(feature = "recipes")]
mod recipe;
mod scale;
mod scheme;
mod tensor;
mod torch;

pub use dynamic::{DynamicScheme, torch_choose_qparams, torch_dynamic_params};
pub use error::Error;
pub use fake::{FakeQuantized, fake_quantize};
pub use fixed::{FixedMultiplier, FixedRounding, rounding_divide_by_pot, saturating_rounding_doubling_high_mul};
pub use multiplier::{exact_depth, exact_weight_depth, multiplier};
pub use packed::{pack, pack_fields, packed_len, unpack, unpack_fields};
pub use params::{Granularity, QuantParams};
pub use quant_range::QuantRange;
pub use quant_type::QuantType;
pub use quantizer::Quotient;
#[cfg(feature = "recipes")]
pub use recipe::{Formula, Recipe, Scales, torch_float_qparams};
pub use scale::Scale;
pub use scheme::{Range, Scheme, Symmetry};
pub use tensor::{dequantize, quantize, quantize_by_reciprocal};

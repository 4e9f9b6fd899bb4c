//! Quantization schemes: what a quantized number means.
//!
//! ```text
//! (1)  real = scale * (q - zero_point)
//! (2)  q = clamp(round_half_even(x / scale) + zero_point, q_min, q_max)    clamped as a float; NaN -> zero_point
//! (4)  q = clamp(round_half_even(f32(acc) * m) + z_y, q_min, q_max)        m = s_a * s_w / s_y in f32, in this order
//! ```
//!
//! - [`Scale`] is a positive normal `f32`: its constructor says so, and nothing else makes one.
//! - [`QuantParams`] is what a quantized tensor carries: type, range of codes, and one scale and zero point, or one each
//!   per channel.
//! - [`Scheme`] chooses parameters from an observed range: affine or symmetric, per tensor or per channel, with the
//!   formulas of PyTorch.
//! - [`DynamicScheme`] names how activations are quantized while a model runs.
//!
//! Architecture Invariant: a scheme is data. Nothing here watches values, and nothing here knows of a graph.

mod dynamic;
mod error;
mod multiplier;
mod params;
mod scale;
mod scheme;
mod tensor;

pub use dynamic::{DynamicScheme, torch_dynamic_params};
pub use error::Error;
pub use multiplier::multiplier;
pub use params::{Granularity, QuantParams};
pub use scale::Scale;
pub use scheme::{Range, Scheme, Symmetry};
pub use tensor::{dequantize, quantize, quantize_by_reciprocal};

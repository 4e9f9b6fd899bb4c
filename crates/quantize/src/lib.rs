//! The workflow of quantization, in PyTorch's words.
//!
//! ```text
//! static:   fuse -> prepare -> observe (any number of batches) -> convert
//! dynamic:  quantize_dynamic
//! tables:   quantize_embedding
//! ```
//!
//! ```
//! use fourfold_graph::{Dim, GraphBuilder, OpKind, ValueType};
//! use fourfold_quantize::{QConfig, fuse, prepare, quantize_dynamic};
//! use fourfold_tensor::{DType, Tensor};
//!
//! let mut builder = GraphBuilder::new("tiny");
//! let x = builder.input("x", ValueType::f32(&[Dim::symbol("batch"), Dim::from(2)]))?;
//! let weight = Tensor::from_vec(&[2, 2], vec![1.0_f32, -1.0, 0.5, 0.25])?;
//! let y = builder.linear("fc", x, weight, None)?;
//! let z = builder.relu("relu", y)?;
//! builder.output(z);
//! let graph = builder.finish()?;
//!
//! let dynamic = quantize_dynamic(&graph, &[OpKind::Linear], DType::I8)?;
//!
//! let mut calibration = prepare(&fuse(&graph)?, QConfig::fourfold())?;
//! calibration.observe(&[Tensor::from_vec(&[2, 2], vec![0.0_f32, 1.0, -1.0, 0.5])?])?;
//! let quantized = calibration.convert()?;
//! assert!(quantized.graph().is_quantized() && dynamic.graph().is_quantized());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What becomes int8
//!
//! | operator | on codes |
//! |---|---|
//! | convolutions, linear layers | always; an operand that is not codes is quantized for them |
//! | products of two activations, means | if an operand is codes: the others are quantized |
//! | sums, Concat | if an operand is codes, a product reads the result, and one scale holds the operands |
//! | differences, products of elements | if all operands are codes, and a product reads the result |
//! | functions by table (sigmoid, tanh, GELU, leaky ReLU, ..) | if the operand is codes, and a product reads the result |
//! | operators that move or compare elements (ReLU, Clip, max pooling, Reshape, Transpose, Slice, ..) | if the operand is codes, whose parameters the result takes over |
//!
//! So a Quantize is put before work that int8 makes cheaper, never for the sake of an operator that costs no more in
//! float: a normalization that is written out as differences and products stays float, and so does a sigmoid whose
//! result the caller gets. A product (a convolution, a linear layer, a matrix product) reads a result if it does so
//! directly or through operators that can be on codes. So the scores of attention to which a mask is added stay float
//! up to the softmax, and their range is observed without what the mask makes of them; and a detector's boxes and
//! scores, joined in one output, keep a scale each.
//!
//! A sum or a Concat whose result does go to a product stays float if calibration shows an operand that its scale
//! cannot hold: the step of the result is more than 16 times that of an operand of a Concat, or 256 times that of an
//! operand of a sum (a mask of -1e9 beside numbers around 1). What reads it then stays float too, up to the first
//! products, whose operand would need the same scale.
//!
//! A constant meets codes as a code only if it is a single number, which codes hold exactly. Integers and truth values
//! are no codes.
//!
//! A node that a [`QConfigMapping`] excludes, or whose operator has no int8
//! form (softmax, normalizations, functions without bounds), stays float. Quantize and Dequantize are put where codes
//! meet real numbers. If the graph has stubs, only what lies between a QuantStub and a DeQuantStub is quantized.
//!
//! Dynamic quantization is for linear layers, for convolutions that are named, and for recurrent layers (Lstm, Gru,
//! Rnn), whose two weights become codes, by rows or, if the configuration says one scale for a weight, with one for
//! each direction as in PyTorch.
//!
//! The results of softmax, sigmoid, hard sigmoid (scale 1/256, zero point 0) and tanh (scale 2/256, zero point 128)
//! have the parameters that their ends give; signed codes have zero points that are 128 less.
//!
//! Every decision is written down in a [`Layer`] with its reason.
//!
//! # One scale for a weight
//!
//! Kernels with one scale for every weight lose channels whose weights are much smaller than the largest. [`equalize`]
//! makes the channels alike before [`prepare`], and [`correct_bias`] takes the mean error of every channel out of the
//! bias after [`Calibration::convert`]; both also without data, from the batch normalizations that
//! [`ChannelStatistics`] holds:
//!
//! ```text
//! ChannelStatistics::of_batch_norms -> fuse -> equalize_with_statistics -> prepare -> observe -> convert -> correct_bias
//! ```
//!
//! digits_mobile, a small MobileNetV2 with depthwise convolutions whose channels differ hundreds of thousands of times,
//! on 500 test images (float: 100 %), int8 with one scale for every weight:
//!
//! | | as converted | [`correct_bias_data_free`] | [`correct_bias`] |
//! |---|---|---|---|
//! | [`fuse`] | 10.2 % | 10.0 % | 9.6 % |
//! | [`fuse`], [`equalize_with_statistics`] | 100 % | 99.8 % | 100 % |
//!
//! The equalized float graph has 100 % too. Replacing ReLU6 by ReLU, as the paper does before it equalizes, leaves this
//! network 11.6 % in float: it relies on the clamp.
//!
//! # Calibration in parts
//!
//! [`Calibration::save`] gives what was observed as data. [`Calibration::load`] goes on from there, and
//! [`Calibration::merge`] adds what another process observed; the bits are those of one calibration of all batches.
//! What belongs together is known by hashes: states of another graph, of other observers, or of the same batch twice
//! are refused.
//!
//! ```text
//! process 1:  prepare -> observe_numbered(0, ..), (2, ..), (4, ..) -> save
//! process 2:  prepare -> observe_numbered(1, ..), (3, ..), (5, ..) -> save
//! then:       prepare -> load -> merge -> convert
//! ```

mod assign;
mod batches;
mod bias;
mod calibration;
mod compare;
mod convert;
mod dynamic;
mod embedding;
mod equalize;
mod error;
mod fingerprint;
mod fuse;
mod layer;
mod mapping;
mod named;
mod observed;
mod qconfig;
mod qscheme;
mod rewrite;
mod statistics;
#[cfg(test)]
mod tests;
mod weight;
mod weighted;

pub use batches::Batches;
pub use bias::{correct_bias, correct_bias_data_free, correct_bias_with};
pub use calibration::{Calibration, Progress, decisions, prepare, prepare_with};
pub use compare::{Comparison, weight_sqnr_db};
pub use dynamic::{quantize_dynamic, quantize_dynamic_with};
pub use embedding::quantize_embedding;
pub use equalize::{equalize, equalize_with_statistics};
pub use error::Error;
pub use fuse::fuse;
pub use layer::{Decision, Layer, Quantized};
pub use mapping::QConfigMapping;
pub use observed::Observed;
pub use qconfig::QConfig;
pub use qscheme::QScheme;
pub use statistics::ChannelStatistics;

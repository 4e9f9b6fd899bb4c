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
//! | operator | quantized |
//! |---|---|
//! | convolutions, linear layers | always; a float operand is quantized for them |
//! | products of two activations, means | if an operand is quantized: the others are quantized for them |
//! | sums, Concat | if an operand is quantized, a product reads the result, and one scale holds the operands |
//! | differences, products of elements | if all operands are quantized, and a product reads the result |
//! | functions by table (sigmoid, tanh, GELU, leaky ReLU, ..) | if the operand is quantized, and a product reads the result |
//! | operators that move or compare elements (ReLU, Clip, max pooling, Reshape, Transpose, Slice, ..) | if the operand is quantized; the result has its parameters |
//!
//! A *product* is a convolution, a linear layer or a matrix product. It reads a result directly, or through operators
//! that can be quantized.
//!
//! A Quantize is put before work that int8 makes cheaper, never for an operator that costs no more in float. So a
//! normalization written out as differences and products stays float, and so does a sigmoid whose result the caller
//! gets. The scores of attention to which a mask is added stay float up to the softmax; their range is observed before
//! the mask. A detector's boxes and scores, joined in one output, keep a scale each.
//!
//! A sum or a Concat whose result goes to a product stays float if calibration shows an operand that its scale cannot
//! hold: the scale of the result is more than 16 times that of an operand of a Concat, or 256 times that of an operand
//! of a sum (a mask of -1e9 beside numbers around 1). What reads it then stays float too, up to the first products,
//! whose operand would need the same scale.
//!
//! A constant is quantized with its operator only if it is a single number, which is then exact. Integers and bools are
//! not quantized.
//!
//! A node that a [`QConfigMapping`] excludes, or whose operator has no int8 form (softmax, normalizations, functions
//! without bounds), stays float. Quantize and Dequantize are put between float and quantized nodes. If the graph has
//! stubs, only what lies between a QuantStub and a DeQuantStub is quantized.
//!
//! Dynamic quantization is for linear layers, for convolutions that are named, and for recurrent layers (Lstm, Gru,
//! Rnn). Both weights of a recurrent layer are quantized by rows. If the configuration says one scale for a weight,
//! they have one for each direction, as in PyTorch.
//!
//! The results of softmax, sigmoid, hard sigmoid (scale 1/256, zero point 0) and tanh (scale 2/256, zero point 128)
//! have fixed parameters, which their ranges give; signed ones have zero points that are 128 less.
//!
//! Every decision is written down in a [`Layer`] with its reason.
//!
//! # One scale for a weight
//!
//! One scale for a whole weight loses channels whose weights are much smaller than the largest. [`equalize`] makes the
//! ranges of the channels equal before [`prepare`]. [`correct_bias`] subtracts the mean error of every channel from the
//! bias after [`Calibration::convert`]. Both work without data, too, from the batch normalizations that
//! [`ChannelStatistics`] holds:
//!
//! ```text
//! ChannelStatistics::of_batch_norms -> fuse -> equalize_with_statistics -> prepare -> observe -> convert
//!     -> correct_bias
//! ```
//!
//! Accuracy of digits_mobile, a small MobileNetV2 whose depthwise channels differ by factors of some 100,000, on 500
//! test images, in int8 with one scale for every weight (float: 100 %):
//!
//! | | as converted | [`correct_bias_data_free`] | [`correct_bias`] |
//! |---|---|---|---|
//! | [`fuse`] | 10.2 % | 10.0 % | 9.6 % |
//! | [`fuse`], [`equalize_with_statistics`] | 100 % | 99.8 % | 100 % |
//!
//! The equalized float graph has 100 %, too. Replacing ReLU6 by ReLU, as the paper does before it equalizes, leaves
//! this network with 11.6 % in float: it relies on the clamp.
//!
//! # Calibration by several processes
//!
//! [`Calibration::save`] gives what was observed as data. [`Calibration::load`] goes on from there, and
//! [`Calibration::merge`] adds what another process observed; the bits are those of one calibration of all batches.
//! Hashes tell what belongs together: states of another graph, of other observers, or of the same batch twice are
//! refused.
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

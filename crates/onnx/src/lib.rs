//! ONNX files to graphs and back.
//!
//! [`import`] reads float and quantized models of opset 7 to 28; [`OPERATORS`] lists what it knows. [`export`] writes
//! float graphs, and quantized graphs in QDQ form: every quantized value is written as QuantizeLinear and
//! DequantizeLinear, between which the float operators stand, as ONNX Runtime and others expect. [`export_as`] writes
//! operators on codes too, and [`export_apart`] models of more than 2 GiB, as two files.
//!
//! A model that cannot be imported gives one error that names everything that is not supported.
//!
//! # What changes on the way in
//!
//! - `Gemm`, and `MatMul` with a constant right side, become Linear with a weight `[out, in]`; an `Add` of a constant
//!   vector after such a `MatMul` becomes its bias.
//! - `auto_pad` and `ceil_mode` become explicit padding. A bias of zeros is none.
//! - What exporters write in many forms has one: the graph is in [canonical form](fourfold_graph::Graph::canonical),
//!   where GELU, SiLU, HardSwish, HardSigmoid, clamps and layer normalizations in steps are one operator, and chains of
//!   Reshape and Transpose the shortest.
//! - The mean over all positions of an image (`ReduceMean`, with axes dropped or kept, or `AveragePool` with a window
//!   of the whole image) becomes GlobalAveragePool, whose sums are taken in the order of the positions; the largest of
//!   them a MaxPool.
//! - `Attention`, `RMSNormalization` and `Trilu` become the steps in which older opsets have them.
//! - `Dropout` becomes Identity; `Constant` becomes a constant.
//! - Shape arithmetic does not enter the graph: what `Shape`, `Gather`, `Concat`, `Mul` and the like make of shapes is
//!   a list of polynomials in the symbols of the inputs (`4*batch`) and whole quotients of them, and the operator that
//!   reads it (Reshape, Expand, Slice, ..) gets them as its sizes.
//! - A node whose operands are all constant is computed now, by the runtime, on products with defined bits, within a
//!   budget of elements and multiplications. That is why this crate knows the runtime.
//! - An operator with several results becomes several nodes (Split: one Slice each; TopK: values and places). Einsum of
//!   two operands becomes a MatMul between Transpose and Reshape; Tile, DepthToSpace, PRelu and GlobalMaxPool become
//!   what they are made of.
//! - Integers keep their width, at which they wrap, and truth values their type; inputs and outputs have the names and
//!   types of the file.
//! - Group normalization in the steps in which PyTorch writes it before opset 18 (Reshape, InstanceNormalization,
//!   Reshape, Mul, Add) becomes one GroupNorm.
//! - Models compute in `f32`: one of `float16`, `bfloat16` or `float64` as the same model with `float` in their place.
//!   Conversions between them are left out, constants become `f32` (those of `float64` rounded, which a note says).
//!   Inputs and outputs keep their types; a Cast stands behind the former and before the latter, which rounds and gives
//!   infinity for what is too large. What is converted alone, an input to integers say, is converted exactly.
//! - Functions of the model stand in the place of their calls; nodes that no output needs are left out.
//! - `Pow` by 2 and 3 becomes products, by 0.5 a square root; `Min`, `Max`, `Sum` and `Mean` of many operands are taken
//!   in pairs.
//! - `LSTM`, `GRU` and `RNN` become a Recurrent with the gates in PyTorch's order; `Y_h` and `Y_c` are cut out of the
//!   states of all steps.
//! - Nodes without a name are called `OPERATOR_INDEX`.
//!
//! # Quantized models
//!
//! They run in integers, with the results of ONNX Runtime:
//!
//! - **QDQ.** An operator whose operands come from DequantizeLinear and whose result goes to QuantizeLinear (with Relu
//!   and Clip between them, and an Add of a constant after MatMul) computes on codes: Conv, ConvTranspose, Gemm,
//!   MatMul, Add, Mul, AveragePool, GlobalAveragePool, and functions by table. Operators that only move or clamp
//!   (MaxPool, Flatten, Reshape, Transpose, Identity, Relu) stay on codes wherever their operand was dequantized.
//!   Everything else computes with real numbers, behind a Dequantize.
//! - **Operators on codes.** QLinearConv, QLinearMatMul (of two activations too) and ONNX Runtime's QGemm, QLinearAdd,
//!   QLinearMul, QLinearConcat, QLinearAveragePool, QLinearGlobalAveragePool, QLinearSigmoid, QLinearLeakyRelu and
//!   QLinearSoftmax; Clip of codes between codes.
//! - **Dynamic.** DynamicQuantizeLinear, MatMulInteger, Cast, Mul and Add as onnxruntime's `quantize_dynamic` writes
//!   them become one Linear with [`DynamicScheme::OnnxPerTensor`](fourfold_schemes::DynamicScheme::OnnxPerTensor), with
//!   ConvInteger one Conv, and DynamicQuantizeLSTM a Recurrent; DynamicQuantizeMatMul and MatMulIntegerToFloat are a
//!   Linear too. Other readers of these steps get them from nodes of their own. A GRU or RNN behind whose weights codes
//!   stand is a Recurrent on codes if the metadata of its node, `fourfold.dynamic`, say so, as [`export`] writes them;
//!   else it computes with real numbers.
//! - **Products of integers.** MatMulInteger and ConvInteger of any integers of 8 bits give their exact sums, in `i32`:
//!   a Linear, MatMul or Conv of codes whose result has no parameters. Zero points are constant: one on the left, one
//!   or one for each column on the right (refused: one for each row on the left). The weight of a ConvInteger is
//!   constant, and padding has the value of the zero point. MatMulIntegerToFloat and QGemm with a real result make real
//!   numbers of the sums.
//! - **Tables of embeddings.** Gather of constant codes, before or behind a DequantizeLinear, keeps them in 8 bits; the
//!   rows become real numbers when they are chosen.
//! - **Inputs of codes.** An input of `uint8` or `int8` holds codes with the scale of the DequantizeLinear or QLinear
//!   operator that reads it, which the caller brings; all readers must agree. Where none gives a scale, they are
//!   integers.
//! - **Few bits.** Constants of 2 and 4 bits are read as codes of 8; weights of theirs run in integers where those of 8
//!   bits would, and so do activations of 2 and 4 bits, as codes of 8 of which some do not occur.
//! - **Many bits, many scales.** Activations of `int16` and `uint16`, and those with a scale for each channel or block,
//!   run as floats, rounded to those that quantized values stand for
//!   ([`Op::FakeQuantize`](fourfold_graph::Op::FakeQuantize)). Inputs and outputs of 16 bits are `i32`. The imported
//!   model says so ([`Imported::notes`]).
//! - **Weights alone.** MatMulNBits (2, 4 and 8 bits), DequantizeLinear by blocks and constants of 16 bits become real
//!   numbers, run as such, and the imported model says so.
//!
//! Weights become `i8` with zero point 0: `uint8` with zero point 128 is turned into it, and so is any other whose
//! codes less the zero point fit; where they do not, codes and zero points stay as they are (but not in recurrent
//! layers, which are refused). A bias becomes `i32` with the scale of the sums: rounded, if it is real or has another
//! scale.
//!
//! # Hostile files
//!
//! Before anything is allocated the file is scanned once: field lengths must fit, and nodes, attributes and tensors are
//! counted against the [limits](fourfold_graph::Limits). Tensor data must have exactly the length that the shape says.
//! Nodes must have the inputs, outputs, attributes and element types that the specification gives their operator in the
//! opset of the file; initializers, values and outputs the types of their declarations.
//!
//! [`load`] reads tensor data outside of the model file from its folder alone: locations are relative and without `..`,
//! and symbolic links lead to regular files below that folder or below the folder in which the model file really lies
//! ([`Folder`]). Other sources are a [`Resolve`] of the caller.
//!
//! Scales (but those of blocks) must be positive normal numbers, zero points of the type of the codes, lists as long as
//! their axis, and codes are read with the scale and zero point that they were made with.
//!
//! The protobuf code is generated (proto/onnx.proto says how) and committed, so that building needs no protobuf
//! compiler.

mod error;
mod export;
mod import;
mod model;
mod operators;
mod proto;
mod scan;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use export::{Form, export, export_apart, export_as, needs_two_files};
pub use import::{ImportOptions, Imported, OPERATORS, import, import_with, load, load_with};
pub use model::external::{Folder, Location, Refusal, Resolve};
pub use model::fixed::input_dims;

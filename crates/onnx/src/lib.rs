//! ONNX files to graphs and back.
//!
//! [`import`] reads float and quantized models of opset 7 to 28; [`OPERATORS`] lists the operators. [`export`] writes
//! float graphs, and quantized graphs in QDQ form: float operators between DequantizeLinear and QuantizeLinear, as ONNX
//! Runtime and others expect. [`export_as`] also writes quantized operators, and [`export_apart`] writes models of more
//! than 2 GiB, as two files.
//!
//! A model that cannot be imported gives one error that names everything that is not supported.
//!
//! # What the import changes
//!
//! - `Gemm`, and `MatMul` with a constant right side, become Linear with a weight `[out, in]`; an `Add` of a constant
//!   vector after such a `MatMul` becomes its bias.
//! - `auto_pad` and `ceil_mode` become explicit padding. A bias of zeros is dropped.
//! - The graph is in [canonical form](fourfold_graph::Graph::canonical): the many spellings of GELU, SiLU, HardSwish,
//!   HardSigmoid, clamps and layer normalization become one operator each, and chains of Reshape and Transpose are
//!   shortened.
//! - The mean over all positions of an image (`ReduceMean`, or `AveragePool` with a window of the whole image) becomes
//!   GlobalAveragePool, which sums in the order of the positions; the maximum becomes MaxPool.
//! - `Attention`, `RMSNormalization` and `Trilu` become the operators that older opsets express them with.
//! - `Dropout` becomes Identity; `Constant` becomes a constant.
//! - Shape arithmetic does not enter the graph. The importer evaluates `Shape`, `Gather`, `Concat`, `Mul` and the like
//!   to polynomials in the symbols of the inputs (`4*batch`) and quotients of them, rounded down. The operator that
//!   reads them (Reshape, Expand, Slice, ..) gets them as its sizes.
//! - Nodes whose operands are all constant are folded: the runtime computes them, with the same bits on every CPU and
//!   within a budget of elements and multiplications. That is why this crate depends on the runtime.
//! - An operator with several results becomes several nodes (Split: one Slice each; TopK: values and indices). Einsum
//!   of two operands becomes a MatMul between Transpose and Reshape; Tile, DepthToSpace, PRelu and GlobalMaxPool are
//!   decomposed into simpler operators.
//! - Integers keep their width, at which they wrap, and bools their type; inputs and outputs keep the names and types
//!   of the file.
//! - Group normalization as PyTorch writes it before opset 18 (Reshape, InstanceNormalization, Reshape, Mul, Add)
//!   becomes one GroupNorm.
//! - All floats are computed in `f32`: a model in `float16`, `bfloat16` or `float64` becomes the same model in `float`.
//!   Conversions between float types are dropped, constants become `f32` (those of `float64` are rounded, which a note
//!   says). Inputs and outputs keep their types, with a Cast after each input and before each output; the latter
//!   rounds, and overflows to infinity. A float input that is only cast, to integers say, is converted exactly.
//! - Functions of the model are inlined; nodes that no output depends on are dropped.
//! - `Pow` by 2 and 3 becomes products, by 0.5 a square root; `Min`, `Max`, `Sum` and `Mean` of many operands become
//!   chains of binary operators.
//! - `LSTM`, `GRU` and `RNN` become a Recurrent with the gates in PyTorch's order; `Y_h` and `Y_c` become slices of the
//!   states of all steps.
//! - Nodes without a name are called `OPERATOR_INDEX`.
//!
//! # Quantized models
//!
//! They run in integers, with the results of ONNX Runtime:
//!
//! - **QDQ.** An operator whose operands come from DequantizeLinear and whose result goes to QuantizeLinear (with Relu
//!   and Clip between them, and an Add of a constant after MatMul) is quantized: Conv, ConvTranspose, Gemm, MatMul,
//!   Add, Mul, AveragePool, GlobalAveragePool, and functions by table. Operators that only move or clamp elements
//!   (MaxPool, Flatten, Reshape, Transpose, Identity, Relu) are quantized wherever their operand was dequantized.
//!   Everything else computes in `f32`, after a Dequantize.
//! - **Quantized operators.** QLinearConv, QLinearMatMul (of two activations too) and ONNX Runtime's QGemm, QLinearAdd,
//!   QLinearMul, QLinearConcat, QLinearAveragePool, QLinearGlobalAveragePool, QLinearSigmoid, QLinearLeakyRelu and
//!   QLinearSoftmax; Clip between quantized bounds.
//! - **Dynamic.** DynamicQuantizeLinear, MatMulInteger, Cast, Mul and Add as onnxruntime's `quantize_dynamic` writes
//!   them become one Linear with [`DynamicScheme::OnnxPerTensor`](fourfold_schemes::DynamicScheme::OnnxPerTensor), with
//!   ConvInteger one Conv, and DynamicQuantizeLSTM a Recurrent; DynamicQuantizeMatMul and MatMulIntegerToFloat become a
//!   Linear too. If other nodes read the intermediate results, these get nodes of their own. A GRU or RNN with
//!   quantized weights becomes a quantized Recurrent if the metadata of its node, `fourfold.dynamic`, say so, as
//!   [`export`] writes them; else it computes in `f32`.
//! - **Integer products.** MatMulInteger and ConvInteger of 8-bit integers give their exact sums, in `i32`: a quantized
//!   Linear, MatMul or Conv whose result has no parameters. Zero points are constant: one on the left; one, or one per
//!   column, on the right (one per row on the left is refused). The weight of a ConvInteger is constant, and padding
//!   has the value of the zero point. MatMulIntegerToFloat, and QGemm with a float result, scale the sums to floats.
//! - **Embedding tables.** Gather of a quantized constant, before or after a DequantizeLinear, keeps the table in 8
//!   bits; only the chosen rows are dequantized.
//! - **Quantized inputs.** A `uint8` or `int8` input has the parameters of the DequantizeLinear or QLinear operator
//!   that reads it; all readers must agree. The caller passes quantized values. If no reader gives a scale, the input
//!   holds plain integers.
//! - **2 and 4 bits.** Constants of 2 and 4 bits are read as 8 bits. Weights and activations of 2 and 4 bits run in
//!   integers where those of 8 bits would; activations keep their narrower range.
//! - **16 bits, scales per channel or block.** Activations of `int16` and `uint16`, and those with a scale for each
//!   channel or block, run in `f32`, fake-quantized ([`Op::FakeQuantize`](fourfold_graph::Op::FakeQuantize)). Inputs
//!   and outputs of 16 bits are `i32`. A note says so ([`Imported::notes`]).
//! - **Weight-only.** MatMulNBits (2, 4 and 8 bits), DequantizeLinear by blocks and constants of 16 bits are
//!   dequantized and run in `f32`. A note says so.
//!
//! Weights become `i8` with zero point 0 where they fit: `uint8` with zero point 128 always does, others if every
//! `q - z` fits. Otherwise values and zero points stay as they are (recurrent layers refuse such weights). A bias
//! becomes `i32` with the scale of the sums; it is rounded if it is float or has another scale.
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
//! Scales (except those of blocks) must be positive normal numbers. Zero points must have the type of the quantized
//! tensor, and lists of either the length of their axis. A quantized tensor must be read with the scale and zero point
//! that it was made with.
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

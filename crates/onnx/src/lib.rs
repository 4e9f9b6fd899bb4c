//! ONNX files to graphs and back.
//!
//! [`import`] reads float models of opset 7 to 21; [`OPERATORS`] lists what it knows. [`export`] writes float graphs, and
//! quantized graphs in QDQ form: every quantized value is written as QuantizeLinear and DequantizeLinear, between which the
//! float operators stand, as ONNX Runtime and others expect.
//!
//! A model that cannot be imported gives one error that names everything that is not supported.
//!
//! # What changes on the way in
//!
//! - `Gemm`, and `MatMul` with a constant right side, become Linear with a weight `[out, in]`; an `Add` of a constant vector
//!   after such a `MatMul` becomes its bias.
//! - `auto_pad` and `ceil_mode` become explicit padding.
//! - `Dropout` becomes Identity; `Constant` becomes a constant.
//! - Nodes without a name are called `OPERATOR_INDEX`.
//!
//! # Hostile files
//!
//! Before anything is allocated the file is scanned once: field lengths must fit, and nodes, attributes and tensors are counted
//! against the [limits](fourfold_graph::Limits). Tensor data must have exactly the length that the shape says. External data is
//! refused.
//!
//! The protobuf code is generated (proto/onnx.proto says how) and committed, so that building needs no protobuf compiler.

mod error;
mod export;
mod import;
mod proto;
mod scan;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use export::export;
pub use import::{OPERATORS, import};

//! Graphs of models: typed values, a closed set of operators, and a builder that only makes valid graphs.
//!
//! A [`Graph`] is immutable. It is made by a [`GraphBuilder`], which infers the type of every value as nodes are added
//! and refuses nodes that do not fit, so every graph is acyclic, complete and consistent. A pass reads one graph and
//! builds another.
//!
//! **A quantized graph is the same graph with other types.** Every value has a [`ValueType`]: element type, shape (with
//! named symbolic dimensions) and, when quantized, its parameters. [`Op::Conv`] on `u8 * i8 -> u8` values is the
//! quantized convolution; [`Op::Quantize`] and [`Op::Dequantize`] convert between the types; [`Op::Linear`] with an
//! `f32` input and an `i8` weight is dynamic quantization.
//!
//! ```
//! use fourfold_graph::{GraphBuilder, Dim, ValueType};
//! use fourfold_tensor::Tensor;
//!
//! let mut builder = GraphBuilder::new("tiny");
//! let x = builder.input("x", ValueType::f32(&[Dim::symbol("batch"), Dim::from(2)]))?;
//! let weight = Tensor::from_vec(&[3, 2], vec![1.0_f32; 6])?;
//! let y = builder.linear("fc", x, weight, None)?;
//! let z = builder.relu("relu", y)?;
//! builder.output(z);
//! let graph = builder.finish()?;
//! assert_eq!(graph.nodes().len(), 2);
//! assert_eq!(graph.value(z).ty().to_string(), "f32[batch, 3]");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Float operators compute in `f32`. Inputs, constants and outputs may be `f16`, `bf16` or `f64` too; [`Op::Cast`]
//! converts them.
//!
//! Layouts are those of PyTorch and ONNX: activations `[batch, channels, spatial...]`, convolution weights
//! `[out, in / groups, kernel...]`, linear weights `[out, in]`.
//!
//! Architecture Invariant: a graph holds plain, unpacked weights and knows nothing of this machine; weights are packed
//! by the runtime's plan.

mod builder;
mod canonical;
mod dim;
mod error;
mod fixed;
mod graph;
mod modules;
mod ops;
mod polynomial;
mod readers;
mod rows;
mod statistics;
mod types;

pub use builder::{GraphBuilder, NewNode};
pub use dim::Dim;
pub use error::{Error, FIX_SIZES, Problem};
pub use fixed::Fixed;
pub use fourfold_error::{ErrorKind, Excerpt, LimitExceeded, Limits};
pub use graph::{Graph, Node, NodeId, Value, ValueId};

pub use ops::*;
pub use polynomial::{Factor, Polynomial, Quotient};
pub use statistics::{NodeStatistics, Statistics};
pub use types::ValueType;

#[cfg(test)]
mod tests;

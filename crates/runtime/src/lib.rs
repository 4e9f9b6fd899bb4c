//! Runs graphs: a [`Plan`] is a graph compiled for this CPU, a [`Session`] runs it.
//!
//! ```
//! use fourfold_graph::{Dim, GraphBuilder, ValueType};
//! use fourfold_runtime::{Options, Plan, Session};
//! use fourfold_tensor::Tensor;
//!
//! let mut builder = GraphBuilder::new("tiny");
//! let x = builder.input("x", ValueType::f32(&[Dim::symbol("batch"), Dim::from(2)]))?;
//! let weight = Tensor::from_vec(&[1, 2], vec![1.0_f32, -1.0])?;
//! let y = builder.linear("difference", x, weight, None)?;
//! builder.output(y);
//!
//! let plan = Plan::compile(&builder.finish()?, &Options::default())?;
//! let mut session = Session::new(plan.into());
//! let outputs = session.run(&[Tensor::from_vec(&[2, 2], vec![3.0_f32, 1.0, 0.5, 4.0])?])?;
//! assert_eq!(outputs[0].as_slice::<f32>()?, [2.0, -3.5]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # From graph to plan
//!
//! Compiling walks the nodes once and makes one step of each; `ops/` has a file for each operator or family, with its
//! lowering to an action and the action. A step holds everything that does not change from run to
//! run: weights packed for the kernel, multipliers, clamps. Values between steps live in slots; a slot has a layout,
//! and a step that wants another layout gets a relayout step before it:
//!
//! - convolutions and poolings work on channels-last memory (`[n, spatial..., c]`), in which all channels of a position
//!   are neighbours;
//! - operators that treat all elements alike take what they get, so a run of convolutions stays channels-last;
//! - everything else works on row-major memory, the layout at the border.
//!
//! Reshaping and relayouts that do not move elements (one channel, or one position) cost nothing: the slots share
//! memory.
//!
//! # From plan to session
//!
//! When the sizes of the inputs are known, every slot gets an offset in one arena; slots that are not alive at the same
//! time share bytes; [`Plan::footprint`] says how many bytes that makes. The offsets are kept until inputs of other
//! sizes come, so that runs after the first do not allocate.
//!
//! [`evaluate()`] computes one operator of constants, without a plan and a session.
//!
//! # Arithmetic
//!
//! Quantized operators compute equations (1) to (6) exactly, so results have the same bits on every CPU, for every
//! number of threads and every split of the batch. So have the float operators here, which use only correctly rounded
//! operations in a fixed order. In Conv, Linear, MatMul and recurrent layers that operation is the fused multiply-add,
//! one for each product in the order of the depth ([`Kernel::multiply_add`](fourfold_kernels::Kernel::multiply_add));
//! everywhere else multiplications and additions are rounded by themselves. Only which NaN a NaN is may differ between
//! CPUs.
//!
//! Architecture Invariant: nothing here chooses quantization parameters; the graph brings them all.

mod error;
mod evaluate;
mod lower;
mod memory;
mod ops;
mod options;
mod plan;
mod session;
mod spatial;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use evaluate::{Constant, Evaluation, evaluate};
pub use memory::Footprint;
pub use options::Options;
pub use plan::Plan;
pub use session::Session;

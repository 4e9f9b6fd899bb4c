//! Neural networks four times smaller, run with exact int8 arithmetic on ordinary CPUs.
//!
//! This crate is the facade: every other crate is a module here. The words and the workflow are PyTorch's;
//! [`coming_from_pytorch`] lists PyTorch's names and what they are called here.
//!
//! # Quantize a model
//!
//! A [`Graph`](graph::Graph) comes from an ONNX file ([`onnx::load`]), from modules with PyTorch's names and a state
//! dict ([`nn`], with the examples `cnn`, `transformer_block` and `lstm`), or from a
//! [`GraphBuilder`](graph::GraphBuilder).
//!
//! ```
//! use fourfold::prelude::*;
//!
//! // A float model, built in Rust: x -> Linear -> ReLU.
//! let mut builder = GraphBuilder::new("tiny");
//! let x = builder.input("x", ValueType::f32(&[Dim::symbol("batch"), Dim::from(2)]))?;
//! let weight = Tensor::from_vec(&[3, 2], vec![0.5_f32, -1.0, 0.25, 2.0, 1.5, -0.75])?;
//! let hidden = builder.linear("fc", x, weight, None)?;
//! let y = builder.relu("relu", hidden)?;
//! builder.output(y);
//! let float = builder.finish()?;
//!
//! // Dynamic: int8 weights now, activations quantized per row while running.
//! let dynamic = quantize_dynamic(&float, &[OpKind::Linear], DType::I8)?;
//!
//! // Static: fuse, prepare, observe representative batches, convert.
//! let fused = fuse(&float)?;
//! let mut calibration = prepare(&fused, QConfig::fourfold())?;
//! calibration.observe(&[Tensor::from_vec(&[2, 2], vec![1.0_f32, -1.0, 0.5, 0.25])?])?;
//! let quantized = calibration.convert()?;
//!
//! // Run either on this CPU.
//! for graph in [dynamic.graph(), quantized.graph()] {
//!     let mut session = Session::new(Plan::compile(graph, &Options::default())?.into());
//!     let outputs = session.run(&[Tensor::from_vec(&[1, 2], vec![1.0_f32, 0.5])?])?;
//!     let expected = [0.0, 1.25, 1.125];
//!     for (y, expected) in outputs[0].as_slice::<f32>()?.iter().zip(expected) {
//!         assert!((y - expected).abs() < 0.02);
//!     }
//! }
//!
//! // One file, which runs without the original model.
//! let bytes = container::to_bytes(quantized.graph())?;
//! assert_eq!(&container::from_bytes(&bytes, &Limits::default())?, quantized.graph());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The arithmetic
//!
//! ```text
//! (1)  dequantize:  x = scale * (q - zero_point)
//! (2)  quantize:    q = clamp(round_half_even(x / scale) + zero_point, q_min, q_max)
//!                   clamped as a float; NaN -> zero_point
//! (3)  accumulate:  acc = sum_k (a - z_a)(w - z_w) + bias                             exact in i32
//! (4)  requantize:  q = clamp(round_half_even(f32(acc) * m) + z_y, q_min, q_max)
//!                   m = s_a * s_w / s_y in f32, in this order
//! (5)  bias:        i32, scale s_a * s_w[c], zero point 0
//! (6)  dynamic:     per row: parameters from that row alone
//! ```
//!
//! Sums and products of quantized tensors are rounded after their zero point is added, as ONNX Runtime's are: see
//! [`Kernel::add`](kernels::Kernel::add).
//!
//! # Samples
//!
//! Arrays come from `.npy` and `.npz` files ([`format::npy`], [`format::npz`]). With the feature `images`, the module
//! `images` makes tensors of PNG and JPEG files, as torchvision's transforms do.
//!
//! # Other quantizers
//!
//! The feature `recipes` adds to [`schemes`] the formulas by which ONNX Runtime and LiteRT choose scales and zero
//! points, for values of 2 to 32 bits: to check a model against them, or to quantize for a target that wants them.
//!
//! # What a caller can rely on
//!
//! - A model gives the same bits on every backend, for every number of threads and every split of the batch, be it
//!   quantized, float or both. The integer path is exact. Float operators round in a defined order; float products are
//!   chains of fused multiply-adds, which IEEE 754 defines to the bit.
//! - No file or tensor causes a panic or unbounded memory; [`Limits`](graph::Limits) says what is too much. Errors name
//!   the file, node or tensor, and have a [kind](ErrorKind).
//! - Converting without calibration is an error. What cannot be quantized stays float, and [`quantize::Layer`] says
//!   why.
//! - The same model, samples and configuration give the same bytes, on every CPU.

pub use fourfold_error as error;
pub use fourfold_error::ErrorKind;
pub use fourfold_format as format;
pub use fourfold_graph as graph;
#[cfg(feature = "images")]
pub use fourfold_images as images;
pub use fourfold_kernels as kernels;
pub use fourfold_nn as nn;
pub use fourfold_observers as observers;
pub use fourfold_onnx as onnx;
pub use fourfold_quantize as quantize;
pub use fourfold_runtime as runtime;
pub use fourfold_schemes as schemes;
pub use fourfold_tensor as tensor;

#[doc = include_str!("coming_from_pytorch.md")]
pub mod coming_from_pytorch {}

pub mod prelude {
    //! What most programs need.

    pub use fourfold_format::{container, npy, npz, safetensors};
    pub use fourfold_graph::{Dim, Graph, GraphBuilder, Limits, OpKind, ValueType, Window};
    pub use fourfold_quantize::{
        Calibration, ChannelStatistics, Comparison, QConfig, QConfigMapping, Quantized, correct_bias,
        correct_bias_data_free, equalize, equalize_with_statistics, fuse, prepare, quantize_dynamic,
    };
    pub use fourfold_runtime::{Options, Plan, Session};
    pub use fourfold_tensor::{DType, Tensor};
}

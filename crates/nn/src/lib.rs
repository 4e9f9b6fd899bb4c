//! Modules with PyTorch's names and arguments, and strict loading of a state dict by name.
//!
//! A [`Module`] is a plain struct with the arguments of its constructor; it holds no weights. [`build`] walks through
//! the modules once: every parameter is taken from the [`StateDict`] under the key that PyTorch gives it, and nodes are
//! named like the modules. So `conv1.weight` of the file is the weight of the node `conv1`, and rules that name modules
//! mean the same in both worlds.
//!
//! ```
//! use fourfold_graph::{Dim, ValueId, ValueType};
//! use fourfold_nn::{Builder, Error, Linear, Module, ReLU, Sequential, StateDict, build};
//! use fourfold_tensor::Tensor;
//!
//! // class Net(nn.Module): body = Sequential(Linear(2, 3), ReLU()); head = Linear(3, 1)
//! struct Net;
//!
//! impl Module for Net {
//!     fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
//!         let x = builder.apply("body", &Sequential::new().push(Linear::new(2, 3)).push(ReLU), x)?;
//!         builder.apply("head", &Linear::new(3, 1), x)
//!     }
//! }
//!
//! // From a file: StateDict::new(safetensors::read(&bytes, &limits)?)
//! let state = StateDict::from_iter([
//!     ("body.0.weight", Tensor::from_vec(&[3, 2], vec![1.0_f32; 6])?),
//!     ("body.0.bias", Tensor::from_vec(&[3], vec![0.0_f32; 3])?),
//!     ("head.weight", Tensor::from_vec(&[1, 3], vec![0.5_f32; 3])?),
//!     ("head.bais", Tensor::from_vec(&[1], vec![0.0_f32])?),
//! ]);
//! let input = ValueType::f32(&[Dim::symbol("batch"), Dim::from(2)]);
//! let error = build("net", &Net, input, state).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "the state dict does not fit the modules\n  missing: `head.bias`, expected f32[1]\n  unexpected: `head.bais`"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Only what inference needs is here: [`Dropout`] passes its operand on, and normalizations use their running
//! statistics.
//!
//! Architecture Invariant: a module describes and a graph computes; nothing of this crate is left when the graph is
//! finished.

mod activation;
mod attention;
mod builder;
mod container;
mod conv;
mod error;
mod functional;
mod linear;
mod norm;
mod pool;
mod recurrent;
mod sizes;
mod state_dict;
mod transformer;

pub use activation::{
    Dropout, ELU, GELU, Hardsigmoid, Hardswish, Identity, LeakyReLU, ReLU, ReLU6, SiLU, Sigmoid, Softmax, Tanh,
};
pub use attention::MultiheadAttention;
pub use builder::{Builder, Module, build};
pub use container::{Flatten, Residual, Sequential};
pub use conv::{Conv, Conv1d, Conv2d, Conv3d, ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};
pub use error::Error;
pub use linear::{Embedding, Linear};
pub use norm::{BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, GroupNorm, LayerNorm};
pub use pool::{
    AdaptiveAvgPool, AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AvgPool, AvgPool1d, AvgPool2d, AvgPool3d,
    MaxPool, MaxPool1d, MaxPool2d, MaxPool3d,
};
pub use recurrent::{GRU, GRUCell, LSTM, LSTMCell, RNN, RNNCell, Recurrent, RecurrentCell};
pub use sizes::Sizes;
pub use state_dict::{Mismatch, Misshaped, Missing, StateDict};
pub use transformer::TransformerEncoderLayer;

#[cfg(test)]
mod tests;

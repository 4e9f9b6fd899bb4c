//! N-dimensional tensor storage: an element type, a shape, and 64-byte aligned bytes.
//!
//! [`Tensor`] owns contiguous row-major elements behind a reference count, so a clone is cheap and a write to a shared
//! tensor copies first. [`View`] borrows elements with strides, which is how axes are permuted without copying twice.
//!
//! ```
//! use fourfold_tensor::{Tensor, View};
//!
//! let x = Tensor::from_vec(&[2, 3], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
//! let transposed = x.view::<f32>()?.permute(&[1, 0])?.to_tensor()?;
//! assert_eq!(transposed.shape(), [3, 2]);
//! assert_eq!(transposed.as_slice::<f32>()?, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
//! # Ok::<(), fourfold_tensor::Error>(())
//! ```
//!
//! Architecture Invariant: this crate knows nothing of quantization; an `i8` tensor is a tensor of small integers.

mod buffer;
mod dtype;
mod error;
mod float;
pub mod memory;
mod shape;
mod tensor;
mod view;

pub use dtype::{DType, Element};
pub use error::Error;
pub use float::Float;
pub use half::{bf16, f16};
pub use shape::{MAX_RANK, Shape};
pub use tensor::Tensor;
pub use view::{View, permute_bytes};

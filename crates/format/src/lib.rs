//! Files of bytes: the `.fourfold` container, calibrations, safetensors, `.npy` and `.npz`.
//!
//! Everything here works on bytes in memory, or on a reader of a container; opening files is the caller's. Reading
//! validates first and allocates after: no input can cause a panic, and memory stays within a small multiple of the
//! input's size.
//!
//! ```
//! use fourfold_format::npy;
//! use fourfold_error::Limits;
//! use fourfold_tensor::Tensor;
//!
//! let bytes = npy::write(&Tensor::from_vec(&[2, 2], vec![1.0_f32, 2.0, 3.0, 4.0])?);
//! let tensor = npy::read(&bytes, &Limits::default())?;
//! assert_eq!(tensor.shape(), [2, 2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod calibration;
mod codec;
pub mod container;
mod error;
mod layout;
pub mod npy;
pub mod npz;
pub mod safetensors;
pub mod tensors;

pub use error::Error;

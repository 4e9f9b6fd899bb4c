//! Observers: they watch values go by, keep a state of bounded size, and give a range.
//!
//! A range becomes a scale and a zero point by a [`Scheme`](fourfold_schemes::Scheme). The observers and their arithmetic
//! are those of PyTorch's `torch.ao.quantization.observer`.
//!
//! ```
//! use fourfold_observers::{MinMax, Observer};
//! use fourfold_schemes::Scheme;
//! use fourfold_tensor::Tensor;
//!
//! let mut observer = MinMax::new();
//! observer.observe(&Tensor::from_vec(&[3], vec![-1.0_f32, 0.5, 0.0])?)?;
//! observer.observe(&Tensor::from_vec(&[2], vec![4.1_f32, 0.0])?)?;
//! let params = observer.ranges()?.params(&Scheme::U8_AFFINE)?;
//! assert_eq!(params.scales()[0].get(), 5.1 / 255.0);
//! assert_eq!(params.zero_points(), [50]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Observer`] is an open trait: what calibration does with a state is ask for its ranges.
//!
//! Architecture Invariant: observers know values, not models; which value is watched by which observer is the workflow's.

mod error;
mod histogram;
mod kind;
mod min_max;
mod observer;

pub use error::Error;
pub use histogram::Histogram;
pub use kind::ObserverKind;
pub use min_max::{MinMax, PerChannelMinMax};
pub use observer::{Observer, Ranges};

//! Observers: they watch values go by, keep a state of bounded size, and give a range.
//!
//! A range becomes a scale and a zero point by a [`Scheme`](fourfold_schemes::Scheme). The observers and their
//! arithmetic are those of PyTorch's `torch.ao.quantization.observer`.
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
//! | observer | PyTorch, ONNX Runtime | merges |
//! |---|---|---|
//! | [`MinMax`], [`PerChannelMinMax`] | `MinMaxObserver`, `PerChannelMinMaxObserver` | exactly |
//! | [`MovingAverageMinMax`], [`MovingAveragePerChannelMinMax`] | `MovingAverageMinMaxObserver`, `MovingAveragePerChannelMinMaxObserver` | no |
//! | [`Histogram`] | `HistogramObserver` | no |
//! | [`DyadicHistogram`] with a [`RangeRule`] | percentile and entropy calibration | exactly |
//! | [`FixedParams`] | `FixedQParamsObserver` | nothing to merge |
//! | [`Silent`] | `PlaceholderObserver`, `NoopObserver`, `ReuseInputObserver` | nothing to merge |
//! | [`Recording`] | `RecordingObserver` | in the order of the merges |
//!
//! A tensor with NaN is refused with the counts of what is not finite, and is not taken in. The histograms leave
//! infinities out and count them ([`Observer::left_out`]); the others that watch refuse them. What an observer saw is a
//! [`State`]: data with serde that comes back bit for bit. Its size does not depend on how much was observed, except
//! that of [`Recording`]. [`Switched`] puts a switch on any observer. [`States`] are those of all observers of one
//! model, and know what may be merged.
//!
//! [`choosing`] says, with measurements, which one to take.
//!
//! [`Observer`] is an open trait: calibration only asks it for its ranges.
//!
//! Architecture Invariant: observers know values, not models; the workflow decides which observer watches which value.

#[doc = include_str!("choosing.md")]
pub mod choosing {}

mod chunks;
mod dyadic;
mod error;
mod extremes;
mod fixed;
mod histogram;
mod kind;
mod min_max;
mod moving_average;
mod observer;
mod per_channel;
mod recording;
mod shards;
mod silent;
mod state;
mod states;
mod switched;

pub use dyadic::{DyadicHistogram, RangeRule};
pub use error::Error;
pub use extremes::{check_finite, check_not_nan};
pub use fixed::FixedParams;
pub use histogram::Histogram;
pub use kind::ObserverKind;
pub use min_max::MinMax;
pub use moving_average::{MovingAverageMinMax, MovingAveragePerChannelMinMax};
pub use observer::{Observer, Ranges};
pub use per_channel::PerChannelMinMax;
pub use recording::Recording;
pub use shards::Shards;
pub use silent::Silent;
pub use state::{Channels, Extent, Recorded, State};
pub use states::{States, Watched};
pub use switched::Switched;

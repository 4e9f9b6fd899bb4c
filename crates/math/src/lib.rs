//! Functions of `f32` with defined bits: the same on every CPU, for every length, and wherever an element stands.
//!
//! ```
//! use fourfold_math::{LayerNorm, Unary, gelu, softmax};
//!
//! assert_eq!(gelu(1.0).to_bits(), 0x3f57_625e);
//!
//! let mut y = [0.0; 4];
//! Unary::Tanh.map(&[0.0, 1.0, f32::INFINITY, -1e-40], &mut y)?;
//! assert_eq!(y, [0.0, 0.761_594_2, 1.0, -1e-40]);
//!
//! softmax(&[1.0, 1.0, -5.0, -5.0], 2, &mut y)?; // two rows of two
//! assert_eq!(y, [0.5; 4]);
//!
//! let norm = LayerNorm { gamma: &[1.0, 2.0], beta: Some(&[0.0, 1.0]), epsilon: 0.0 };
//! norm.apply(&[1.0, 3.0, 7.0, 3.0], &mut y)?;
//! assert_eq!(y, [-1.0, 3.0, 1.0, -1.0]);
//! # Ok::<(), fourfold_math::Error>(())
//! ```
//!
//! # Defined bits
//!
//! Only additions, subtractions, multiplications, divisions and square roots, each correctly rounded and never
//! contracted, in the order in which they are written; conversions between formats; and integers. Nothing is asked of
//! the system's library, whose functions differ from one to the next. A function has no branch, so the compiler makes
//! vectors of its loop, as wide as the CPU has them ([`wide()`]), and the width changes nothing. Reductions have one
//! shape: 16 strided lanes, then a tree.
//!
//! NaN has defined bits too: every result that is NaN is [`f32::NAN`], whatever NaN went in. `tests/golden.rs` holds
//! the hashes of results; a CPU on which one bit differs fails.
//!
//! # Errors of the functions
//!
//! Measured over all 2^32 numbers with `cargo run --release -p fourfold-math --example ulp`, in units in the last place
//! of the exact result, subnormal results among them; a correctly rounded function has 0.5. The tests measure a sample.
//!
//! | function | largest error | at |
//! |---|---|---|
//! | [`exp()`] | 0.99 | -5.853_371 |
//! | [`ln()`] | 0.84 | 1.413_318_5 |
//! | [`tanh()`] | 1.20 | 0.626_107_34 |
//! | [`erf()`] | 1.27 | 0.901_770_6 |
//! | [`sigmoid()`] | 1.75 | -1.099_934_6 |
//! | [`silu`] | 1.73 | -91.182_274 |
//! | [`gelu()`] | 1.88 | -1.438_857_9 |
//! | [`gelu_tanh`] | 1.85 | -5.194_229 |
//! | [`hard_swish`] | 1.88 | 1.371_497_9 |
//! | [`elu`], `alpha = 1` | 0.92 | -0.391_198_16 |
//! | [`sqrt`], reciprocal, [`leaky_relu`] | 0.5 | |
//! | [`pow()`] | 0.51, derived, not measured | |
//!
//! [`hard_sigmoid`] is defined by its roundings. The functions are not monotonic to the last bit where two forms meet.
//!
//! # Coefficients
//!
//! Every polynomial is our own: a fit that minimizes the largest weighted error of the *function* (not of the
//! polynomial) at 600 to 1,500 Chebyshev nodes, by Lawson's iteration of weighted least squares with reference values
//! of 40 digits. Coefficients are rounded to `f32` one at a time, the lowest power first, and the others are fitted
//! again after each.
//!
//! # Features
//!
//! `std` (on by default) takes square roots with the CPU's instruction, and asks the CPU how wide its vectors are.
//! Without it the crate is `no_std`, takes square roots with integers, to the same bits, and has the vectors of the
//! target.
//!
//! Architecture Invariant: slices only, no dependency, no allocation, `unsafe` in [`wide()`] alone; no function of the
//! standard library that is not correctly rounded.
#![cfg_attr(not(feature = "std"), no_std)]

mod erf;
mod error;
mod exp;
mod float;
mod gelu;
mod hard;
mod ln;
mod norm;
mod pow;
mod reduce;
mod root;
mod rows;
mod sigmoid;
mod softmax;
mod tanh;
mod unary;
mod wide;

pub use erf::erf;
pub use error::Error;
pub use exp::{elu, exp};
pub use gelu::{gelu, gelu_tanh};
pub use hard::{hard_sigmoid, hard_swish, leaky_relu};
pub use ln::ln;
pub use norm::{LayerNorm, RmsNorm};
pub use pow::pow;
pub use reduce::{l2, max, mean, min, sum};
pub use root::sqrt;
pub use sigmoid::{sigmoid, silu};
pub use softmax::{log_softmax, softmax};
pub use tanh::tanh;
pub use unary::Unary;
pub use wide::wide;

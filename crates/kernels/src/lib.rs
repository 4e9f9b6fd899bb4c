//! Exact int8 matrix products, convolutions and element loops for CPUs; the fastest backend is chosen at run time.
//!
//! Usable by itself: slices and integers in, slices out, no required dependency. Weights are packed once, activations
//! are read where they are, and the result is requantized in registers.
//!
//! ```
//! use fourfold_kernels::{Kernel, Lhs, Output, QuantizedSlice, Requantized, Scales, Scratch, Weights, ZeroPoints};
//!
//! let kernel = Kernel::detect();
//!
//! // Two output features over three input features, symmetric i8; packed once.
//! let weights = [1_i8, -2, 3, 100, 0, -100];
//! let packed = kernel.pack(&Weights::row_major(QuantizedSlice::I8(&weights), 2, 3, ZeroPoints::One(0)))?;
//!
//! // Two rows of u8 activations with zero point 128.
//! let activations = [128_u8, 129, 130, 255, 0, 128];
//! let lhs = Lhs { values: QuantizedSlice::U8(&activations), m: 2, row_stride: 3, zero_points: ZeroPoints::One(128) };
//!
//! let mut out = [0_u8; 4];
//! let output = Output::U8(Requantized {
//!     out: &mut out,
//!     row_stride: 2,
//!     bias: Some(&[10, 0]),
//!     multipliers: Scales::Each(&[0.5, 0.01]),
//!     zero_point: 3,
//!     q_min: 3, // ReLU: nothing below the zero point
//!     q_max: 255,
//!     residual: None,
//! });
//! kernel.gemm(&lhs, &packed, output, &mut Scratch::default())?;
//! assert_eq!(out, [10, 3, 199, 130]);
//! # Ok::<(), fourfold_kernels::Error>(())
//! ```
//!
//! # Exact
//!
//! Every kernel gives the bits of [`reference`](mod@reference), on all inputs, for every number of threads and every
//! split of the rows:
//!
//! ```text
//! acc = sum_p (a - z_a)(w - z_w) + bias                                                    (3)   exact, modulo 2^32
//! q = clamp(round_half_even(f32(acc) * m) + z, q_min, q_max)                               (4)   no FMA
//! ```
//!
//! Nothing saturates on the way. The AVX2 backend widens bytes to 16 bits before it multiplies, because `vpmaddubsw`
//! saturates.
//!
//! Products of floats ([`Kernel::multiply_add`]) have the same bits on every kernel too:
//!
//! ```text
//! out = fma(lhs[k - 1], rhs[k - 1], .. fma(lhs[1], rhs[1], fma(lhs[0], rhs[0], out)))
//! ```
//!
//! Here multiplication and addition may be fused, because the fused operation is the definition: every step is IEEE
//! 754's fusedMultiplyAdd, rounded once, in the order of the depth, whatever the size of a tile or a block. All
//! backends but the portable one have the instruction, and it is as fast as a multiplication alone; on x86-64 the
//! portable one computes the same number by `f64`. What is defined with two roundings, as equation (4), never uses it.
//! Sums of quantized values ([`Kernel::add`]) are defined by two such steps, after ONNX Runtime. The AVX2 backends need
//! a CPU with the instruction (FMA), as those with AVX2 have.
//!
//! # Backends
//!
//! | name | instructions | products per instruction |
//! |---|---|---|
//! | `avx512-vnni` | `vpdpbusd zmm` | 64 |
//! | `avx-vnni` | `vpdpbusd ymm` | 32 |
//! | `avx2` | `vpmaddwd ymm`, `vpaddd ymm` | 16 in two |
//! | `neon-i8mm` | `usmmla` | 32 |
//! | `neon-dot` | `sdot` | 16 |
//! | `neon` | `smull`, `smlal2`, `sadalp` | 16 in three; in four if a weight is -128 |
//! | `portable` | what the compiler makes of plain loops | |
//!
//! [`Kernel::detect`] takes the fastest that the CPU has, [`Kernel::by_name`] a certain one, [`Kernel::supported`]
//! lists them. Holding a [`Kernel`] proves that the CPU can run it.
//!
//! Arm has not been timed: the tests run there in an emulator, which also checks the instructions of the inner loops.
//! **Computed, not measured**, from the published rates of the instructions (a multiplication and an addition are two
//! operations), the most that a core can do in a cycle, and at the clock given:
//!
//! | core | backend | instructions for 64 products | operations a cycle | GOPS |
//! |---|---|---|---|---|
//! | Cortex-A53, 1.4 GHz | `neon` | 12, half of them two cycles long | 10 | 14 |
//! | Cortex-A55, 1.8 GHz | `neon-dot` | 4, one a cycle | 32 | 58 |
//! | Cortex-A76, 2.4 GHz | `neon-dot` | 4, two a cycle | 64 | 154 |
//! | Neoverse V1, 2.6 GHz | `neon-dot` | 4, four a cycle | 128 | 333 |
//! | Neoverse V1, 2.6 GHz | `neon-i8mm` | 2, four a cycle | 256 | 666 |
//! | Apple M1, 3.2 GHz | `neon-dot` | 4, four a cycle | 128 | 410 |
//!
//! Apple's cores and Qualcomm's Oryon compute `usmmla` no faster than `sdot`, so [`Kernel::detect`] takes `neon-dot`
//! there.
//!
//! To add a backend: implement the traits `Isa` and `Broadcast` (a few dozen primitives on vectors of 16 lanes, most of
//! them one instruction) in one file of `src/backend`, and add one line to the list `ALL` in `src/backend.rs`. Tiles,
//! epilogues, convolutions, loops, tests and benchmarks are instantiated from that list.
//!
//! # Features
//!
//! `std` (found out at run time what the CPU has) and `rayon` (threads) are on by default. Without them the crate is
//! `no_std` with `alloc`, and the backend is the best one that the compiler's target features name.
//!
//! # Sound
//!
//! No argument of a safe function makes one panic (but those with a section `# Panics`), run without end or touch
//! memory that is not its operands'. Sizes are checked before anything is written, with checked arithmetic; memory is
//! asked for and may be refused ([`Error::OutOfMemory`]). The fields of what is packed are private to one module each
//! and set together, so that sizes and memory agree even after a panic. Every `unsafe fn` says what it needs, and every
//! block which fact gives it.
//!
//! Architecture Invariant: no tensor, no scheme, no graph; nothing here allocates after the first call with the same
//! sizes, except packing in memory of its own.
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![expect(unsafe_code, reason = "instructions of one CPU, and threads that write parts of one result")]

extern crate alloc;

mod backend;
mod conv;
mod elementwise;
mod error;
mod float;
mod gemm;
mod kernel;
mod memory;
mod operand;
mod output;
mod pool;
pub mod reference;
#[cfg(test)]
mod tests;
mod weights;

pub use conv::{ConvInput, Geometry, PackedConv, PackedTransposedConv};
pub use elementwise::{Bounded, Dynamic, MinMax, Operand};
pub use error::Error;
pub use float::{FloatMatrix, PackedFloatMatrix};
pub use gemm::Scratch;
pub use kernel::Kernel;
pub use operand::{Affine, Lhs, QuantizedSlice, QuantizedSliceMut, Scales, Weights, ZeroPoints};
pub use output::{F32Output, I32Output, Output, Requantized, Residual};
pub use pool::Average;
pub use weights::PackedWeights;

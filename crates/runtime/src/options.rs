//! How a graph is compiled and run.

use core::num::NonZeroUsize;

use fourfold_graph::{Graph, Limits};
use fourfold_kernels::Kernel;

/// Choices that change speed, never results, but for `products`.
#[derive(Clone, Debug)]
pub struct Options {
    /// The int8 kernels to use; by default the fastest that this CPU has.
    pub kernel: Kernel,
    /// The number of threads of a session; by default those of the rayon pool that the caller is in.
    pub threads: Option<NonZeroUsize>,
    /// How products of real numbers are computed; by default that depends on the graph.
    pub products: FloatProducts,
    /// The limits; only `arena_bytes` matters here.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { kernel: Kernel::detect(), threads: None, products: FloatProducts::Automatic, limits: Limits::default() }
    }
}

/// How float matrix products and convolutions are computed, in layers that are not quantized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatProducts {
    /// `Exact` in a graph with codes, `Fast` in one of real numbers alone: a quantized model gives the same bits everywhere, whole.
    Automatic,
    /// With fused multiplications, as fast as the CPU can: the same bits for any number of threads, within rounding on another CPU.
    Fast,
    /// Every multiplication and addition rounded by itself, in order: the same bits on every CPU, in about twice the time. Calibration
    /// does this, so that a model is quantized to the same file everywhere.
    Exact,
}

impl FloatProducts {
    /// The choice for a graph: never `Automatic`.
    pub(crate) fn of(self, graph: &Graph) -> Self {
        match self {
            FloatProducts::Automatic if graph.is_quantized() => FloatProducts::Exact,
            FloatProducts::Automatic => FloatProducts::Fast,
            chosen => chosen,
        }
    }
}

//! How a graph is compiled and run.

use core::num::NonZeroUsize;

use fourfold_graph::Limits;
use fourfold_kernels::Kernel;

/// Choices that change speed, never results.
#[derive(Clone, Debug)]
pub struct Options {
    /// The int8 kernels to use; by default the fastest that this CPU has.
    pub kernel: Kernel,
    /// The number of threads of a session; by default those of the rayon pool that the caller is in.
    pub threads: Option<NonZeroUsize>,
    /// The limits; only `arena_bytes` matters here.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { kernel: Kernel::detect(), threads: None, limits: Limits::default() }
    }
}

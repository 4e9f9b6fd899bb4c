//! `cargo xtask bench`: speed relative to the CPU's peak, growth of time with the size of a network, and the criterion
//! benchmarks.

use std::path::Path;

use crate::Error;
use crate::step::{cargo, succeeds};

/// Runs the benchmark that the first of `args` names (`linear` or `criterion`), else the comparison with the peak; the
/// other arguments go to the benchmark.
///
/// # Errors
///
/// [`Error::Step`] if a benchmark failed, [`Error::Start`] if cargo could not be started.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), Error> {
    let (bench, args) = match args {
        ["criterion", rest @ ..] => ("gemm", rest),
        ["linear", rest @ ..] => ("linear", rest),
        all => ("peak", all),
    };
    let mut command = cargo(root);
    command.args(["bench", "--package", "fourfold-benches", "--bench", bench, "--locked", "--"]).args(args);
    if succeeds(&mut command)? { Ok(()) } else { Err(Error::Step { step: "bench", advice: "see the message above" }) }
}

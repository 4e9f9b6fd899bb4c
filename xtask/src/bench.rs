//! `cargo xtask bench`: operations next to what the CPU can do at most, how time grows with a network, and the
//! criterion benchmarks.

use std::path::Path;

use crate::Error;
use crate::step::{cargo, succeeds};

/// Runs the comparison with the peak in `root`, or with `linear` or `criterion` as the first of `args` networks of many
/// nodes or the criterion benchmarks; the other arguments go to them.
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

//! `cargo xtask bench`: the criterion benchmarks of `benches/`.

use std::path::Path;

use crate::Error;
use crate::step::{cargo, succeeds};

/// Runs every benchmark in `root`; `args` go to criterion.
///
/// # Errors
///
/// [`Error::Step`] if a benchmark failed, [`Error::Start`] if cargo could not be started.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), Error> {
    // The glob selects the benchmarks and not the library beside them, whose test harness rejects criterion's arguments.
    let mut command = cargo(root);
    command.args(["bench", "--package", "fourfold-benches", "--bench", "*", "--locked", "--"]).args(args);
    if succeeds(&mut command)? {
        Ok(())
    } else {
        Err(Error::Step { step: "bench", advice: "see cargo's or criterion's message above" })
    }
}

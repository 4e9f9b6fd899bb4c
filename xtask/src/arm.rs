//! `cargo xtask test-arm`: the tests built once for aarch64 Linux, and run under QEMU on one CPU of each backend.
//!
//! Tests of code that depends on the CPU run on every CPU, and so do the golden models, which show that whole models
//! give the same bits. Every other test runs on one CPU, in turn. Tests of accuracy are skipped: the same bits have the
//! same accuracy. On a CPU named on the command line, all tests run.

mod build;
mod cpu;
mod instructions;
mod run;
mod setup;
mod tally;
mod tools;

use std::path::Path;
use std::time::Instant;

use crate::Error;
use cpu::{CPUS, Cpu};
use run::Spread;
pub(crate) use tools::{TARGET, Tools};

/// The options of the command line.
#[derive(Debug, PartialEq, Eq)]
struct Options<'a> {
    setup: bool,
    cpus: Vec<&'static Cpu>,
    spread: Spread,
    /// Arguments for each test binary.
    args: &'a [&'a str],
}

impl<'a> Options<'a> {
    /// Reads `[--setup] [--cpu NAME].. [-- ARGS]`.
    fn parse(args: &'a [&'a str]) -> Result<Self, Error> {
        let mut options = Self { setup: false, cpus: Vec::new(), spread: Spread::All, args: &[] };
        let mut rest = args;
        loop {
            rest = match rest {
                [] => break,
                ["--", args @ ..] => {
                    options.args = args;
                    break;
                }
                ["--setup", rest @ ..] => {
                    options.setup = true;
                    rest
                }
                ["--cpu", name, rest @ ..] => {
                    options.cpus.push(Cpu::by_name(name)?);
                    rest
                }
                _ => {
                    let what = format!(
                        "test-arm takes [--setup] [--cpu NAME] [-- ARGS to the test binaries], not {:?}",
                        rest.join(" ")
                    );
                    return Err(Error::Usage { what });
                }
            }
        }
        if options.cpus.is_empty() {
            options.cpus = CPUS.iter().collect();
            options.spread = Spread::Turns;
        }
        Ok(options)
    }
}

/// Builds the tests of the crates in `root` and runs them on each CPU that `args` ask for.
///
/// # Errors
///
/// [`Error::Usage`], [`Error::NotSetUp`] if a tool is missing, [`Error::Step`] if the build failed, [`Error::Backend`]
/// if a CPU selected another backend than the one written for it, [`Error::Loops`] if an inner loop of the kernels has
/// other instructions than it should, [`Error::ArmTests`] if a test failed,
/// [`Error::Start`] and [`Error::Io`].
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), Error> {
    let options = Options::parse(args)?;
    let tools = if options.setup { setup::install()? } else { Tools::find()? };
    let start = Instant::now();
    let built = build::build(root, &tools)?;
    println!("built {} test binaries for {TARGET} in {:.1} s", built.tests.len(), start.elapsed().as_secs_f64());
    cpu::check(&tools, &built.backend, &options.cpus)?;
    instructions::check(root, &tools, &built.directory)?;
    run::run(&tools, &built, (&options.cpus, options.spread), options.args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read() {
        let all = Options { setup: false, cpus: CPUS.iter().collect(), spread: Spread::Turns, args: &[] };
        assert_eq!(Options::parse(&[]).expect("all defaults"), all);
        let (cpus, args) = (vec![&CPUS[2], &CPUS[0]], &["gemm", "--setup"]);
        let some = Options { setup: true, cpus, spread: Spread::All, args };
        let line = ["--cpu", "max", "--setup", "--cpu", "cortex-a53", "--", "gemm", "--setup"];
        assert_eq!(Options::parse(&line).expect("every option"), some);
    }

    #[test]
    fn a_wrong_command_line_says_what_is_right() {
        for (line, words) in [
            (&["--cpu", "cortex-a9"][..], "cortex-a53, cortex-a76, max"),
            (&["--cpu"], "[--cpu NAME]"),
            (&["gemm"], "[-- ARGS"),
        ] {
            let error = Options::parse(line).expect_err("a wrong command line");
            assert_eq!(error.exit_code(), 2, "{line:?}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}

//! Development tasks: `cargo xtask COMMAND`, one file per command.

mod arm;
mod bench;
mod dist;
mod error;
mod fuzz;
mod step;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::error::Error;

const USAGE: &str = "\
development tasks of fourfold

usage: cargo xtask COMMAND

  test                    every check: format, lints, tidy, tests, documentation; stops at the first failure
  ci                      the same as test; what .ci/run calls
  test-arm [--setup] [--cpu NAME] [-- ARGS]
                          the tests for aarch64 under QEMU. Those of the kernels, the runtime and the golden models run
                          on one CPU for each backend, the others on one CPU each, those of accuracy on none.
                          --cpu NAME runs all tests on one CPU; --setup installs QEMU and the rest with apt and rustup;
                          ARGS go to the test binaries
  tidy                    the rules that rustfmt and clippy do not know
  bench [ARGS]            products and convolutions next to the peak of this CPU and to rten-gemm; start it with
                          `taskset -c 1` to stay on one core; ARGS: M,N,K or a backend or products, convolutions,
                          threads
  bench linear [ARGS]     networks of 5,000 nodes and of four times as many, through every stage; ARGS: networks and a
                          number of nodes
  bench criterion [ARGS]  the criterion benchmarks; ARGS go to criterion (a filter, --save-baseline NAME)
  fuzz TARGET [SECONDS]   one cargo-fuzz target, 60 seconds unless told; needs cargo-fuzz and a nightly toolchain
  dist                    static binaries of the command for x86_64 and aarch64 Linux into target/dist
  help                    this text";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&root(), &args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// The directory of the workspace, which cargo passes at run time. The compiled-in path may be that of another checkout
/// with the same target directory.
fn root() -> PathBuf {
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    xtask.parent().map_or_else(|| xtask.clone(), Path::to_path_buf)
}

fn dispatch(root: &Path, args: &[&str]) -> Result<(), Error> {
    match args {
        [] | ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        ["test" | "ci"] => test::run(root),
        ["test-arm", rest @ ..] => arm::run(root, rest),
        ["dist"] => dist::run(root),
        ["tidy"] => tidy::run(root),
        ["bench", rest @ ..] => bench::run(root, rest),
        ["fuzz", target] => fuzz::run(root, target, None),
        ["fuzz", target, seconds] => fuzz::run(root, target, Some(seconds)),
        ["fuzz", ..] => Err(Error::Usage { what: "fuzz takes a target and at most a number of seconds".into() }),
        [command @ ("test" | "ci" | "tidy" | "dist" | "help"), ..] => {
            Err(Error::Usage { what: format!("{command} takes no arguments") })
        }
        [unknown, ..] => Err(Error::Usage { what: format!("unknown command {unknown:?}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_command_line_exits_with_2() {
        for args in [
            &["tets"][..],
            &["tidy", "now"],
            &["fuzz"],
            &["fuzz", "a", "1", "2"],
            &["help", "me"],
            &["dist", "all"],
            &["test-arm", "all"],
        ] {
            let error = dispatch(&root(), args).expect_err("a wrong command line");
            assert_eq!(error.exit_code(), 2, "{args:?}");
        }
    }

    #[test]
    fn help_is_not_an_error() {
        for args in [&[][..], &["help"], &["-h"], &["--help"]] {
            assert!(dispatch(&root(), args).is_ok(), "{args:?}");
        }
    }
}

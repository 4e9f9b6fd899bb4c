//! `cargo xtask test`: every check, in the order in which a failure is cheapest to find.

use std::path::Path;
use std::time::Instant;

use crate::Error;
use crate::step::{Step, Work};

const STEPS: &[Step] = &[
    Step {
        name: "format",
        work: Work::Cargo(&["fmt", "--all", "--check"]),
        advice: "run `cargo fmt --all`, or `rustup component add rustfmt` if it is missing",
    },
    Step { name: "tidy", work: Work::Tidy, advice: "fix what is listed above" },
    Step {
        name: "lints",
        work: Work::Cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
        advice: "fix the warnings above, or `rustup component add clippy` if it is missing",
    },
    Step {
        name: "lints of the kernels alone",
        work: Work::Cargo(&[
            "clippy",
            "-p",
            "fourfold-kernels",
            "--no-default-features",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]),
        advice: "the kernels must build without rayon and without any other dependency; fix the errors above",
    },
    Step {
        name: "tests",
        work: Work::Cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--locked"]),
        advice: "fix the test named above; `cargo test -p PACKAGE NAME` runs it alone",
    },
    Step {
        name: "documentation tests",
        work: Work::Cargo(&["test", "--workspace", "--doc", "--locked"]),
        advice: "fix the example named above",
    },
    Step {
        name: "documentation",
        work: Work::CargoWith(
            &["doc", "--workspace", "--lib", "--no-deps", "--locked"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        ),
        advice: "fix the documentation comments named above",
    },
];

/// The fuzz targets are a workspace of their own, which the steps above do not see.
const FUZZ_STEPS: &[Step] = &[
    Step {
        name: "format of the fuzz targets",
        work: Work::Cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]),
        advice: "run `cargo fmt --manifest-path fuzz/Cargo.toml`",
    },
    Step {
        name: "fuzz targets compile",
        work: Work::CargoWith(
            &["check", "--manifest-path", "fuzz/Cargo.toml", "--locked", "--config", "build.target-dir = \"target\""],
            // Nothing is linked by a check, so the C++ runtime of libFuzzer need not be built for it.
            &[("CUSTOM_LIBFUZZER_PATH", "./libFuzzer.a")],
        ),
        advice: "fix the errors above; after a change of dependencies run \
                 `cargo update --manifest-path fuzz/Cargo.toml --workspace`",
    },
];

/// The longest step. QEMU runs programs of Linux, and on Linux only.
const ARM_STEPS: &[Step] = &[Step {
    name: "tests on Arm",
    work: Work::Arm,
    advice: "fix the test named above; `cargo xtask test-arm -- NAME` runs it alone",
}];

/// Runs every step in `root`.
///
/// # Errors
///
/// The error of the first step that fails.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    let start = Instant::now();
    let fuzz = if root.join("fuzz/Cargo.toml").exists() { FUZZ_STEPS } else { &[] };
    let arm = if cfg!(target_os = "linux") { ARM_STEPS } else { &[] };
    for step in STEPS.iter().chain(fuzz).chain(arm) {
        step.run(root)?;
    }
    println!("every check passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

//! Runs the test binaries under QEMU, the CPUs side by side.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::build::{Binary, Built};
use super::cpu::Cpu;
use super::tally::Tally;
use super::tools::Tools;
use crate::Error;
use crate::step::finish;

/// No test binary runs this long under QEMU; one that does hangs.
const LIMIT: Duration = Duration::from_secs(900);

/// With these, whoever runs the tests wants to see what they print.
const SHOWING: &[&str] = &["--nocapture", "--no-capture", "--show-output", "--list"];

/// What one CPU did.
struct Outcome {
    tally: Tally,
    /// The binaries that failed, each with its CPU.
    failed: Vec<String>,
    seconds: f64,
}

/// Runs every test binary on each of `cpus`, with `args` for each, and prints a line for each run and one for each CPU.
///
/// # Errors
///
/// [`Error::ArmTests`] if a test failed, [`Error::Start`] if QEMU could not be started, [`Error::Io`] if the output of
/// a test could not be kept.
pub(super) fn run(tools: &Tools, built: &Built, cpus: &[&'static Cpu], args: &[&str]) -> Result<(), Error> {
    let outcomes: Vec<Result<Outcome, Error>> = thread::scope(|scope| {
        let started: Vec<_> = cpus.iter().map(|cpu| scope.spawn(|| run_cpu(tools, built, cpu, args))).collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut failed = Vec::new();
    for (cpu, outcome) in cpus.iter().zip(outcomes) {
        let Outcome { tally, failed: mut of_cpu, seconds } = outcome?;
        let (all, Cpu { name, backend }) = (built.tests.len(), cpu);
        let passed = all - of_cpu.len();
        println!("{name}: {passed} of {all} test binaries passed: {tally}, {seconds:.1} s, backend {backend}");
        failed.append(&mut of_cpu);
    }
    if failed.is_empty() { Ok(()) } else { Err(Error::ArmTests { failed }) }
}

fn run_cpu(tools: &Tools, built: &Built, cpu: &Cpu, args: &[&str]) -> Result<Outcome, Error> {
    let start = Instant::now();
    let directory = built.directory.join("output").join(cpu.name);
    fs::create_dir_all(&directory).map_err(|source| Error::Io { path: directory.clone(), source })?;
    let mut outcome = Outcome { tally: Tally::default(), failed: Vec::new(), seconds: 0.0 };
    for binary in &built.tests {
        let start = Instant::now();
        let path = directory.join(binary.label().replace(' ', "-"));
        let verdict = run_binary(tools, cpu, binary, args, &path)?;
        let output = fs::read(&path).map_err(|source| Error::Io { path, source })?;
        let output = String::from_utf8_lossy(&output);
        let tally = Tally::parse(&output);
        outcome.tally += tally;
        let run = format!("{} {}", cpu.name, binary.label());
        let line = format!("{run}: {tally}, {:.1} s", start.elapsed().as_secs_f64());
        match verdict {
            Ok(()) if args.iter().any(|arg| SHOWING.contains(arg)) => println!("{output}{line}"),
            Ok(()) => println!("{line}"),
            Err(reason) => {
                println!("{output}{line}: {reason}");
                outcome.failed.push(run);
            }
        }
    }
    outcome.seconds = start.elapsed().as_secs_f64();
    Ok(outcome)
}

/// Runs one binary as cargo would, its output into the file `output`; the inner error says how the run went wrong.
fn run_binary(
    tools: &Tools,
    cpu: &Cpu,
    binary: &Binary,
    args: &[&str],
    output: &Path,
) -> Result<Result<(), String>, Error> {
    let failed = |source| Error::Io { path: PathBuf::from(output), source };
    let stdout = File::create(output).map_err(failed)?;
    let stderr = stdout.try_clone().map_err(failed)?;
    let mut command = tools.emulate(cpu.name, &binary.executable);
    command.args(args).current_dir(&binary.directory).env("CARGO_MANIFEST_DIR", &binary.directory);
    // The tests of the command start it, and the kernel of this machine cannot run it without QEMU.
    command.env("FOURFOLD_RUNNER", tools.runner(cpu.name).join(" "));
    let status = finish(command.stdout(stdout).stderr(stderr), LIMIT)?;
    Ok(match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(status.to_string()),
        None => Err(format!("stopped after {} s", LIMIT.as_secs())),
    })
}

//! Runs the test binaries under QEMU, as many at a time as there are cores.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// Test binaries with code that depends on the CPU, by the beginning of their [label](Binary::label).
const OF_THE_CPU: &[&str] = &["kernels ", "runtime ", "fourfold test golden"];

/// Test binaries that measure accuracy on hundreds of images. The golden models show that the bits on Arm are those of
/// x86-64, so the accuracy is too.
const OF_ACCURACY: &[&str] =
    &["fourfold test modules", "fourfold test per_tensor", "fourfold test results", "fourfold test round_trip"];

/// Which CPUs run a test binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// Every CPU runs every binary.
    All,
    /// Every CPU runs the binaries with code that depends on the CPU. The others run on one CPU each, in turn; those of
    /// accuracy are skipped.
    Turns,
}

/// A test binary on a CPU.
struct Job<'a> {
    cpu: &'static Cpu,
    binary: &'a Binary,
}

/// What one CPU did.
#[derive(Default)]
struct Outcome {
    tally: Tally,
    binaries: usize,
    /// The binaries that failed, each with its CPU.
    failed: Vec<String>,
}

/// Every binary with the CPUs that run it.
fn jobs<'a>(binaries: &'a [Binary], cpus: &[&'static Cpu], spread: Spread) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    for (turn, binary) in binaries.iter().enumerate() {
        let label = binary.label();
        let is_of_the_cpu = OF_THE_CPU.iter().any(|beginning| label.starts_with(beginning));
        let on = match spread {
            Spread::Turns if OF_ACCURACY.contains(&label.as_str()) => &[],
            Spread::Turns if !is_of_the_cpu => &cpus[turn % cpus.len()..][..1],
            _ => cpus,
        };
        jobs.extend(on.iter().map(|&cpu| Job { cpu, binary }));
    }
    jobs
}

/// Runs every test binary on those of `cpus` that `spread` says, with `args` for each, and prints a line for each run
/// and one for each CPU.
///
/// # Errors
///
/// [`Error::ArmTests`] if a test failed, [`Error::Start`] if QEMU could not be started, [`Error::Io`] if the output of
/// a test could not be kept.
pub(super) fn run(
    tools: &Tools,
    built: &Built,
    (cpus, spread): (&[&'static Cpu], Spread),
    args: &[&str],
) -> Result<(), Error> {
    let start = Instant::now();
    for cpu in cpus {
        let directory = outputs(built, cpu);
        fs::create_dir_all(&directory).map_err(|source| Error::Io { path: directory, source })?;
    }
    let (jobs, next) = (jobs(&built.tests, cpus, spread), AtomicUsize::new(0));
    let outcomes = Mutex::new(cpus.iter().map(|&cpu| (cpu, Outcome::default())).collect::<Vec<_>>());
    let work = || -> Result<(), Error> {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (tally, failure) = job.run(tools, built, args)?;
            let mut outcomes = outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for (_, outcome) in outcomes.iter_mut().filter(|(cpu, _)| *cpu == job.cpu) {
                outcome.binaries += 1;
                outcome.tally += tally;
                outcome.failed.extend(failure.clone());
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> =
            (0..thread::available_parallelism().map_or(1, usize::from)).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect::<Result<Vec<()>, Error>>()
    })?;
    let mut all_failed = Vec::new();
    for (Cpu { name, backend }, outcome) in outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        let Outcome { tally, binaries, mut failed } = outcome;
        let passed = binaries - failed.len();
        println!("{name}: {passed} of {binaries} test binaries passed: {tally}, backend {backend}");
        all_failed.append(&mut failed);
    }
    println!("{} runs in {:.1} s", jobs.len(), start.elapsed().as_secs_f64());
    if all_failed.is_empty() { Ok(()) } else { Err(Error::ArmTests { failed: all_failed }) }
}

/// Where the outputs of a CPU's runs are kept.
fn outputs(built: &Built, cpu: &Cpu) -> PathBuf {
    built.directory.join("output").join(cpu.name)
}

impl Job<'_> {
    /// Runs it and prints a line, before it the output if it failed: the counts, and the run's name if it failed.
    fn run(&self, tools: &Tools, built: &Built, args: &[&str]) -> Result<(Tally, Option<String>), Error> {
        let Job { cpu, binary } = self;
        let start = Instant::now();
        let path = outputs(built, cpu).join(binary.label().replace(' ', "-"));
        let verdict = run_binary(tools, cpu, binary, args, &path)?;
        let output = fs::read(&path).map_err(|source| Error::Io { path, source })?;
        let output = String::from_utf8_lossy(&output);
        let tally = Tally::parse(&output);
        let run = format!("{} {}", cpu.name, binary.label());
        let line = format!("{run}: {tally}, {:.1} s", start.elapsed().as_secs_f64());
        match verdict {
            Ok(()) if args.iter().any(|arg| SHOWING.contains(arg)) => println!("{output}{line}"),
            Ok(()) => println!("{line}"),
            Err(reason) => {
                println!("{output}{line}: {reason}");
                return Ok((tally, Some(run)));
            }
        }
        Ok((tally, None))
    }
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

#[cfg(test)]
mod tests {
    use super::super::cpu::CPUS;
    use super::*;

    #[test]
    fn what_the_cpu_chooses_runs_on_every_cpu_and_the_rest_by_turns() {
        let lib = |folder: &str| Binary::of(folder, "lib", "tests");
        let binaries =
            [lib("kernels"), lib("format"), lib("onnx"), Binary::of("fourfold", "test", "results"), lib("runtime")];
        let cpus: Vec<&'static Cpu> = CPUS.iter().collect();
        let names = |spread| {
            let jobs = jobs(&binaries, &cpus, spread);
            jobs.iter().map(|job| format!("{} {}", job.cpu.name, job.binary.label())).collect::<Vec<_>>()
        };
        let turns = names(Spread::Turns);
        assert_eq!(turns.len(), 3 + 1 + 1 + 3);
        assert_eq!(turns[3..5], ["cortex-a76 format lib tests", "max onnx lib tests"]);
        assert_eq!(names(Spread::All).len(), 15);
    }
}

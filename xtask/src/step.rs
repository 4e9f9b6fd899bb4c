//! One step of a task: a cargo command with a name, timed, and what to do when it fails.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, arm, tidy};

/// A step.
pub(crate) struct Step {
    /// What is checked, as shown to the user.
    pub(crate) name: &'static str,
    /// What is run.
    pub(crate) work: Work,
    /// What to do when it fails.
    pub(crate) advice: &'static str,
}

/// What a step runs.
pub(crate) enum Work {
    /// `cargo` with these arguments.
    Cargo(&'static [&'static str]),
    /// `cargo` with these arguments, and with these environment variables set.
    CargoWith(&'static [&'static str], &'static [(&'static str, &'static str)]),
    /// The rules of `cargo xtask tidy`, in this process.
    Tidy,
    /// `cargo xtask test-arm --setup`, in this process.
    Arm,
}

impl Step {
    /// Runs the step in `root` and prints its name before and its time after.
    ///
    /// # Errors
    ///
    /// [`Error::Step`] if the command failed, [`Error::Start`] if it could not be started, [`Error::Tidy`], and those
    /// of `cargo xtask test-arm`.
    pub(crate) fn run(&self, root: &Path) -> Result<(), Error> {
        println!("--- {}", self.name);
        let start = Instant::now();
        match self.work {
            Work::Tidy => tidy::run(root)?,
            Work::Arm => arm::run(root, &["--setup"])?,
            Work::Cargo(args) => self.cargo(root, args, &[])?,
            Work::CargoWith(args, variables) => self.cargo(root, args, variables)?,
        }
        println!("--- {}: {:.1} s", self.name, start.elapsed().as_secs_f64());
        Ok(())
    }

    fn cargo(&self, root: &Path, args: &[&str], variables: &[(&str, &str)]) -> Result<(), Error> {
        let mut command = cargo(root);
        command.args(args).envs(variables.iter().copied());
        if succeeds(&mut command)? { Ok(()) } else { Err(Error::Step { step: self.name, advice: self.advice }) }
    }
}

/// The cargo that runs this task, in `root`.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Where cargo builds, unless its command line says something else.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Runs `command` to its end, or stops it after `limit` and returns `None`.
///
/// # Errors
///
/// [`Error::Start`] if it could not be started.
pub(crate) fn finish(command: &mut Command, limit: Duration) -> Result<Option<ExitStatus>, Error> {
    let mut child = command.spawn().map_err(|source| not_started(command, source))?;
    let failed = |source| not_started(command, source);
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(Some(status));
        }
        if start.elapsed() > limit {
            child.kill().and_then(|()| child.wait()).map_err(failed)?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Runs `command` to its end; whether it succeeded.
///
/// # Errors
///
/// [`Error::Start`] if it could not be started.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool, Error> {
    match command.status() {
        Ok(status) => Ok(status.success()),
        Err(source) => Err(not_started(command, source)),
    }
}

/// The error of a command that could not be started.
pub(crate) fn not_started(command: &Command, source: io::Error) -> Error {
    Error::Start { program: command.get_program().to_string_lossy().into_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_names_the_step_and_the_advice() {
        let step = Step { name: "nothing", work: Work::Cargo(&["no-such-command"]), advice: "do something else" };
        let error = step.run(&crate::root()).expect_err("there is no such command");
        assert_eq!(error.to_string(), "nothing failed: do something else");
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn a_command_that_takes_too_long_is_stopped() {
        let quick = finish(cargo(&crate::root()).arg("--version"), Duration::from_secs(60)).expect("cargo");
        assert!(quick.is_some_and(|status| status.success()));
        let start = Instant::now();
        assert_eq!(finish(Command::new("sleep").arg("60"), Duration::from_millis(50)).expect("sleep"), None);
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = succeeds(&mut Command::new("no-such-program-anywhere")).expect_err("there is no such program");
        assert!(error.to_string().starts_with("could not start no-such-program-anywhere: "), "{error}");
    }
}

//! Ctrl-C.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use fourfold::ErrorKind;
use fourfold::quantize::Progress;

use crate::failure::{Failure, exit_code};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on an interruption is remembered; a second one ends the process at once.
pub(crate) fn listen() -> Result<(), Failure> {
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(exit_code(ErrorKind::Interrupted).into());
        }
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::new(ErrorKind::Io, format_args!("cannot listen for Ctrl-C: {error}")))
}

/// Fails if the user has interrupted the command; called between units of work, so that temporary files are removed.
pub(crate) fn check() -> Result<(), Failure> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        return Err(Failure::new(ErrorKind::Interrupted, "interrupted; no output was written"));
    }
    Ok(())
}

/// Stops a calibration, in the middle of a batch, if the user has interrupted the command.
pub(crate) fn monitor(_: &Progress) -> ControlFlow<()> {
    if check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

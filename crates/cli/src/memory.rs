//! Memory that runs out in an allocation that cannot fail.
//!
//! Whatever is as large as a file or an input says is reserved before it is used; if there is no memory for it, that is
//! an error like any other. Everything else (decoders and maps of libraries, strings) allocates without asking: if that
//! fails, the allocator says on stderr how much was missing and aborts. The command ends either way, but scripts get
//! the exit code of a limit instead of a signal.

use fourfold::ErrorKind;

use crate::failure::{Failure, exit_code};

/// From now on, an abort ends the command with the exit code of a limit.
#[cfg(unix)]
pub(crate) fn listen() -> Result<(), Failure> {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    let always = Arc::new(AtomicBool::new(true));
    let listening = signal_hook::flag::register_conditional_shutdown(
        signal_hook::consts::SIGABRT,
        exit_code(ErrorKind::Limit).into(),
        always,
    );
    listening
        .map(|_| ())
        .map_err(|error| Failure::new(ErrorKind::Io, format_args!("cannot listen for aborts: {error}")))
}

/// Does nothing: there are no signals to listen to.
#[cfg(not(unix))]
pub(crate) fn listen() -> Result<(), Failure> {
    Ok(())
}

//! The command `fourfold`.
//!
//! One module of [`commands`] for each verb. Data goes to stdout, messages and progress to stderr; the exit code tells
//! what kind of failure it was (see [`failure::exit_code`]).

mod args;
mod atomic;
mod bench;
mod commands;
mod config;
mod console;
mod data;
mod evaluate;
mod failure;
mod fixed;
mod interrupt;
mod made_up;
mod memory;
mod message;
mod model;
mod report;
mod state;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;
use crate::failure::exit_code;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = memory::listen().and_then(|()| interrupt::listen()).and_then(|()| commands::run(arguments));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe has seen enough.
        Err(failure) if failure.is_unread => ExitCode::SUCCESS,
        Err(failure) => {
            console::error(&failure);
            ExitCode::from(exit_code(failure.kind))
        }
    }
}

//! The verbs, one module each.

mod bench;
mod calibrate;
mod eval;
mod export;
mod inspect;
mod merge;
mod ops;
mod quantize;
mod quickstart;
mod run;
mod verify;

use fourfold::graph::{Fixed, Limits};
use fourfold::runtime::Options;

use crate::args::{Arguments, Verb};
use crate::console::Console;
use crate::failure::Failure;
use crate::fixed::fixed;

/// What every verb gets besides its own arguments.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) console: Console,
    pub(crate) limits: Limits,
    /// Sizes and inputs of the model that are fixed before anything else.
    pub(crate) fixed: Fixed,
}

impl Context {
    /// How models are run, unless a verb has options of its own.
    pub(crate) fn options(&self) -> Options {
        Options { limits: self.limits.clone(), ..Options::default() }
    }
}

/// Does what the command line asks for.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { verb, quiet, dim, shape, set, limit } = arguments;
    let limits = limits(&limit)?;
    let fixed = fixed(&dim, &shape, &set)?;
    if !fixed.is_empty() && matches!(verb, Verb::Quickstart(_) | Verb::Ops(_) | Verb::Merge(_)) {
        return Err(Failure::usage("--dim, --shape and --set are for verbs that take a model; leave them out"));
    }
    let json = match &verb {
        Verb::Inspect(inspect) => inspect.json,
        Verb::Ops(ops) => ops.json,
        Verb::Quantize(quantize) => quantize.json,
        Verb::Eval(eval) => eval.json,
        Verb::Bench(bench) => bench.json,
        Verb::Quickstart(_)
        | Verb::Calibrate(_)
        | Verb::Merge(_)
        | Verb::Run(_)
        | Verb::Export(_)
        | Verb::Verify(_) => false,
    };
    let context = Context { console: Console::new(quiet, json), limits, fixed };
    match verb {
        Verb::Quickstart(arguments) => quickstart::run(&arguments, &context),
        Verb::Inspect(arguments) => inspect::run(&arguments, &context),
        Verb::Ops(_) => ops::run(&context),
        Verb::Quantize(arguments) => quantize::run(&arguments, &context),
        Verb::Calibrate(arguments) => calibrate::run(&arguments, &context),
        Verb::Merge(arguments) => merge::run(&arguments, &context),
        Verb::Eval(arguments) => eval::run(&arguments, &context),
        Verb::Run(arguments) => run::run(&arguments, &context),
        Verb::Bench(arguments) => bench::run(&arguments, &context),
        Verb::Export(arguments) => export::run(&arguments, &context),
        Verb::Verify(arguments) => verify::run(&arguments, &context),
    }
}

/// The default limits with those of the command line.
fn limits(settings: &[String]) -> Result<Limits, Failure> {
    let mut limits = Limits::default();
    for setting in settings {
        let known = || Limits::NAMES.join(", ");
        let Some((name, value)) = setting.split_once('=') else {
            return Err(Failure::usage(format_args!("--limit {setting}: expected NAME=VALUE; names are {}", known())));
        };
        let value = value.parse();
        let value =
            value.map_err(|_| Failure::usage(format_args!("--limit {setting}: the value is not a whole number")))?;
        if !limits.set(name, value) {
            return Err(Failure::usage(format_args!("--limit {setting}: unknown name; names are {}", known())));
        }
    }
    Ok(limits)
}

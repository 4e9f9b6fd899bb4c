//! `fourfold merge`.

use fourfold::observers::States;

use super::Context;
use crate::args::Merge;
use crate::atomic;
use crate::failure::Failure;
use crate::state;

pub(super) fn run(arguments: &Merge, context: &Context) -> Result<(), Failure> {
    atomic::check_free(&arguments.output, arguments.force)?;
    let mut all: Option<States> = None;
    for path in &arguments.states {
        let states = state::read(path, context)?;
        match &mut all {
            Some(all) => all.merge(&states).map_err(|error| Failure::invalid(error).about(path.display()))?,
            None => all = Some(states),
        }
    }
    let all = all.ok_or_else(|| Failure::usage("no states to merge; give the files that `calibrate` wrote"))?;
    if let Some(shards) = &all.shards {
        context.console.warning(format_args!(
            "{} has only {shards} of the samples, of which quantize makes nothing unless told --allow-partial",
            arguments.output.display()
        ));
    }
    atomic::write(&arguments.output, &state::to_bytes(&all)?, arguments.force)?;
    context.console.data(&format!("{} batches in {} states\n", all.batches, arguments.states.len()))
}

//! `fourfold merge`.

use fourfold::format::calibration;
use fourfold::observers::States;

use super::Context;
use crate::args::Merge;
use crate::atomic;
use crate::failure::Failure;
use crate::model::read_file;

pub(super) fn run(arguments: &Merge, context: &Context) -> Result<(), Failure> {
    atomic::check_free(&arguments.output, arguments.force)?;
    let mut all: Option<States> = None;
    for path in &arguments.states {
        let at_path = |failure: Failure| failure.about(path.display());
        let bytes = read_file(path, &context.limits)?;
        let states = calibration::from_bytes(&bytes, &context.limits).map_err(|error| at_path(error.into()))?;
        match &mut all {
            Some(all) => all.merge(&states).map_err(|error| at_path(Failure::invalid(error)))?,
            None => all = Some(states),
        }
    }
    let all = all.ok_or_else(|| Failure::usage("no states to merge; give the files that `calibrate` wrote"))?;
    atomic::write(&arguments.output, &calibration::to_bytes(&all)?, arguments.force)?;
    context.console.data(&format!("{} batches in {} states\n", all.batches, arguments.states.len()))
}

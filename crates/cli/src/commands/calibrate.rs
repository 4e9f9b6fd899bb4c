//! `fourfold calibrate`.

use std::path::Path;
use std::time::{Duration, Instant};

use fourfold::format::calibration;
use fourfold::quantize::{Calibration, prepare};
use fourfold::tensor::Tensor;

use super::Context;
use crate::args::{Calibrate, Shard};
use crate::atomic;
use crate::config::Settings;
use crate::data::Samples;
use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::model::{Model, read_file};

/// How often the state is written, so that little is lost when the process is killed.
const SAVED_EVERY: Duration = Duration::from_secs(30);

pub(super) fn run(arguments: &Calibrate, context: &Context) -> Result<(), Failure> {
    let Calibrate { model, data, output, shard, resume, .. } = arguments;
    let settings = Settings::new(&arguments.configuration, None, &context.limits)?;
    let exists = output.symlink_metadata().is_ok();
    atomic::check_free(output, arguments.force || *resume)?;
    let loaded = Model::load(model, &context.limits)?;
    let samples = Samples::read(data, &loaded.graph, &context.limits)?;
    let fused = settings.fused(&loaded.graph).map_err(|error| Failure::from(error).about(model.display()))?;
    let mut calibration = prepare(&fused, &settings.mapping)?;
    calibration.monitor(interrupt::monitor);
    samples.suspicions()?.into_iter().for_each(|suspicion| context.console.warning(suspicion));
    let batches: Vec<(u64, Vec<Tensor>)> = (0..)
        .zip(samples.batches(&fused)?)
        .filter(|(number, _)| shard.is_none_or(|shard| shard.has(*number)))
        .collect();
    let done = if *resume && exists { resumed(&mut calibration, output, &batches, context)? } else { 0 };
    let progress = context.console.progress("calibrating", batches.len());
    progress.inc(done as u64);
    let mut saved = Instant::now();
    for (number, batch) in &batches[done..] {
        match calibration.observe_numbered(*number, batch) {
            Ok(()) => {}
            Err(fourfold::quantize::Error::Cancelled) => return Err(interrupted(&calibration, output)),
            Err(error) => return Err(Failure::from(error).about(data.join(", "))),
        }
        progress.inc(1);
        if saved.elapsed() >= SAVED_EVERY {
            write(&calibration, output)?;
            saved = Instant::now();
        }
    }
    progress.finish_and_clear();
    write(&calibration, output)?;
    context.console.data(&format!("{} batches observed\n", calibration.batches()))
}

/// Takes up a saved calibration; the number of the batches that it has observed, which are the first ones.
fn resumed(
    calibration: &mut Calibration,
    path: &Path,
    batches: &[(u64, Vec<Tensor>)],
    context: &Context,
) -> Result<usize, Failure> {
    let at_path = |failure: Failure| failure.about(path.display());
    let bytes = read_file(path, &context.limits)?;
    let states = calibration::from_bytes(&bytes, &context.limits).map_err(|error| at_path(error.into()))?;
    calibration.load(&states).map_err(|error| at_path(error.into()))?;
    let done = usize::try_from(calibration.batches()).unwrap_or(usize::MAX);
    let first = batches.get(..done).unwrap_or_default();
    if first.len() == done && first.iter().all(|(number, batch)| calibration.has_observed(*number, batch)) {
        return Ok(done);
    }
    let message = "it was made of other samples, or in another order; give those that it was begun with, or begin anew";
    Err(at_path(Failure::invalid(message)))
}

/// Keeps what whole batches gave; leaves no file if that is nothing.
fn interrupted(calibration: &Calibration, output: &Path) -> Failure {
    if calibration.batches() == 0 {
        return Failure::new(Kind::Interrupted, "interrupted; no output was written");
    }
    if let Err(failure) = write(calibration, output) {
        return failure;
    }
    let message = "has what was observed so far, go on with --resume";
    Failure::new(Kind::Interrupted, format_args!("interrupted; {} {message}", output.display()))
}

fn write(calibration: &Calibration, path: &Path) -> Result<(), Failure> {
    atomic::replace(path, &calibration::to_bytes(&calibration.save())?)
}

impl Shard {
    /// Whether a batch of that number is in the shard: every N-th is, from the I-th on.
    fn has(self, number: u64) -> bool {
        number % self.count == self.index - 1
    }
}

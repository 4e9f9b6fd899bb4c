//! `fourfold calibrate`.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use fourfold::ErrorKind;
use fourfold::observers::Shards;
use fourfold::quantize::{self, Calibration};

use super::Context;
use crate::args::{Calibrate, Mode, Shard};
use crate::atomic;
use crate::config::Settings;
use crate::data::{Flag, Samples, Slice, Suspicions};
use crate::failure::Failure;
use crate::interrupt;
use crate::model::Model;
use crate::state;

/// How often the state is written, so that little is lost when the process is killed.
const SAVED_EVERY: Duration = Duration::from_secs(5);

pub(super) fn run(arguments: &Calibrate, context: &Context) -> Result<(), Failure> {
    let Calibrate { model, data, output, resume, .. } = arguments;
    let settings = Settings::new(&arguments.configuration, None, context)?;
    if settings.mode == Mode::Dynamic {
        let message =
            "mode = \"dynamic\": calibrate is for static quantization; dynamic quantization takes the model as it is";
        return Err(settings.at_file(Failure::usage(message)));
    }
    if settings.correct_bias {
        context
            .console
            .warning(settings.in_file("correct_bias = true: calibrate corrects no biases, quantize does, of samples"));
    }
    let exists = output.symlink_metadata().is_ok();
    atomic::check_free(output, arguments.force || *resume)?;
    let loaded = Model::load_for(model, data, context)?;
    let fused = settings.fused(&loaded.graph, context).map_err(|failure| failure.about(model.display()))?;
    let samples =
        Samples::open(Flag { name: Flag::DATA, values: data, images: &arguments.images }, &loaded.graph, context)?;
    let mut calibration = quantize::prepare_with(&fused, &settings.mapping, &context.options())?;
    calibration.monitor(interrupt::monitor);
    let shard = arguments.shard.unwrap_or(Shard { index: 1, count: 1 });
    let job = Job { samples: &samples, shard, output, context };
    let done = if *resume && exists { job.resume(&mut calibration)? } else { 0 };
    calibration.set_shards(shard.unfinished()?);
    job.observe(&mut calibration, done)?;
    samples.warn(&context.console);
    calibration.set_shards(shard.finished()?);
    write(&calibration, output)?;
    context.console.data(&format!("{} batches observed\n", calibration.batches()))
}

/// What is observed, and where it is kept.
struct Job<'a> {
    samples: &'a Samples,
    shard: Shard,
    output: &'a Path,
    context: &'a Context,
}

impl Job<'_> {
    /// The batches of the shard, with their numbers among all.
    fn batches(&self) -> impl Iterator<Item = (u64, &Slice)> {
        (0..).zip(self.samples.slices()).filter(|(number, _)| self.shard.has(*number))
    }

    /// Resumes a saved calibration; returns how many batches it has observed, which are the first ones.
    fn resume(&self, calibration: &mut Calibration) -> Result<usize, Failure> {
        let at_path = |failure: Failure| failure.about(self.output.display());
        let states = state::read(self.output, self.context)?;
        if let Some(shards) = states.shards.as_ref().filter(|shards| shards.count() != self.shard.count) {
            let (found, count) = (shards.count(), self.shard.count);
            let message =
                format!("it is of one of {found} shards, not of {count}; give the --shard that it was begun with");
            return Err(at_path(Failure::invalid(message)));
        }
        calibration.load(&states).map_err(|error| at_path(error.into()))?;
        let done = usize::try_from(calibration.batches()).unwrap_or(usize::MAX);
        let (mut stream, mut found) = (self.samples.stream(), 0);
        for (number, slice) in self.batches().take(done) {
            interrupt::check()?;
            found += usize::from(calibration.has_observed(number, &stream.read(slice)?));
        }
        if found == done {
            return Ok(done);
        }
        let message =
            "it was made of other samples, or in another order; give those that it was begun with, or begin anew";
        Err(at_path(Failure::invalid(message)))
    }

    /// Observes the batches after the first `done`, and saves the state every few seconds.
    fn observe(&self, calibration: &mut Calibration, done: usize) -> Result<(), Failure> {
        let console = &self.context.console;
        let count = self.batches().count();
        if count == 0 {
            let (Shard { index, count }, batches) = (self.shard, self.samples.slices().count());
            console.warning(format_args!("--shard {index}/{count}: of the {batches} batches none is in this shard"));
        }
        let (mut stream, mut suspicions) = (self.samples.stream(), Suspicions::new());
        let progress = console.progress("calibrating", count);
        progress.inc(done as u64);
        let mut saved = Instant::now();
        for (number, slice) in self.batches().skip(done) {
            let batch = stream.read(slice)?;
            suspicions.see(&batch)?.into_iter().for_each(|suspicion| console.warning(suspicion));
            match calibration.observe_numbered(number, &batch) {
                Ok(()) => {}
                Err(quantize::Error::Cancelled) => return Err(interrupted(calibration, self.output)),
                Err(error) => return Err(Failure::from(error).about(self.samples.place(slice))),
            }
            progress.inc(1);
            if saved.elapsed() >= SAVED_EVERY {
                write(calibration, self.output)?;
                saved = Instant::now();
            }
        }
        progress.finish_and_clear();
        suspicions.of_all(self.samples.count()).into_iter().for_each(|suspicion| console.warning(suspicion));
        Ok(())
    }
}

/// Saves the state after the last whole batch; leaves no file if there was none.
fn interrupted(calibration: &Calibration, output: &Path) -> Failure {
    if calibration.batches() == 0 {
        return Failure::new(ErrorKind::Interrupted, "interrupted; no output was written");
    }
    if let Err(failure) = write(calibration, output) {
        return failure;
    }
    let message = "has what was observed so far, go on with --resume";
    Failure::new(ErrorKind::Interrupted, format_args!("interrupted; {} {message}", output.display()))
}

fn write(calibration: &Calibration, path: &Path) -> Result<(), Failure> {
    atomic::replace(path, &state::to_bytes(&calibration.save())?)
}

impl Shard {
    /// Whether a batch of that number is in the shard: every N-th is, from the I-th on.
    fn has(self, number: u64) -> bool {
        number % self.count == self.index - 1
    }

    /// The shards that the calibration has finished before its end: none.
    fn unfinished(self) -> Result<Option<Shards>, Failure> {
        Shards::new(self.count, BTreeSet::new()).map_err(Failure::usage)
    }

    /// The shards that it has finished at its end: its own.
    fn finished(self) -> Result<Option<Shards>, Failure> {
        Shards::new(self.count, BTreeSet::from([self.index])).map_err(Failure::usage)
    }
}

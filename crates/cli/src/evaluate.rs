//! Accuracy of a classifier.

use std::path::Path;
use std::sync::Arc;

use fourfold::graph::Graph;
use fourfold::runtime::{Plan, Session};
use fourfold::tensor::{DType, Tensor};

use crate::commands::Context;
use crate::console::Console;
use crate::data::{LeftOut, Samples, read_array, shape_text};
use crate::failure::Failure;
use crate::interrupt;

/// How often the largest element of the first output is at the label.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Accuracy {
    pub(crate) correct: usize,
    pub(crate) samples: usize,
    /// Samples of which a score is not a number.
    pub(crate) not_a_number: usize,
}

impl Accuracy {
    /// Correct samples divided by all samples.
    #[expect(clippy::cast_precision_loss, reason = "counts of samples are small")]
    pub(crate) fn share(self) -> f64 {
        self.correct as f64 / self.samples as f64
    }
}

/// The class of each sample.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    classes: Vec<i64>,
    /// Where they are from, for messages.
    source: String,
}

impl Labels {
    /// Reads a `.npy` file, or a member of an archive.
    pub(crate) fn read(path: &Path, context: &Context) -> Result<Self, Failure> {
        let source = path.display().to_string();
        Self::of(&read_array(path, "labels", &context.limits)?, &source).map_err(|failure| failure.about(source))
    }

    /// The classes by the folders that the files of samples lie in.
    pub(crate) fn by_folder(samples: &Samples, console: &Console) -> Result<Self, Failure> {
        Ok(Self { classes: samples.classes(console)?, source: "their folders".to_owned() })
    }

    /// The labels of the samples that were not left out.
    pub(crate) fn without(self, left_out: &LeftOut) -> Result<Self, Failure> {
        if left_out.is_empty() {
            return Ok(self);
        }
        let rest = left_out.rest_of(&self.classes).ok_or_else(|| {
            let (count, source) = (self.classes.len(), &self.source);
            Failure::invalid(format_args!(
                "{source}: {count} labels are not one for each file, of which some are left out"
            ))
        })?;
        Ok(Self { classes: rest, ..self })
    }

    /// Labels as integers: a tensor `[samples]` of `i64`, `i32`, `u8` or `i8`.
    pub(crate) fn of(tensor: &Tensor, source: &str) -> Result<Self, Failure> {
        if tensor.shape().len() != 1 {
            let shape = shape_text(tensor.shape());
            return Err(Failure::invalid(format_args!("labels have shape {shape}, expected [samples]")));
        }
        let classes = match tensor.dtype() {
            DType::I64 => tensor.as_slice::<i64>()?.to_vec(),
            DType::I32 => tensor.as_slice::<i32>()?.iter().map(|&label| label.into()).collect(),
            DType::U8 => tensor.as_slice::<u8>()?.iter().map(|&label| label.into()).collect(),
            DType::I8 => tensor.as_slice::<i8>()?.iter().map(|&label| label.into()).collect(),
            other => return Err(Failure::invalid(format_args!("labels are {other}, expected integers"))),
        };
        Ok(Self { classes, source: source.to_owned() })
    }

    /// Checks that every label is one of so many classes.
    fn check(&self, classes: usize) -> Result<(), Failure> {
        let is_class = |label: i64| usize::try_from(label).is_ok_and(|label| label < classes);
        let Some(sample) = self.classes.iter().position(|&label| !is_class(label)) else { return Ok(()) };
        let (source, label, last) = (&self.source, self.classes[sample], classes.saturating_sub(1));
        Err(Failure::invalid(format_args!(
            "{source}: the label {label} of sample {sample} is none of the {classes} classes that the model has, \
             0 to {last}"
        )))
    }
}

/// Runs a classifier on samples. The class that it sees is the index of the largest element of a sample's row of the
/// first output, the first of equals.
pub(crate) fn accuracy(
    graph: &Graph,
    samples: &Samples,
    labels: &Labels,
    label: &'static str,
    context: &Context,
) -> Result<Accuracy, Failure> {
    let (count, expected) = (samples.count(), labels.classes.len());
    let apart = |count: usize| {
        let (samples, labels) = (samples.source(), &labels.source);
        Failure::invalid(format_args!("{samples}: {count} samples, but {expected} labels in {labels}"))
    };
    if samples.are_rows() && count != expected {
        return Err(apart(count));
    }
    let mut session = Session::new(Arc::new(Plan::compile(graph, &context.options())?));
    let progress = context.console.progress(label, count);
    let (mut stream, mut accuracy) = (samples.stream(), Accuracy::default());
    for slice in samples.slices() {
        interrupt::check()?;
        let batch = stream.read(slice)?;
        let at_samples = |failure: Failure| failure.about(samples.place(slice));
        let outputs = session.run(&batch).map_err(|error| at_samples(error.into()))?;
        let known = samples.are_rows().then_some(slice.len());
        let (scores, count) = scores(outputs, known).map_err(at_samples)?;
        let rows = scores.as_slice::<f32>()?;
        let classes = rows.len() / count;
        if accuracy.samples == 0 {
            labels.check(classes)?;
        }
        for scores in rows.chunks_exact(classes) {
            let Some(&class) = labels.classes.get(accuracy.samples) else { return Err(apart(accuracy.samples + 1)) };
            accuracy.correct += usize::from(usize::try_from(class) == Ok(largest(scores)));
            accuracy.not_a_number += usize::from(scores.iter().any(|score| score.is_nan()));
            accuracy.samples += 1;
        }
        progress.inc(slice.len() as u64);
    }
    progress.finish_and_clear();
    if accuracy.samples != expected {
        return Err(apart(accuracy.samples));
    }
    if accuracy.not_a_number > 0 {
        let (count, all) = (accuracy.not_a_number, accuracy.samples);
        context.console.warning(format_args!("{label}: scores of {count} of {all} samples are not numbers"));
    }
    Ok(accuracy)
}

/// The scores in the first output, in `f32`, and of how many samples they are: of `known` ones, or of as many as it has
/// rows. The scores of one sample may lie on one axis.
fn scores(outputs: &[Tensor], known: Option<usize>) -> Result<(Tensor, usize), Failure> {
    let Some(output) = outputs.first() else { return Err(Failure::invalid("the model has no output")) };
    let rows = match output.shape() {
        [_] if known.is_none() => Some(1),
        [rows, ..] if known.is_none_or(|known| known == *rows) => Some(*rows),
        _ => None,
    };
    let rows = rows.filter(|_| output.dtype().is_float() && !output.is_empty()).ok_or_else(|| {
        let (dtype, shape) = (output.dtype(), shape_text(output.shape()));
        let of = known.map_or_else(|| "sample".to_owned(), |known| format!("of {known} samples"));
        Failure::invalid(format_args!(
            "the first output is {dtype}{shape}; a classifier gives scores, floats, one row for each {of}"
        ))
    })?;
    Ok((output.to_float(DType::F32)?, rows))
}

fn largest(scores: &[f32]) -> usize {
    scores.iter().enumerate().fold(0, |best, (index, &score)| if score > scores[best] { index } else { best })
}

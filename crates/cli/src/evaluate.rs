//! Accuracy of a classifier.

use std::path::Path;
use std::sync::Arc;

use fourfold::graph::Graph;
use fourfold::runtime::{Plan, Session};
use fourfold::tensor::{DType, Tensor};

use crate::commands::Context;
use crate::data::{Samples, read_npy, shape_text};
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
    /// The share of correct samples.
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
    /// Reads a `.npy` file.
    pub(crate) fn read(path: &Path, context: &Context) -> Result<Self, Failure> {
        let source = path.display().to_string();
        Self::of(&read_npy(path, &context.limits)?, &source).map_err(|failure| failure.about(source))
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
    if count != expected {
        return Err(Failure::invalid(format_args!(
            "{}: {count} samples, but {expected} labels in {}",
            samples.source(),
            labels.source
        )));
    }
    let mut session = Session::new(Arc::new(Plan::compile(graph, &context.options())?));
    let progress = context.console.progress(label, count);
    let (mut stream, mut accuracy) = (samples.stream(), Accuracy::default());
    for slice in samples.slices() {
        interrupt::check()?;
        let batch = stream.read(&slice)?;
        let at_samples = |failure: Failure| failure.about(samples.place(&slice));
        let outputs = session.run(&batch).map_err(|error| at_samples(error.into()))?;
        let rows = scores(outputs, slice.len()).map_err(at_samples)?;
        if accuracy.samples == 0 {
            labels.check(rows.len() / slice.len())?;
        }
        for scores in rows.chunks_exact(rows.len() / slice.len()) {
            let class = labels.classes[accuracy.samples];
            accuracy.correct += usize::from(usize::try_from(class) == Ok(largest(scores)));
            accuracy.not_a_number += usize::from(scores.iter().any(|score| score.is_nan()));
            accuracy.samples += 1;
        }
        progress.inc(slice.len() as u64);
    }
    progress.finish_and_clear();
    if accuracy.not_a_number > 0 {
        let (count, all) = (accuracy.not_a_number, accuracy.samples);
        context.console.warning(format_args!("{label}: scores of {count} of {all} samples are not numbers"));
    }
    Ok(accuracy)
}

/// The scores in the first output: as many for each of the samples.
fn scores(outputs: &[Tensor], samples: usize) -> Result<&[f32], Failure> {
    let Some(output) = outputs.first() else { return Err(Failure::invalid("the model has no output")) };
    if output.dtype() != DType::F32 || output.shape().first() != Some(&samples) || output.is_empty() {
        let (dtype, shape) = (output.dtype(), shape_text(output.shape()));
        return Err(Failure::invalid(format_args!(
            "the first output is {dtype}{shape}; a classifier gives f32 scores, one row for each of {samples} samples"
        )));
    }
    Ok(output.as_slice()?)
}

fn largest(scores: &[f32]) -> usize {
    scores.iter().enumerate().fold(0, |best, (index, &score)| if score > scores[best] { index } else { best })
}

//! Accuracy of a classifier.

use std::sync::Arc;

use fourfold::graph::Graph;
use fourfold::runtime::{Options, Plan, Session};
use fourfold::tensor::{DType, Tensor};

use crate::console::Console;
use crate::data::Samples;
use crate::failure::Failure;
use crate::interrupt;

/// How often the largest element of the first output is at the label.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accuracy {
    pub(crate) correct: usize,
    pub(crate) samples: usize,
}

impl Accuracy {
    /// The share of correct samples.
    #[expect(clippy::cast_precision_loss, reason = "counts of samples are small")]
    pub(crate) fn share(self) -> f64 {
        self.correct as f64 / self.samples as f64
    }
}

/// The class of each sample as the model sees it: the index of the largest element of its row of the first output, the first
/// of equals.
pub(crate) fn classes(
    graph: &Graph,
    samples: &Samples,
    console: Console,
    label: &'static str,
) -> Result<Vec<usize>, Failure> {
    let mut session = Session::new(Arc::new(Plan::compile(graph, &Options::default())?));
    let batches = samples.batches(graph)?;
    let progress = console.progress(label, samples.count());
    let mut classes = Vec::with_capacity(samples.count());
    for batch in &batches {
        interrupt::check()?;
        let outputs = session.run(batch)?;
        let rows = batch[0].shape()[0];
        let output = &outputs[0];
        if output.dtype() != DType::F32 || output.shape().first() != Some(&rows) || output.is_empty() {
            let (dtype, shape) = (output.dtype(), output.shape());
            return Err(Failure::invalid(format_args!(
                "the first output is {dtype}{shape:?}; a classifier gives f32 scores, one row for each of {rows} samples"
            )));
        }
        let scores = output.as_slice::<f32>()?;
        classes.extend(scores.chunks_exact(output.len() / rows).map(largest));
        progress.inc(rows as u64);
    }
    progress.finish_and_clear();
    Ok(classes)
}

/// Compares classes with labels.
pub(crate) fn accuracy(classes: &[usize], labels: &[i64]) -> Result<Accuracy, Failure> {
    let (samples, count) = (classes.len(), labels.len());
    if samples != count {
        return Err(Failure::invalid(format_args!("{samples} samples, but {count} labels")));
    }
    let matches = |(&class, &label): (&usize, &i64)| usize::try_from(label) == Ok(class);
    Ok(Accuracy { correct: classes.iter().zip(labels).filter(|&pair| matches(pair)).count(), samples })
}

/// Labels as integers: a tensor `[samples]` of `i64`, `i32`, `u8` or `i8`.
pub(crate) fn labels(tensor: &Tensor) -> Result<Vec<i64>, Failure> {
    if tensor.shape().len() != 1 {
        return Err(Failure::invalid(format_args!("labels have shape {:?}, expected [samples]", tensor.shape())));
    }
    Ok(match tensor.dtype() {
        DType::I64 => tensor.as_slice::<i64>()?.to_vec(),
        DType::I32 => tensor.as_slice::<i32>()?.iter().map(|&label| label.into()).collect(),
        DType::U8 => tensor.as_slice::<u8>()?.iter().map(|&label| label.into()).collect(),
        DType::I8 => tensor.as_slice::<i8>()?.iter().map(|&label| label.into()).collect(),
        DType::F32 => return Err(Failure::invalid("labels are f32, expected integers")),
    })
}

fn largest(scores: &[f32]) -> usize {
    scores.iter().enumerate().fold(0, |best, (index, &score)| if score > scores[best] { index } else { best })
}

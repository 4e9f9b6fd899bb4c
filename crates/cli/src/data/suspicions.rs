//! What looks wrong about samples.

use fourfold::tensor::{DType, Tensor};

use crate::failure::Failure;

/// Fewer samples than this make ranges that depend on which they are.
const STEADY: usize = 32;

/// What was seen of samples, batch by batch.
#[derive(Debug)]
pub(crate) struct Suspicions {
    min: f32,
    max: f32,
    samples: usize,
    /// Samples whose elements are all the same, in every float input.
    constant: usize,
    /// Whether there was a warning about the range.
    has_warned: bool,
}

impl Suspicions {
    /// Nothing was seen yet.
    pub(crate) fn new() -> Self {
        Self { min: f32::INFINITY, max: f32::NEG_INFINITY, samples: 0, constant: 0, has_warned: false }
    }

    /// Looks at a batch; what can be said of the first one is said at once.
    pub(crate) fn see(&mut self, batch: &[Tensor]) -> Result<Option<String>, Failure> {
        let count = batch.first().and_then(|tensor| tensor.shape().first()).copied().unwrap_or(0);
        // Of inputs of one number a sample, nothing is to be said.
        let has_samples = |tensor: &&Tensor| tensor.shape().first() == Some(&count) && tensor.len() > count;
        let inputs = batch.iter().filter(|tensor| tensor.dtype().is_float() && count > 0 && has_samples(tensor));
        let (mut varies, mut is_looked_at) = (vec![false; count], false);
        for tensor in inputs {
            is_looked_at = true;
            let single = tensor.to_float(DType::F32)?;
            let rows = single.as_slice::<f32>()?.chunks_exact(tensor.len() / count);
            for (varies, row) in varies.iter_mut().zip(rows) {
                let (min, max) = extremes(row);
                *varies |= min < max;
                (self.min, self.max) = (self.min.min(min), self.max.max(max));
            }
        }
        self.constant += varies.iter().filter(|&&varies| is_looked_at && !varies).count();
        self.samples += count;
        Ok(self.pixels())
    }

    /// Whether a sample was seen that is more than one number over and over.
    pub(crate) fn has_variety(&self) -> bool {
        self.constant < self.samples
    }

    /// What can only be said of all samples, of which there are `count`.
    pub(crate) fn of_all(&mut self, count: usize) -> Vec<String> {
        let mut found = Vec::new();
        if count < STEADY {
            found.push(format!("only {count} calibration samples; {STEADY} or more give steadier ranges"));
        }
        if self.min == self.max {
            found.push(format!("all calibration values are {}; ranges cannot be learned from them", self.min));
        } else if self.constant > 0 {
            let (constant, samples) = (self.constant, self.samples);
            found.push(format!(
                "{constant} of {samples} calibration samples are constant, the same number in every element; \
                 ranges cannot be learned from these"
            ));
        }
        found.extend(self.pixels());
        found
    }

    /// Whether the values look like pixels; said once.
    fn pixels(&mut self) -> Option<String> {
        let (min, max) = (self.min, self.max);
        if self.has_warned || !(min >= 0.0 && max > 100.0 && max <= 255.0) {
            return None;
        }
        self.has_warned = true;
        Some(format!(
            "calibration values lie between {min} and {max}: are these pixels that the model wants scaled to 0..1?"
        ))
    }
}

/// The smallest and the largest number; NaN is ignored.
fn extremes(row: &[f32]) -> (f32, f32) {
    row.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &x| (min.min(x), max.max(x)))
}

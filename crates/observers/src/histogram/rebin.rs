//! Counting values into bins, and moving counts from old bins to new ones.

use fourfold_schemes::Range;

use super::BINS;
use crate::extremes::{LANES, Values};

/// Slices into which an old bin is split when it is distributed over new ones.
const SLICES: usize = 16;

/// Counts the finite values into bins that span `range`, which holds them all (PyTorch's `histc`).
///
/// ```text
/// bin = min(trunc((x - min) * bins / (max - min)), bins - 1)
/// ```
///
/// A range of width 0 is widened by 1 on both sides. A count stays at 2^24, the last one that 1 can be added to in
/// `f32`.
#[expect(clippy::cast_precision_loss, reason = "no count is above 2^24")]
pub(super) fn count(values: &Values<'_>, range: Range) -> Vec<f32> {
    const MAX: u64 = 1 << 24;
    let add = |sums: Vec<u64>, more: Vec<u64>| sums.iter().zip(more).map(|(sum, more)| sum + more).collect();
    let counts = values.fold(|| vec![0; BINS], |counts, run| count_run(counts, run, range), add);
    counts.unwrap_or_default().into_iter().map(|count| count.min(MAX) as f32).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "positions lie between 0 and the number of bins"
)]
fn count_run(counts: &mut [u64], run: &[f32], range: Range) {
    let Range { min, max } = range;
    let (min, max) = if min == max { (min - 1.0, max + 1.0) } else { (min, max) };
    let bin_of = |value: f32| ((value - min) * BINS as f32 / (max - min)) as i32;
    let mut bins = [0; 16 * LANES];
    for chunk in run.chunks(bins.len()) {
        bins.iter_mut().zip(chunk).for_each(|(at, &value)| *at = bin_of(value));
        bins[..chunk.len()].iter().for_each(|&at| counts[(at as usize).min(BINS - 1)] += 1);
    }
}

/// Distributes the counts of bins that span `old` over bins that span `new`, a wider range.
#[expect(clippy::cast_precision_loss, reason = "PyTorch's arithmetic is in f32; the counts of bins are below 2^24")]
pub(super) fn rebin(counts: &[f32], old: Range, new: Range) -> Vec<f32> {
    if old.min == old.max {
        let total: f32 = counts.iter().sum();
        let mut one = vec![0; BINS];
        count_run(&mut one, &[old.min], new);
        return one.into_iter().map(|count| count as f32 * total).collect();
    }
    let mut moved = vec![0.0; BINS];
    let size = (old.max - old.min) / (BINS * SLICES) as f32;
    let mut bin = 0;
    for slice in 0..BINS * SLICES {
        let middle = linspace(old, BINS * SLICES + 1, slice) + 0.5 * size;
        while bin + 1 < BINS && linspace(new, BINS + 1, bin + 1) <= middle {
            bin += 1;
        }
        moved[bin] += counts[slice / SLICES] / SLICES as f32;
    }
    moved
}

/// Element `index` of `steps` evenly spaced numbers, computed from the nearer end as PyTorch's `linspace` does, with
/// FMA.
#[expect(clippy::cast_precision_loss, reason = "the number of steps is below 2^24")]
fn linspace(range: Range, steps: usize, index: usize) -> f32 {
    let step = (range.max - range.min) / (steps - 1) as f32;
    if index < steps / 2 {
        step.mul_add(index as f32, range.min)
    } else {
        (-step).mul_add((steps - index - 1) as f32, range.max)
    }
}

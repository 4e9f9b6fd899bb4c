//! Counting values into bins, and moving counts from old bins to new ones.

use fourfold_schemes::Range;

use super::BINS;

/// Parts into which an old bin is split when it is distributed over new ones.
const PARTS: usize = 16;

/// Counts the finite values into bins that span `range`, which holds them all (PyTorch's `histc`).
///
/// ```text
/// bin = min(trunc((x - min) * bins / (max - min)), bins - 1)
/// ```
///
/// A range of width 0 is widened by 1 on both sides.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "positions lie between 0 and the number of bins"
)]
pub(super) fn count(values: &[f32], range: Range) -> Vec<f32> {
    let Range { min, max } = range;
    let (min, max) = if min == max { (min - 1.0, max + 1.0) } else { (min, max) };
    let mut counts = vec![0.0; BINS];
    for &value in values.iter().filter(|value| value.is_finite()) {
        let place = (value - min) * BINS as f32 / (max - min);
        counts[(place as usize).min(BINS - 1)] += 1.0;
    }
    counts
}

/// Distributes the counts of bins that span `old` over bins that span `new`, a wider range.
#[expect(clippy::cast_precision_loss, reason = "PyTorch's arithmetic is in f32; the counts of bins are below 2^24")]
pub(super) fn rebin(counts: &[f32], old: Range, new: Range) -> Vec<f32> {
    if old.min == old.max {
        let total: f32 = counts.iter().sum();
        return count(&[old.min], new).into_iter().map(|count| count * total).collect();
    }
    let mut moved = vec![0.0; BINS];
    let size = (old.max - old.min) / (BINS * PARTS) as f32;
    let mut bin = 0;
    for part in 0..BINS * PARTS {
        let middle = linspace(old, BINS * PARTS + 1, part) + 0.5 * size;
        while bin + 1 < BINS && linspace(new, BINS + 1, bin + 1) <= middle {
            bin += 1;
        }
        moved[bin] += counts[part / PARTS] / PARTS as f32;
    }
    moved
}

/// Element `index` of `steps` evenly spaced numbers, computed from the nearer end as PyTorch's `linspace` does, with FMA.
#[expect(clippy::cast_precision_loss, reason = "the number of steps is below 2^24")]
fn linspace(range: Range, steps: usize, index: usize) -> f32 {
    let step = (range.max - range.min) / (steps - 1) as f32;
    if index < steps / 2 {
        step.mul_add(index as f32, range.min)
    } else {
        (-step).mul_add((steps - index - 1) as f32, range.max)
    }
}

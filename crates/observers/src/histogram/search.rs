//! The search for the range with the smallest squared error.

use fourfold_schemes::Range;

use super::BINS;

/// Levels of the quantizer that the search assumes.
const LEVELS: f64 = 256.0;

/// Step of the search, as a fraction of all counts.
const STEP: f64 = 1e-5;

/// The first and the last bin of the best range (PyTorch's `_non_linear_param_search`).
#[expect(clippy::cast_possible_truncation, reason = "PyTorch compares counts in f32")]
pub(super) fn search(counts: &[f32], range: Range) -> (usize, usize) {
    let cumulative = cumulative(counts);
    let total = counts.iter().map(|&count| f64::from(count)).sum::<f64>();
    let error = Error::new(counts, range);
    let (mut alpha, mut beta) = (0.0, 1.0);
    let (mut start, mut end) = (0, BINS - 1);
    let mut best = f64::INFINITY;
    while alpha < beta {
        let (next_alpha, next_beta) = (alpha + STEP, beta - STEP);
        let (low, high) = ((next_alpha * total) as f32, (next_beta * total) as f32);
        let (mut left, mut right) = (start, end);
        while left < end && cumulative[left] < low {
            left += 1;
        }
        while right > start && cumulative[right] > high {
            right -= 1;
        }
        let (mut next_start, mut next_end) = (start, end);
        if left - start > end - right {
            (next_start, alpha) = (left, next_alpha);
        } else {
            (next_end, beta) = (right, next_beta);
        }
        if (next_start, next_end) == (start, end) {
            continue;
        }
        let norm = error.of(next_start, next_end);
        if norm > best {
            break;
        }
        (best, start, end) = (norm, next_start, next_end);
    }
    (start, end)
}

#[expect(clippy::cast_possible_truncation, reason = "PyTorch keeps the sums in f32")]
fn cumulative(counts: &[f32]) -> Vec<f32> {
    let sums = counts.iter().scan(0.0_f64, |sum, &count| {
        *sum += f64::from(count);
        Some(*sum as f32)
    });
    sums.collect()
}

/// The squared error of quantizing the histogram to [`LEVELS`] levels.
struct Error {
    width: f64,
    densities: Vec<f32>,
}

impl Error {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "PyTorch's densities are f32")]
    fn new(counts: &[f32], range: Range) -> Self {
        let width = (f64::from(range.max) - f64::from(range.min)) / BINS as f64;
        Self { width, densities: counts.iter().map(|&count| count / width as f32).collect() }
    }

    /// The error when the levels span the bins `start..=end`.
    ///
    /// The counts of a bin are spread evenly over it. The part of a bin that falls into one level contributes the
    /// integral of `density * (x - centre)^2`, `density * (q^3 - p^3) / 3` for offsets `p..q` from the level's centre.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_possible_wrap,
        reason = "PyTorch's arithmetic is in f32; bins are below 2^24"
    )]
    fn of(&self, start: usize, end: usize) -> f64 {
        let level = self.width * (end - start + 1) as f64 / LEVELS;
        if level == 0.0 {
            return 0.0;
        }
        let (width, half, level) = (self.width as f32, (level / 2.0) as f32, level as f32);
        let last = (LEVELS - 1.0) as f32;
        let cube = |x: f32| x * x * x;
        let term = |(bin, &density): (usize, &f32)| {
            let begin = (bin as isize - start as isize) as f32 * width;
            let stop = begin + width;
            let first_level = (begin / level).floor().clamp(0.0, last);
            let last_level = (stop / level).floor().clamp(0.0, last);
            let integral = |p: f32, q: f32| density * ((cube(q) - cube(p)) / 3.0);
            let begun = integral(begin - (first_level + 0.5) * level, half);
            let whole = (last_level - first_level - 1.0) * integral(-half, half);
            let ended = integral(-half, stop - (last_level * level + half));
            f64::from(begun + whole + ended)
        };
        self.densities.iter().enumerate().map(term).sum()
    }
}

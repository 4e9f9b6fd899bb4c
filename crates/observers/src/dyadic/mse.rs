//! The range with the smallest squared error of quantization.

use fourfold_schemes::{Range, Scheme, Symmetry};

use super::bins::Bins;
use super::counts::SIDE;

/// The search first looks at every so many edges, then at all near the best.
const STRIDE: usize = 64;

/// The range with the smallest error when it is quantized by `scheme`.
///
/// With `levels = q_max - q_min`, and `inside` the number of values in the range that are not 0 (0 is represented
/// exactly):
///
/// ```text
/// error(lo, hi) = sum_{x < lo} (x - lo)^2 + sum_{x > hi} (x - hi)^2 + inside * (hi - lo)^2 / (12 levels^2)
/// ```
///
/// where the last term is the mean of a rounding error that is evenly distributed between two levels, and the values of
/// a bin lie in its middle. The range holds 0, as every quantized range does; its bounds are edges of bins, or the
/// minimum or maximum. A symmetric scheme has `lo = -hi`: all of them are tried. An affine one is searched on a grid of
/// every 64th edge, and then along both bounds in turn until nothing gets better.
pub(super) fn range(bins: &Bins, zeros: u64, seen: Range, scheme: &Scheme) -> Range {
    let levels = f64::from(scheme.quant_max) - f64::from(scheme.quant_min);
    let (below, above) = sides(bins, zeros, seen);
    let error_of_width = |low: usize, high: usize, width: f64| {
        let inside = below.inside[low] + above.inside[high];
        below.outside[low] + above.outside[high] + inside * width * width / (12.0 * levels * levels)
    };
    let error = |low: usize, high: usize| error_of_width(low, high, below.edges[low] + above.edges[high]);
    let bounds = match scheme.symmetry {
        Symmetry::Symmetric => {
            let longer = below.edges.len().max(above.edges.len()) - 1;
            let of = |side: &Side, edge: usize| edge.min(side.edges.len() - 1);
            let symmetric = |edge: usize| {
                let (low, high) = (of(&below, edge), of(&above, edge));
                error_of_width(low, high, 2.0 * below.edges[low].max(above.edges[high]))
            };
            let edge = smallest(0..=longer, symmetric);
            (of(&below, edge), of(&above, edge))
        }
        Symmetry::Affine => {
            let grid = |side: &Side| (0..side.edges.len()).rev().step_by(STRIDE).collect::<Vec<_>>();
            let (lows, highs) = (grid(&below), grid(&above));
            let start =
                smallest(0..=lows.len() * highs.len() - 1, |at| error(lows[at / highs.len()], highs[at % highs.len()]));
            let mut bounds = (lows[start / highs.len()], highs[start % highs.len()]);
            loop {
                let low = smallest(0..=below.edges.len() - 1, |low| error(low, bounds.1));
                let high = smallest(0..=above.edges.len() - 1, |high| error(low, high));
                if error(low, high) >= error(bounds.0, bounds.1) {
                    break bounds;
                }
                bounds = (low, high);
            }
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "edges are f32: a power of two times an integer, or a value")]
    let range = Range { min: -below.edges[bounds.0] as f32, max: above.edges[bounds.1] as f32 };
    Range { min: range.min + 0.0, max: range.max + 0.0 }
}

/// The index with the smallest `error`; the last of several.
fn smallest(indices: core::ops::RangeInclusive<usize>, error: impl Fn(usize) -> f64) -> usize {
    let start = *indices.end();
    let better = |(best, of_best): (usize, f64), at: usize| {
        let of_at = error(at);
        if of_at < of_best { (at, of_at) } else { (best, of_best) }
    };
    indices.rev().fold((start, f64::INFINITY), better).0
}

/// The values of one sign: for every bound that the range may have, 0 first, the values inside and the error outside.
struct Side {
    /// The distance of the bound from 0.
    edges: Vec<f64>,
    /// The number of values between 0 and the bound.
    inside: Vec<f64>,
    /// The sum of the squared distances of the values beyond the bound.
    outside: Vec<f64>,
}

/// The negative and the positive values, zeros in neither.
fn sides(bins: &Bins, zeros: u64, seen: Range) -> (Side, Side) {
    let (below, above) = bins.counts.split_at(SIDE);
    let below: Vec<u64> = below.iter().rev().copied().collect();
    let mut above = above.to_vec();
    above[0] -= zeros.min(above[0]);
    let side = |counts: &[u64], largest: f32| Side::new(counts, bins.width(), largest.into());
    (side(&below, -seen.min), side(&above, seen.max))
}

impl Side {
    /// Of the counts of magnitudes, the largest of which is `largest`, or negative if there are none.
    #[expect(clippy::cast_precision_loss, reason = "counts as factors")]
    fn new(counts: &[u64], width: f64, largest: f64) -> Self {
        let used = counts.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
        let largest = largest.max(0.0);
        let edge = |bin: usize| (bin as f64 * width).min(largest);
        let middle = |bin: usize| f64::midpoint(edge(bin), edge(bin + 1));
        let edges: Vec<f64> = (0..=used).map(edge).collect();
        let inside = counts[..used].iter().scan(0.0, |sum, &count| {
            *sum += count as f64;
            Some(*sum)
        });
        let inside = [0.0].into_iter().chain(inside).collect();
        // The count, the sum and the sum of squares of what lies beyond the bound; about the bound, so that nothing
        // cancels.
        let mut outside = vec![0.0; used + 1];
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for bin in (0..used).rev() {
            let moved = edges[bin + 1] - edges[bin];
            squares += 2.0 * moved * sum + moved * moved * count;
            sum += moved * count;
            let (fresh, distance) = (counts[bin] as f64, middle(bin) - edges[bin]);
            count += fresh;
            sum += fresh * distance;
            squares += fresh * distance * distance;
            outside[bin] = squares;
        }
        Self { edges, inside, outside }
    }
}

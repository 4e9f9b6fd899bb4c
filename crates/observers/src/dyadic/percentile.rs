//! Bins that hold all but a small fraction of the values.

use super::bins::Bins;

/// The edges between which `percent` of the values lie, as much below as above (ONNX Runtime's `compute_percentile`).
///
/// With `cut = (100 - percent) / 200`, each bound is the lower edge of the first bin up to which there are at least
/// `cut`, or `1 - cut`, of all values.
pub(super) fn between(bins: &Bins, percent: f64) -> (f64, f64) {
    let cut = (100.0 - percent) / 200.0;
    (bins.edge(reaches(&bins.counts, cut)), bins.edge(reaches(&bins.counts, 1.0 - cut)))
}

/// The edge below which `percent` of the magnitudes lie.
pub(super) fn below(magnitudes: &Bins, percent: f64) -> f64 {
    magnitudes.edge(reaches(&magnitudes.counts, percent / 100.0))
}

/// The first bin up to which there are at least that fraction of all counts, the fractions of the bins summed in `f64`
/// as ONNX Runtime does; at a tie the rounding of the sum decides.
#[expect(clippy::cast_precision_loss, reason = "fractions of all counts")]
fn reaches(counts: &[u64], fraction: f64) -> usize {
    let total = counts.iter().map(|&count| u128::from(count)).sum::<u128>() as f64;
    let sums = counts.iter().scan(0.0, |sum, &count| {
        *sum += count as f64 / total;
        Some(*sum)
    });
    sums.take_while(|&sum| sum < fraction).count()
}

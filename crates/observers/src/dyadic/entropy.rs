//! The window whose quantized distribution diverges least from the original one.

/// The levels that a window is quantized to.
pub(super) const LEVELS: usize = 128;

/// The probability that replaces 0.
const EPSILON: f64 = 1e-4;

/// The first bin of the best window around the middle and the bin after its last one (`compute_entropy` of ONNX Runtime
/// and TensorRT's calibration); `None` if no window has counts.
///
/// For every window of `2 i + 1` bins (the largest has no bin to its right) from `levels + 1` on: `P` is the window
/// with all counts outside added to its first and last bin. `Q` is the window without them, in `levels` groups of
/// equally many bins, the rest in the last: the counts of a group, spread evenly over its bins that are not empty in
/// `P`, rounded down to integers as ONNX Runtime does. Empty bins of both get 1e-4, taken evenly from the others. The
/// window with the smallest Kullback-Leibler divergence is the best:
///
/// ```text
/// D(P, Q) = sum_k p_k ln(p_k / q_k)      p, q: P and Q divided by their sums
/// ```
pub(super) fn window(counts: &[u64], levels: usize) -> Option<(usize, usize)> {
    let middle = counts.len() / 2;
    let mut best = None;
    let mut smallest = f64::INFINITY;
    let (mut p, mut q) = (Vec::with_capacity(counts.len()), Vec::with_capacity(counts.len()));
    for half in levels / 2..=middle {
        let (start, end) = (middle - half, (middle + half + 1).min(counts.len()));
        distributions(counts, (start, end), levels, (&mut p, &mut q));
        if q.iter().all(|&q| q == 0.0) {
            continue;
        }
        smooth(&mut p);
        smooth(&mut q);
        let divergence = divergence(&p, &q);
        if divergence < smallest {
            smallest = divergence;
            best = Some((start, end));
        }
    }
    best
}

/// `P` and `Q` of a window.
#[expect(clippy::cast_precision_loss, reason = "counts as probabilities")]
fn distributions(counts: &[u64], (start, end): (usize, usize), levels: usize, (p, q): (&mut Vec<f64>, &mut Vec<f64>)) {
    let sum = |counts: &[u64]| counts.iter().fold(0_u64, |sum, &count| sum.saturating_add(count));
    let window = &counts[start..end];
    p.clear();
    p.extend(window.iter().map(|&count| count as f64));
    p[0] += sum(&counts[..start]) as f64;
    p[end - start - 1] += sum(&counts[end..]) as f64;
    q.clear();
    q.resize(window.len(), 0.0);
    let size = window.len() / levels;
    for level in 0..levels {
        let group = level * size..(level + 1) * size;
        let last = if level + 1 == levels { window.len() } else { group.end };
        let used = p[group.clone()].iter().filter(|&&p| p != 0.0).count() as u64;
        let each = sum(&window[group.start..last]).checked_div(used).unwrap_or(0);
        q[group].fill(each as f64);
    }
}

/// Gives the empty bins a little of what the others have.
#[expect(clippy::cast_precision_loss, reason = "numbers of bins are small")]
fn smooth(values: &mut [f64]) {
    let zeros = values.iter().filter(|&&value| value == 0.0).count();
    let given = EPSILON * zeros as f64 / (values.len() - zeros) as f64;
    values.iter_mut().for_each(|value| *value = if *value == 0.0 { EPSILON } else { *value - given });
}

fn divergence(p: &[f64], q: &[f64]) -> f64 {
    let (all_p, all_q) = (p.iter().sum::<f64>(), q.iter().sum::<f64>());
    p.iter().zip(q).map(|(p, q)| (p / all_p, q / all_q)).map(|(p, q)| p * (p / q).ln()).sum()
}

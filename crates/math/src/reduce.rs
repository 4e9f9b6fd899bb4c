//! Reductions of a row in one fixed shape.

use crate::float::known;
use crate::sqrt;

/// Partial results of a reduction.
const LANES: usize = 16;

/// Joins `term(x[i])`, beginning with `start`, the neutral element.
///
/// ```text
/// lane[l] = term(x[l]) . term(x[l + 16]) . term(x[l + 32]) ...
/// lane[l] = lane[l] . lane[l + w]                                       then, for w = 8, 4, 2, 1
/// ```
#[inline(always)]
pub(crate) fn reduce(x: &[f32], start: f32, term: impl Fn(f32) -> f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (whole, rest) = x.as_chunks::<LANES>();
    for chunk in whole {
        for lane in 0..LANES {
            lanes[lane] = join(lanes[lane], term(chunk[lane]));
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = join(*lane, term(x));
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = join(lanes[lane], lanes[lane + width]);
        }
    }
    known(lanes[0], lanes[0])
}

/// The sum: 16 strided lanes, then a tree. 0 of nothing.
#[must_use]
#[inline(always)]
pub fn sum(x: &[f32]) -> f32 {
    reduce(x, 0.0, |x| x, |a, b| a + b)
}

/// The mean: the sum divided by the number of elements. NaN of nothing.
#[must_use]
#[inline(always)]
pub fn mean(x: &[f32]) -> f32 {
    let mean = sum(x) / count(x);
    known(mean, mean)
}

/// The largest element, NaN if one is NaN, -infinity of nothing.
#[must_use]
#[inline(always)]
pub fn max(x: &[f32]) -> f32 {
    reduce(x, f32::NEG_INFINITY, |x| x, |a, b| if b > a || b.is_nan() { b } else { a })
}

/// The smallest element, NaN if one is NaN, infinity of nothing.
#[must_use]
#[inline(always)]
pub fn min(x: &[f32]) -> f32 {
    reduce(x, f32::INFINITY, |x| x, |a, b| if b < a || b.is_nan() { b } else { a })
}

/// The square root of the sum of the squares, the sum as [`sum`]. 0 of nothing, infinite where the sum overflows.
#[must_use]
#[inline(always)]
pub fn l2(x: &[f32]) -> f32 {
    sqrt(reduce(x, 0.0, |x| x * x, |a, b| a + b))
}

/// The number of elements, rounded above `2^24`.
#[expect(clippy::cast_precision_loss, reason = "rounded to nearest, as documented")]
pub(crate) fn count(x: &[f32]) -> f32 {
    x.len() as f32
}

//! Softmax and its logarithm over rows.

use crate::reduce::{max, sum};
use crate::rows::each_row;
use crate::{Error, exp, ln};

/// Softmax of each row of `x: [rows, width]`.
///
/// ```text
/// e[i] = exp(x[i] - max)     out[i] = e[i] / sum(e)          the sum in 16 strided lanes, then a tree
/// ```
///
/// A row with NaN, with infinity, or of -infinity alone gives NaN everywhere, as in PyTorch; a row of one finite number
/// gives 1.
///
/// # Errors
///
/// [`Error::Length`] if `out` is not as long as `x`, [`Error::Rows`] if the last row is not whole.
pub fn softmax(x: &[f32], width: usize, out: &mut [f32]) -> Result<(), Error> {
    each_row(
        x,
        width,
        out,
        #[inline(always)]
        |x, out| {
            let max = max(x);
            out.iter_mut().zip(x).for_each(|(out, x)| *out = exp(x - max));
            let total = sum(out);
            if total.is_nan() {
                out.fill(f32::NAN);
            } else {
                out.iter_mut().for_each(|out| *out /= total);
            }
        },
    )
}

/// The logarithm of softmax of each row of `x: [rows, width]`.
///
/// ```text
/// out[i] = (x[i] - max) - ln(sum(exp(x - max)))          the sum in 16 strided lanes, then a tree
/// ```
///
/// NaN where [`softmax`] is NaN; a row of one finite number gives 0.
///
/// # Errors
///
/// As [`softmax`].
pub fn log_softmax(x: &[f32], width: usize, out: &mut [f32]) -> Result<(), Error> {
    each_row(
        x,
        width,
        out,
        #[inline(always)]
        |x, out| {
            let max = max(x);
            out.iter_mut().zip(x).for_each(|(out, x)| *out = exp(x - max));
            let total = ln(sum(out));
            if total.is_nan() {
                out.fill(f32::NAN);
            } else {
                out.iter_mut().zip(x).for_each(|(out, x)| *out = (x - max) - total);
            }
        },
    )
}

//! Softmax and its logarithm over rows.

use crate::error::{check_length, check_rows};
use crate::reduce::{max, sum};
use crate::{Error, exp, ln, wide};

/// Softmax of each row of `x: [rows, width]`.
///
/// ```text
/// e[i] = exp(x[i] - max)     out[i] = e[i] / sum(e)          the sum in 16 strided lanes, then a tree
/// ```
///
/// A row with NaN, with infinity, or of -infinity alone gives NaN everywhere, as in PyTorch; a row of one finite number gives 1.
///
/// # Errors
///
/// [`Error::Length`] if `out` is not as long as `x`, [`Error::Rows`] if the last row is not whole.
pub fn softmax(x: &[f32], width: usize, out: &mut [f32]) -> Result<(), Error> {
    check_length("out", out.len(), x.len())?;
    check_rows(x.len(), width)?;
    let rows = x.chunks_exact(width.max(1)).zip(out.chunks_exact_mut(width.max(1)));
    wide(
        #[inline(always)]
        || {
            for (x, out) in rows {
                let max = max(x);
                out.iter_mut().zip(x).for_each(|(out, x)| *out = exp(x - max));
                let total = sum(out);
                if total.is_nan() {
                    out.fill(f32::NAN);
                } else {
                    out.iter_mut().for_each(|out| *out /= total);
                }
            }
        },
    );
    Ok(())
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
    check_length("out", out.len(), x.len())?;
    check_rows(x.len(), width)?;
    let rows = x.chunks_exact(width.max(1)).zip(out.chunks_exact_mut(width.max(1)));
    wide(
        #[inline(always)]
        || {
            for (x, out) in rows {
                let max = max(x);
                out.iter_mut().zip(x).for_each(|(out, x)| *out = exp(x - max));
                let total = ln(sum(out));
                if total.is_nan() {
                    out.fill(f32::NAN);
                } else {
                    out.iter_mut().zip(x).for_each(|(out, x)| *out = (x - max) - total);
                }
            }
        },
    );
    Ok(())
}

//! Loops over rows.

use crate::error::{check_length, check_rows};
use crate::{Error, wide};

/// Calls `f` with each row of `x: [rows, width]` and that of `out`, compiled for [wide](crate::wide()) vectors: mark it
/// `#[inline(always)]`.
#[inline(always)]
pub(crate) fn each_row(x: &[f32], width: usize, out: &mut [f32], f: impl Fn(&[f32], &mut [f32])) -> Result<(), Error> {
    check_length("out", out.len(), x.len())?;
    check_rows(x.len(), width)?;
    let rows = x.chunks_exact(width.max(1)).zip(out.chunks_exact_mut(width.max(1)));
    wide(
        #[inline(always)]
        || {
            for (x, out) in rows {
                f(x, out);
            }
        },
    );
    Ok(())
}

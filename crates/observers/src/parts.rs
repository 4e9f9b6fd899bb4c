//! Large tensors in parts, on several threads where there are.

#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Elements of one part; smaller tensors stay on the thread of the caller.
const PART: usize = 1 << 20;

/// Joins what `each` makes of the parts of `x`; `None` if there are no elements.
///
/// `join` must be associative, so that the result does not depend on the threads.
pub(crate) fn fold<S: Send>(
    x: &[f32],
    each: impl Fn(&[f32]) -> S + Send + Sync,
    join: impl Fn(S, S) -> S + Send + Sync,
) -> Option<S> {
    if x.is_empty() {
        return None;
    }
    if x.len() <= PART {
        return Some(each(x));
    }
    #[cfg(feature = "rayon")]
    return x.par_chunks(PART).map(each).reduce_with(join);
    #[cfg(not(feature = "rayon"))]
    return x.chunks(PART).map(each).reduce(join);
}

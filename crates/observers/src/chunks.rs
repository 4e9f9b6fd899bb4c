//! Large tensors in chunks, on several threads where there are.

#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Elements of one chunk; smaller tensors stay on the thread of the caller.
const CHUNK: usize = 1 << 20;

/// Joins what `each` makes of the chunks of `x`; `None` if there are no elements.
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
    if x.len() <= CHUNK {
        return Some(each(x));
    }
    #[cfg(feature = "rayon")]
    return x.par_chunks(CHUNK).map(each).reduce_with(join);
    #[cfg(not(feature = "rayon"))]
    return x.chunks(CHUNK).map(each).reduce(join);
}

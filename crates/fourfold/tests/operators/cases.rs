//! The cases: at least one for each operator.

mod elements;
mod layers;
mod movements;
mod windows;

use crate::case::Case;

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    [layers::layers(), layers::recurrent(), windows::windows(), windows::reductions()]
        .into_iter()
        .chain([elements::functions(), elements::pairs(), elements::casts(), movements::movements()])
        .flatten()
        .collect()
}

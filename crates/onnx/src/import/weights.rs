//! Constants of the file in the forms in which operators of the graph hold them.

pub(crate) mod computed;
pub(crate) mod given;
pub(crate) mod parameters;
pub(crate) mod quantized;

use std::collections::HashMap;

use fourfold_graph::ValueId;

use super::constants::Stored;
use computed::Change;
use quantized::Use;

/// What was made of constants of the file, so that each is made once.
#[derive(Default)]
pub(super) struct Weights<'a> {
    /// Constants that stand for themselves, by the constant that they follow from.
    computed: HashMap<(&'a str, Change), ValueId>,
    /// Quantized constants.
    quantized: HashMap<(Stored<'a>, Use), ValueId>,
    /// For the floats of a quantized constant in another shape, the name of those that were reshaped.
    reshaped: HashMap<&'a str, &'a str>,
}

impl<'a> Weights<'a> {
    /// The quantized constant that was made for a use.
    pub(super) fn quantized(&self, stored: Stored<'a>, r#use: Use) -> Option<ValueId> {
        self.quantized.get(&(stored, r#use)).copied()
    }

    /// Notes that a constant is another one in another shape.
    pub(super) fn note_reshaped(&mut self, name: &'a str, from: &'a str) {
        self.reshaped.insert(name, from);
    }

    /// The constant that one was reshaped from; itself if it was not.
    pub(super) fn before_reshape(&self, name: &'a str) -> &'a str {
        self.reshaped.get(name).copied().unwrap_or(name)
    }
}

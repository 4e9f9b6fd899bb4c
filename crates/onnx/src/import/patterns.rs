//! Patterns: what several nodes of the file say together. A file here is one pattern, drawn at its top.
//!
//! A pattern reads nodes and adds others through names, constants, emission, reading and weights; operators ask a
//! pattern whether a node belongs to it. What a pattern holds back until it knows more is a
//! [`Deferred`](super::emission::binding::Deferred) value.

pub(crate) mod bias;
pub(crate) mod blocked;
pub(crate) mod dynamic;
pub(crate) mod fake;
pub(crate) mod groups;
pub(crate) mod inputs;
pub(crate) mod intermediate;
pub(crate) mod moved;
pub(crate) mod qdq;
pub(crate) mod table;
pub(crate) mod target;
pub(crate) mod unfused;

use std::collections::HashMap;

use fake::FakeQuantized;

/// What patterns keep between nodes.
#[derive(Default)]
pub(super) struct Patterns<'a> {
    /// The intermediate results of dynamic quantizations.
    intermediates: intermediate::Intermediates<'a>,
    /// Quantized values whose floats alone are in the graph.
    fake: HashMap<&'a str, FakeQuantized<'a>>,
}

impl<'a> Patterns<'a> {
    /// The quantized value of that name whose floats alone are in the graph.
    pub(super) fn fake(&self, name: &str) -> Option<&FakeQuantized<'a>> {
        self.fake.get(name)
    }
}

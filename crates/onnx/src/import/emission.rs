//! Nodes on their way into the graph.

pub(crate) mod binding;
pub(crate) mod node;

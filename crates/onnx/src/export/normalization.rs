//! Normalization of groups of channels.

use fourfold_graph::{Dim, Graph, GroupNorm, Node, Op};

use super::Exporter;
use super::message::{float, int};

use crate::Error;

impl Exporter<'_> {
    /// An InstanceNormalization if each channel is a group, else a GroupNormalization, which has one scale and bias per
    /// channel since opset 21.
    pub(super) fn group_norm(&mut self, node: &Node, norm: &GroupNorm, output: &str) -> Result<(), Error> {
        let names = node.inputs().iter().map(|&id| self.float(id)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut attributes = vec![float("epsilon", norm.epsilon)];
        if is_grouped(self.graph, node) {
            attributes.push(int("num_groups", norm.groups));
            self.push("GroupNormalization", node.name(), &names, output, attributes);
        } else {
            self.push("InstanceNormalization", node.name(), &names, output, attributes);
        }
        Ok(())
    }
}

/// Whether the node normalizes over groups of several channels.
pub(super) fn is_grouped(graph: &Graph, node: &Node) -> bool {
    let channels = graph.value(node.inputs()[0]).ty().dims().get(1).and_then(Dim::fixed);
    matches!(node.op(), Op::GroupNorm(GroupNorm { groups, .. }) if channels != Some(*groups))
}

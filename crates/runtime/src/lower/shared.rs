//! Layers that are applied more than once: cells of a recurrent network step by step, tied weights.

use core::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use fourfold_graph::{Graph, Node, ValueId};

use super::Lowering;
use crate::ops::lowering;
use crate::plan::{Layout, SlotId};

/// The operands of a node that its action does not hold.
fn variables(node: &Node) -> impl Iterator<Item = ValueId> + '_ {
    let packed = lowering(node.op()).packed_operands();
    node.inputs().iter().enumerate().filter(move |(operand, _)| !packed.contains(operand)).map(|(_, &id)| id)
}

/// Whether two nodes do the same with the same weights, to values of the same types.
fn are_alike(graph: &Graph, a: &Node, b: &Node) -> bool {
    let ty = |id: ValueId| graph.value(id).ty();
    let varies = |id: ValueId| graph.value(id).constant().is_none();
    let mut operands = a.inputs().iter().zip(b.inputs());
    a.op() == b.op()
        && a.inputs().len() == b.inputs().len()
        && operands.all(|(&a, &b)| a == b || (varies(a) && varies(b) && ty(a) == ty(b)))
        && ty(a.output()) == ty(b.output())
}

/// A hash of what nodes have in common that are alike: operator, constants, and the types of what varies.
///
/// Layers with one weight are told apart by it, however many there are.
fn hash_of(graph: &Graph, node: &Node) -> u64 {
    /// Hashes what is written.
    struct Text(DefaultHasher);
    impl Write for Text {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            text.hash(&mut self.0);
            Ok(())
        }
    }
    let mut text = Text(DefaultHasher::new());
    let output = node.output();
    let described = |&id: &ValueId| match graph.value(id).constant() {
        Some(_) => (Some(id), None),
        None => (None, Some(graph.value(id).ty())),
    };
    let operands: Vec<_> = node.inputs().iter().chain([&output]).map(described).collect();
    // Writing to a hash does not fail.
    let _ = write!(text, "{:?} {:?}", node.op(), operands);
    text.0.finish()
}

impl Lowering<'_> {
    /// Adds the step of a layer with the action of an earlier one that is alike, so that its weights are packed once;
    /// `false` if there is none.
    pub(super) fn share(&mut self, node: &Node) -> bool {
        if lowering(node.op()).packed_operands().is_empty() {
            return false;
        }
        let graph = self.graph;
        let alike = self.layers.entry(hash_of(graph, node)).or_default();
        let Some(&earlier) = alike.iter().find(|&&earlier| are_alike(graph, &graph.nodes()[earlier], node)) else {
            alike.push(self.node);
            return false;
        };
        let step = &self.steps[self.results[earlier].after - 1];
        let (action, layout) = (Arc::clone(&step.action), self.slots[step.output].layout);
        let layouts: Vec<_> = step.inputs.iter().map(|&slot| self.slots[slot].layout).collect();
        let inputs = variables(node).zip(layouts).map(|(id, layout)| self.slot(id, layout)).collect();
        self.finish(node, layout, action, inputs);
        true
    }

    /// The slots of the operands of a node that its action does not hold.
    pub(crate) fn variables(&mut self, node: &Node, layout: Layout) -> Vec<SlotId> {
        variables(node).map(|id| self.slot(id, layout)).collect()
    }
}

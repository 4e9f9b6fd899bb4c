//! Which nodes the rules are of that count the nodes of an operator inside of a module.

use std::collections::HashMap;

use fourfold_graph::{Graph, Node, OpKind};

use super::rule::ModuleOrder;

/// The rule of each node of a graph that has one, by the node's name: that with the longest name of a module, then the
/// last.
#[derive(Debug)]
pub(crate) struct Ordered<'a>(HashMap<&'a str, &'a ModuleOrder>);

/// How many nodes of an operator a module had so far, and the rules for those to come by their place.
#[derive(Default)]
struct Counted<'a> {
    nodes: usize,
    rules: HashMap<usize, &'a ModuleOrder>,
}

impl<'a> Ordered<'a> {
    /// Counts the nodes of the modules that the rules name, in one walk over the graph.
    pub(super) fn new(rules: &'a [ModuleOrder], graph: &'a Graph) -> Self {
        let mut counted: HashMap<(&str, OpKind), Counted<'a>> = HashMap::new();
        for rule in rules {
            counted.entry((&rule.name, rule.operator)).or_default().rules.insert(rule.order, rule);
        }
        let mut found = HashMap::new();
        for node in graph.nodes().iter().filter(|_| !rules.is_empty()) {
            // From the shortest name to the longest.
            for module in modules(node.name()) {
                let Some(of_module) = counted.get_mut(&(module, node.op().kind())) else { continue };
                if let Some(rule) = of_module.rules.get(&of_module.nodes) {
                    found.insert(node.name(), *rule);
                }
                of_module.nodes += 1;
            }
        }
        Self(found)
    }

    /// The rule of a node.
    pub(super) fn rule(&self, node: &Node) -> Option<&'a ModuleOrder> {
        self.0.get(node.name()).copied()
    }
}

/// The modules that a node is in: that without a name, those whose name the node's begins with, as
/// [`is_inside`](super::rule::is_inside) has it, and the node itself.
fn modules(node: &str) -> impl Iterator<Item = &str> {
    let begins = node.match_indices(['.', '/']).map(|(end, _)| &node[..end]);
    core::iter::once("").chain(begins.filter(|module| !module.is_empty())).chain([node])
}

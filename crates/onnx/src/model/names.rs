//! Names of nodes and values.

use std::collections::HashSet;

use crate::Error;
use crate::proto::GraphProto;

/// Names nodes without a name `OPERATOR_INDEX`.
pub(crate) fn name_nodes(graph: &mut GraphProto) {
    for (index, node) in graph.node.iter_mut().enumerate().filter(|(_, node)| node.name.is_empty()) {
        node.name = format!("{}_{index}", node.op_type);
    }
}

/// Checks that every initializer has a name, and that names of values are unique.
///
/// Only an initializer and the input whose default it is may share a name.
pub(crate) fn check(graph: &GraphProto) -> Result<(), Error> {
    if !graph.sparse_initializer.is_empty() {
        let (name, what) = ("sparse_initializer".to_owned(), "a sparse tensor".to_owned());
        return Err(Error::UnsupportedTensor { name, what });
    }
    for (infos, what) in [(&graph.input, "an input"), (&graph.output, "an output")] {
        let mut seen = HashSet::new();
        if let Some(twice) = infos.iter().find(|info| !seen.insert(&info.name)) {
            let reason = format!("is {what} of the model twice");
            return Err(Error::Tensor { name: twice.name.clone(), reason });
        }
    }
    let mut seen = HashSet::with_capacity(graph.node.len() + graph.initializer.len());
    let stored = graph.initializer.iter().map(|initializer| (&initializer.name, true));
    let brought = graph.input.iter().map(|input| (&input.name, false));
    let made = graph.node.iter().flat_map(|node| &node.output).filter(|name| !name.is_empty());
    for (name, is_once) in stored.chain(brought).chain(made.map(|name| (name, true))) {
        if name.is_empty() {
            return Err(fourfold_graph::Error::Name { name: String::new() }.into());
        }
        if !seen.insert(name) && is_once {
            return Err(fourfold_graph::Error::DuplicateName { name: name.clone() }.into());
        }
    }
    Ok(())
}

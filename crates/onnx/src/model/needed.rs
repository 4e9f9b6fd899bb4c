//! Drops nodes that no output depends on. They are left over when a model is cut, and may be of unsupported operators.

use std::collections::HashMap;

use crate::proto::GraphProto;

/// Keeps the nodes on which an output of the graph depends.
pub(crate) fn keep_needed(graph: &mut GraphProto) {
    // Two nodes may make the same name. That is an error, which a later check reports, so both are kept.
    let mut makers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            makers.entry(output).or_default().push(index);
        }
    }
    let mut needed = vec![false; graph.node.len()];
    let mut names: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    while let Some(name) = names.pop() {
        for &index in makers.get(name).into_iter().flatten() {
            if !core::mem::replace(&mut needed[index], true) {
                names.extend(graph.node[index].input.iter().map(String::as_str));
            }
        }
    }
    let mut needed = needed.into_iter();
    graph.node.retain(|_| needed.next().unwrap_or(true));
}

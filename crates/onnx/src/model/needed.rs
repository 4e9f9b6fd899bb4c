//! Nodes that no output needs: left over when a model is cut, they may be of any operator and hinder nothing.

use std::collections::HashMap;

use crate::proto::GraphProto;

/// Leaves out the nodes on which no output of the graph depends.
pub(crate) fn keep_needed(graph: &mut GraphProto) {
    // A name that two nodes make, which is an error, is looked at later: both are kept.
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

//! The names of the file: which nodes read them, which are outputs of the model, and which nodes are done.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::proto::{GraphProto, NodeProto};

/// What the file alone says of its names, and the nodes of the file that need no import any more.
pub(super) struct Names<'a> {
    file: &'a GraphProto,
    opset: i64,
    /// The names of all values and nodes of the file; `None` until a fresh name is asked for.
    taken: Option<HashSet<&'a str>>,
    /// The names that nodes of the graph have.
    nodes: HashSet<Cow<'a, str>>,
    /// How many nodes and graph outputs read each name, and the first node that does.
    readers: HashMap<&'a str, (usize, Option<usize>)>,
    /// For each name the nodes that read it, and as which input; `None` until someone asks.
    uses: Option<HashMap<&'a str, Vec<(usize, usize)>>>,
    /// The names that were followed from what they were moved from.
    followed: HashSet<&'a str>,
    /// The names of the model's outputs.
    outputs: HashSet<&'a str>,
    /// Nodes that were taken into an earlier one.
    absorbed: HashSet<usize>,
}

impl<'a> Names<'a> {
    pub(super) fn new(file: &'a GraphProto, opset: i64) -> Self {
        let values = file.node.len() + file.initializer.len() + file.input.len();
        let mut readers: HashMap<&str, (usize, Option<usize>)> = HashMap::with_capacity(values);
        for (index, node) in file.node.iter().enumerate() {
            for read in &node.input {
                readers.entry(read).or_insert((0, Some(index))).0 += 1;
            }
        }
        for output in &file.output {
            readers.entry(&output.name).or_default().0 += 1;
        }
        let outputs = file.output.iter().map(|output| output.name.as_str()).collect();
        let nodes = HashSet::with_capacity(file.node.len());
        Self { nodes, readers, outputs, ..Self::unread(file, opset) }
    }

    /// The names of one node of the file alone, whose results are the outputs of a model.
    pub(super) fn of_one_node(&self, outputs: &[&'a str]) -> Self {
        let mut readers: HashMap<&str, (usize, Option<usize>)> = HashMap::new();
        for output in outputs {
            readers.entry(output).or_default().0 += 1;
        }
        let outputs: HashSet<&str> = outputs.iter().copied().collect();
        let (taken, uses) = (Some(outputs.clone()), Some(HashMap::new()));
        Self { taken, readers, uses, outputs, ..Self::unread(self.file, self.opset) }
    }

    fn unread(file: &'a GraphProto, opset: i64) -> Self {
        Self {
            file,
            opset,
            taken: None,
            nodes: HashSet::new(),
            readers: HashMap::new(),
            uses: None,
            followed: HashSet::new(),
            outputs: HashSet::new(),
            absorbed: HashSet::new(),
        }
    }

    pub(super) fn file(&self) -> &'a GraphProto {
        self.file
    }

    /// The version of the default operator set.
    pub(super) fn opset(&self) -> i64 {
        self.opset
    }

    /// Whether a name is one of the model's outputs.
    pub(super) fn is_output(&self, name: &str) -> bool {
        self.outputs.contains(name)
    }

    /// Whether a node or an output of the model reads a name.
    pub(super) fn is_read(&self, name: &str) -> bool {
        self.readers.contains_key(name)
    }

    /// The only node that reads a value, once; `None` if there are several or the value is an output of the model.
    pub(super) fn sole_reader(&self, name: &str) -> Option<usize> {
        let &(1, first) = self.readers.get(name)? else { return None };
        first
    }

    /// The first node that reads a value, which may be an output of the model too.
    pub(super) fn first_reader(&self, name: &str) -> Option<usize> {
        self.readers.get(name).and_then(|&(_, first)| first)
    }

    /// All nodes that read a name, and as which input.
    pub(super) fn uses(&mut self, name: &str) -> Vec<(usize, usize)> {
        let nodes = &self.file.node;
        let uses = self.uses.get_or_insert_with(|| {
            let mut uses: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
            for (index, node) in nodes.iter().enumerate() {
                for (operand, input) in node.input.iter().enumerate() {
                    uses.entry(input).or_default().push((index, operand));
                }
            }
            uses
        });
        uses.get(name).cloned().unwrap_or_default()
    }

    /// Notes that a name was followed from what it was moved from; `false` if it was before.
    pub(super) fn follow(&mut self, name: &'a str) -> bool {
        self.followed.insert(name)
    }

    /// Marks a node of the file as imported together with another.
    pub(super) fn absorb(&mut self, index: usize) {
        self.absorbed.insert(index);
    }

    pub(super) fn is_absorbed(&self, index: usize) -> bool {
        self.absorbed.contains(&index)
    }

    /// A name for a node that no other has.
    pub(super) fn of_node(&mut self, index: usize, node: &'a NodeProto) -> String {
        let mut name = Cow::Borrowed(node.name.as_str());
        while !self.nodes.insert(name.clone()) {
            name = Cow::Owned(format!("{name}_{index}"));
        }
        name.into_owned()
    }

    /// Whether the file has that name, for a value or a node.
    pub(super) fn is_taken(&mut self, name: &str) -> bool {
        let file = self.file;
        let taken = self.taken.get_or_insert_with(|| {
            let made = file.node.iter().flat_map(|node| node.output.iter().chain([&node.name]));
            let given = file.initializer.iter().map(|initializer| &initializer.name);
            let brought = file.input.iter().map(|input| &input.name);
            made.chain(given).chain(brought).map(String::as_str).collect()
        });
        taken.contains(name)
    }
}

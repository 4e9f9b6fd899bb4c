//! From nodes to steps.

mod node;
mod recurrent;
mod selection;
mod shared;
mod transposed;

use std::collections::HashMap;
use std::sync::Arc;

use fourfold_graph::{Dim, Graph, Node, ValueId, ValueType};

use crate::ops::Action;
use crate::ops::movement::Permute;
use crate::plan::{Layout, NodeResult, Place, Slot, SlotId, Step};
use crate::{Error, Options};

/// Lowers every node of a graph, in order.
pub(crate) fn lower(graph: &Graph, options: &Options) -> Result<Lowered, Error> {
    let mut lowering = Lowering::new(graph, options);
    for (index, node) in graph.nodes().iter().enumerate() {
        lowering.node = index;
        if !lowering.share(node) {
            lowering.lower(node).map_err(|error| error.at(node.name()))?;
        }
    }
    let outputs = graph.outputs().iter().map(|&id| lowering.slot(id, Layout::RowMajor)).collect();
    let Lowering { steps, slots, results, .. } = lowering;
    Ok(Lowered { steps, slots, results, outputs })
}

/// A graph as steps on slots.
pub(crate) struct Lowered {
    /// Step after step fills the blocks in their order, each block once.
    pub(crate) steps: Vec<Step>,
    pub(crate) slots: Vec<Slot>,
    /// The result of every node, in order.
    pub(crate) results: Vec<NodeResult>,
    /// The row-major slot of every graph output.
    pub(crate) outputs: Vec<SlotId>,
}

/// The steps and slots made so far.
struct Lowering<'g> {
    graph: &'g Graph,
    options: &'g Options,
    steps: Vec<Step>,
    slots: Vec<Slot>,
    results: Vec<NodeResult>,
    /// The slots of every value: row-major, channels-last.
    homes: Vec<[Option<SlotId>; 2]>,
    blocks: usize,
    /// Nodes with weights by a hash of what makes nodes alike, one of those that are.
    layers: HashMap<u64, Vec<usize>>,
    /// The index of the node being lowered.
    node: usize,
}

impl<'g> Lowering<'g> {
    fn new(graph: &'g Graph, options: &'g Options) -> Self {
        let homes = vec![[None; 2]; graph.values().len()];
        let (steps, slots, results) = (Vec::new(), Vec::new(), Vec::new());
        let mut lowering =
            Self { graph, options, steps, slots, results, homes, blocks: 0, layers: HashMap::new(), node: 0 };
        for (index, &input) in graph.inputs().iter().enumerate() {
            lowering.push(input, Layout::RowMajor, Place::Input(index));
        }
        lowering
    }

    /// Adds a slot; a value whose two layouts are the same gets both.
    fn push(&mut self, value: ValueId, layout: Layout, place: Place) -> SlotId {
        let slot = self.slots.len();
        self.slots.push(Slot { value, layout, place });
        let homes = &mut self.homes[value.index()];
        homes[layout as usize] = Some(slot);
        if layouts_agree(self.graph.value(value).ty()) {
            *homes = [Some(slot); 2];
        }
        slot
    }

    /// The slot of a value in a layout; adds a relayout if there is none.
    fn slot(&mut self, value: ValueId, layout: Layout) -> SlotId {
        // A constant gets its first slot here.
        let from = self.any_slot(value);
        match self.homes[value.index()][layout as usize] {
            Some(slot) => slot,
            None => {
                let ty = self.graph.value(value).ty();
                let permute = Permute::relayout(self.slots[from].layout, ty.rank(), ty.dtype().size());
                let to = self.new_block(value, layout);
                self.step(Arc::new(permute), vec![from], to);
                to
            }
        }
    }

    /// The slot of a value in the layout that it has; a constant is row-major.
    fn any_slot(&mut self, value: ValueId) -> SlotId {
        let [row_major, channels_last] = self.homes[value.index()];
        row_major.or(channels_last).unwrap_or_else(|| self.push(value, Layout::RowMajor, Place::Constant(value)))
    }

    fn new_block(&mut self, value: ValueId, layout: Layout) -> SlotId {
        self.blocks += 1;
        self.push(value, layout, Place::Block(self.blocks - 1))
    }

    fn step(&mut self, action: Arc<dyn Action>, inputs: Vec<SlotId>, output: SlotId) {
        self.steps.push(Step { node: self.node, action, inputs, output });
    }

    /// Adds the step of a node whose operands and result all have one layout.
    fn add(&mut self, node: &Node, layout: Layout, operands: usize, action: impl Action + 'static) {
        let inputs = node.inputs()[..operands].iter().map(|&id| self.slot(id, layout)).collect();
        self.finish(node, layout, Arc::new(action), inputs);
    }

    /// Adds the step that makes the result of a node, in that layout.
    fn finish(&mut self, node: &Node, layout: Layout, action: Arc<dyn Action>, inputs: Vec<SlotId>) {
        let output = self.new_block(node.output(), layout);
        self.step(action, inputs, output);
        self.results.push(NodeResult { after: self.steps.len(), slot: output });
    }

    /// Makes the result of a node the same memory as its operand in that layout.
    fn alias(&mut self, node: &Node, layout: Layout) {
        let slot = self.slot(node.inputs()[0], layout);
        let place = self.slots[slot].place;
        let slot = self.push(node.output(), layout, place);
        self.results.push(NodeResult { after: self.steps.len(), slot });
    }

    /// The layout that a value has already.
    fn layout(&mut self, value: ValueId) -> Layout {
        let slot = self.any_slot(value);
        self.slots[slot].layout
    }

    fn ty(&self, value: ValueId) -> &'g ValueType {
        self.graph.value(value).ty()
    }
}

/// Whether row-major and channels-last memory hold the elements in the same order: one channel, or one position.
fn layouts_agree(ty: &ValueType) -> bool {
    match ty.dims() {
        [_, channels, positions @ ..] if !positions.is_empty() => {
            *channels == Dim::Fixed(1) || positions.iter().all(|dim| *dim == Dim::Fixed(1))
        }
        _ => true,
    }
}

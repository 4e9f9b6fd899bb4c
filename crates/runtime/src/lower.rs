//! From nodes to steps.

mod shared;

use std::collections::HashMap;
use std::sync::Arc;

use fourfold_graph::{Dim, Graph, Node, Value, ValueId, ValueType};
use fourfold_kernels::Kernel;
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::ops::permute::Permute;
use crate::ops::weight::QuantizedWeight;
use crate::ops::{Action, lowering as lowering_of};
use crate::plan::{Layout, Location, NodeResult, Slot, SlotId, Step};

/// Lowers every node of a graph, in order, for a kernel.
pub(crate) fn lower(graph: &Graph, kernel: Kernel) -> Result<Lowered, Error> {
    let mut lowering = Lowering::new(graph, kernel);
    for (index, node) in graph.nodes().iter().enumerate() {
        lowering.node = index;
        if !lowering.share(node) {
            lowering_of(node.op()).lower(&mut lowering, node).map_err(|error| error.at(node.name()))?;
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
pub(crate) struct Lowering<'g> {
    graph: &'g Graph,
    pub(crate) kernel: Kernel,
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
    fn new(graph: &'g Graph, kernel: Kernel) -> Self {
        let homes = vec![[None; 2]; graph.values().len()];
        let (steps, slots, results) = (Vec::new(), Vec::new(), Vec::new());
        let mut lowering =
            Self { graph, kernel, steps, slots, results, homes, blocks: 0, layers: HashMap::new(), node: 0 };
        for (index, &input) in graph.inputs().iter().enumerate() {
            lowering.push(input, Layout::RowMajor, Location::Input(index));
        }
        lowering
    }

    /// Adds a slot; a value whose two layouts are the same gets both.
    fn push(&mut self, value: ValueId, layout: Layout, location: Location) -> SlotId {
        let slot = self.slots.len();
        self.slots.push(Slot { value, layout, location });
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
                let permute = Permute::relayout(self.slots[from].layout, ty.rank(), ty.dtype());
                let to = self.new_block(value, layout);
                self.step(Arc::new(permute), vec![from], to);
                to
            }
        }
    }

    /// The slot of a value in the layout that it has; a constant is row-major.
    fn any_slot(&mut self, value: ValueId) -> SlotId {
        let [row_major, channels_last] = self.homes[value.index()];
        row_major.or(channels_last).unwrap_or_else(|| self.push(value, Layout::RowMajor, Location::Constant(value)))
    }

    fn new_block(&mut self, value: ValueId, layout: Layout) -> SlotId {
        self.blocks += 1;
        self.push(value, layout, Location::Block(self.blocks - 1))
    }

    fn step(&mut self, action: Arc<dyn Action>, inputs: Vec<SlotId>, output: SlotId) {
        self.steps.push(Step { node: self.node, action, inputs, output });
    }

    /// Adds the step of a node whose operands and result all have one layout.
    pub(crate) fn add(&mut self, node: &Node, layout: Layout, operands: usize, action: impl Action + 'static) {
        let inputs = node.inputs()[..operands].iter().map(|&id| self.slot(id, layout)).collect();
        self.finish(node, layout, Arc::new(action), inputs);
    }

    /// Adds the step that makes the result of a node, in that layout.
    pub(crate) fn finish(&mut self, node: &Node, layout: Layout, action: Arc<dyn Action>, inputs: Vec<SlotId>) {
        let output = self.new_block(node.output(), layout);
        self.step(action, inputs, output);
        self.results.push(NodeResult { after: self.steps.len(), slot: output });
    }

    /// Makes the result of a node the same memory as its operand in that layout.
    pub(crate) fn alias(&mut self, node: &Node, layout: Layout) {
        let slot = self.slot(node.inputs()[0], layout);
        let location = self.slots[slot].location;
        let slot = self.push(node.output(), layout, location);
        self.results.push(NodeResult { after: self.steps.len(), slot });
    }

    /// The layout that a value has already.
    pub(crate) fn layout(&mut self, value: ValueId) -> Layout {
        let slot = self.any_slot(value);
        self.slots[slot].layout
    }

    pub(crate) fn ty(&self, value: ValueId) -> &'g ValueType {
        self.graph.value(value).ty()
    }

    /// The element type of a node's first operand.
    pub(crate) fn dtype(&self, node: &Node) -> DType {
        self.ty(node.inputs()[0]).dtype()
    }

    /// Whether a node's first operand is quantized.
    pub(crate) fn is_quantized(&self, node: &Node) -> bool {
        self.ty(node.inputs()[0]).is_quantized()
    }

    /// Whether a node's first operand holds integers that stand for themselves.
    pub(crate) fn is_integer(&self, node: &Node) -> bool {
        let ty = self.ty(node.inputs()[0]);
        ty.params().is_none() && ty.dtype().is_integer()
    }

    pub(crate) fn params(&self, node: &Node, operand: usize) -> Result<&'g QuantParams, Error> {
        self.ty(node.inputs()[operand]).params().ok_or_else(|| self.unsupported(node))
    }

    pub(crate) fn result_params(&self, node: &Node) -> Result<&'g QuantParams, Error> {
        self.ty(node.output()).params().ok_or_else(|| self.unsupported(node))
    }

    pub(crate) fn constant(&self, node: &Node, operand: usize) -> Result<&'g Tensor, Error> {
        self.graph.value(node.inputs()[operand]).constant().ok_or_else(|| self.unsupported(node))
    }

    pub(crate) fn quantized_weight(&self, node: &Node, operand: usize) -> Result<QuantizedWeight<'g>, Error> {
        Ok(QuantizedWeight { tensor: self.constant(node, operand)?, params: self.params(node, operand)? })
    }

    /// The third operand, if there is one.
    pub(crate) fn bias(&self, node: &Node) -> Option<&'g Value> {
        node.inputs().get(2).map(|&id| self.graph.value(id))
    }

    /// That no action takes operands of these types.
    pub(crate) fn unsupported(&self, node: &Node) -> Error {
        let types: Vec<String> = node.inputs().iter().map(|&id| self.ty(id).to_string()).collect();
        Error::Unsupported { node: node.name().to_owned(), kind: node.op().kind(), types: types.join(", ") }
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

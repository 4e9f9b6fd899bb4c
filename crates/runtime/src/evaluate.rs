//! One operator of constant operands, computed at once.

use fourfold_graph::{Graph, GraphBuilder, Limits, NewNode, Op, ValueId};
use fourfold_kernels::Kernel;
use fourfold_schemes::QuantParams;
use fourfold_tensor::{Shape, Tensor};

use crate::Error;
use crate::lower::lower;
use crate::memory::{check_windows, shape};
use crate::ops::{Call, Operand, Scratch};
use crate::plan::{Location, Slot, SlotId, Step};

/// A tensor and, for quantized values, what they mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// The elements.
    pub tensor: Tensor,
    /// The parameters of quantized values, `None` for elements that stand for themselves.
    pub params: Option<QuantParams>,
}

impl From<Tensor> for Constant {
    /// Elements that stand for themselves.
    fn from(tensor: Tensor) -> Self {
        Self { tensor, params: None }
    }
}

/// An operator of constant operands, and what computing it may cost.
#[derive(Clone, Debug)]
pub struct Evaluation<'a> {
    /// What errors call the node.
    pub name: &'a str,
    /// The operator.
    pub op: &'a Op,
    /// The operands, in the order that [`Op`] lists.
    pub operands: &'a [Constant],
    /// The parameters of the result, where the operator makes quantized values with parameters of its own.
    pub params: Option<&'a QuantParams>,
    /// The limits; `elements` of every operand and of the result, and `arena_bytes` of all memory, matter most here.
    pub limits: &'a Limits,
    /// The largest number of multiply-accumulates.
    pub max_macs: u64,
}

/// Computes one operator of constant operands: the same bits as a session that runs it.
///
/// ```
/// use fourfold_graph::{Limits, Op, Softmax};
/// use fourfold_runtime::{Evaluation, evaluate};
/// use fourfold_tensor::Tensor;
///
/// let (op, limits) = (Op::Softmax(Softmax { axis: 0 }), Limits::default());
/// let operands = [Tensor::from_vec(&[2], vec![3.0_f32, 3.0])?.into()];
/// let evaluation =
///     Evaluation { name: "softmax", op: &op, operands: &operands, params: None, limits: &limits, max_macs: 1 << 20 };
/// assert_eq!(evaluate(&evaluation)?.tensor.as_slice::<f32>()?, [0.5, 0.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Beside the operator itself it costs a graph of one node, which shares the operands' memory, and a buffer for the
/// result: a few microseconds. No plan is made, no arena arranged and no pool of threads started. Weights are packed
/// each time, so an operator that runs more than once belongs in a [`Plan`](crate::Plan). A result that is an operand
/// in another shape shares its memory.
///
/// # Errors
///
/// [`Error::Graph`] if the operator does not fit its operands, [`Error::Unbound`] if the size of the result does not
/// follow from them, [`Error::Work`] for more than `max_macs`, and the errors of compiling and running it.
pub fn evaluate(evaluation: &Evaluation<'_>) -> Result<Constant, Error> {
    let (graph, output) = graph_of(evaluation)?;
    let macs = graph.statistics().macs;
    if macs > evaluation.max_macs {
        return Err(Error::Work { macs, limit: evaluation.max_macs });
    }
    let shapes: Vec<Shape> = graph.value_ids().map(|id| shape(&graph, id, |_| None)).collect::<Result<_, _>>()?;
    check_windows(&graph, &shapes)?;
    let kernel = Kernel::detect();
    let lowered = lower(&graph, kernel)?;
    let memory = Memory { graph: &graph, shapes: &shapes, slots: &lowered.slots, kernel };
    let limit = evaluation.limits.arena_bytes;
    let blocks = memory.run(&lowered.steps, limit).map_err(|error| error.at(evaluation.name))?;
    let (ty, shape) = (graph.value(output).ty(), &shapes[output.index()]);
    let tensor = memory.tensor(lowered.outputs[0], &blocks).map(|tensor| tensor.reshape(shape));
    let tensor = tensor.unwrap_or_else(|| Tensor::zeros(ty.dtype(), shape))?;
    Ok(Constant { tensor, params: ty.params().cloned() })
}

/// The graph of the operator alone.
fn graph_of(evaluation: &Evaluation<'_>) -> Result<(Graph, ValueId), Error> {
    let Evaluation { name, op, operands, params, limits, .. } = *evaluation;
    let mut builder = GraphBuilder::with_limits("constants", limits.clone());
    let operand = |(index, Constant { tensor, params }): (usize, &Constant)| {
        let (name, tensor) = (format!("operand {index}"), tensor.clone());
        match params {
            Some(params) => builder.quantized_constant(&name, tensor, params.clone()),
            None => builder.constant(&name, tensor),
        }
    };
    let inputs = operands.iter().enumerate().map(operand).collect::<Result<Vec<_>, _>>()?;
    let (op, inputs, params) = (op.clone(), &inputs[..], params.cloned());
    let output = builder.add(NewNode { name, output: "result", op, inputs, params })?;
    builder.output(output);
    Ok((builder.finish()?, output))
}

/// Where the values of the graph lie: constants where they are, every result in a tensor of its own.
struct Memory<'g> {
    graph: &'g Graph,
    shapes: &'g [Shape],
    slots: &'g [Slot],
    kernel: Kernel,
}

impl Memory<'_> {
    /// The blocks after all steps, in their order; they and what operators need are at most `limit` bytes.
    fn run(&self, steps: &[Step], limit: u64) -> Result<Vec<Tensor>, Error> {
        let bytes = |step: &Step| self.shape(step.output).element_count() as u64 * self.size(step.output);
        let used = steps.iter().map(bytes).fold(0, u64::saturating_add);
        Limits::check("arena-bytes", used, limit)?;
        let mut scratch = Scratch::new(None, limit, used);
        let mut blocks = Vec::new();
        for step in steps {
            let block = self.step(step, &blocks, &mut scratch)?;
            // A step fills the block that was numbered for it.
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn step(&self, step: &Step, blocks: &[Tensor], scratch: &mut Scratch) -> Result<Tensor, Error> {
        let (output_shape, value) = (self.shape(step.output), self.slots[step.output].value);
        let mut output = Tensor::zeros(self.graph.value(value).ty().dtype(), &output_shape)?;
        // There is nothing to compute of a result without elements.
        if !output.is_empty() {
            let operand = |&slot: &SlotId| self.operand(slot, blocks);
            let inputs: Vec<Operand<'_>> = step.inputs.iter().map(operand).collect();
            step.action.run(Call {
                kernel: self.kernel,
                inputs: &inputs,
                output: output.bytes_mut()?,
                output_shape,
                scratch,
            })?;
        }
        Ok(output)
    }

    fn operand<'a>(&'a self, slot: SlotId, blocks: &'a [Tensor]) -> Operand<'a> {
        Operand { bytes: self.tensor(slot, blocks).map_or(&[], Tensor::bytes), shape: self.shape(slot) }
    }

    /// The tensor with the elements of a slot, in the slot's shape or another; the graph has no inputs.
    fn tensor<'a>(&'a self, slot: SlotId, blocks: &'a [Tensor]) -> Option<&'a Tensor> {
        match self.slots[slot].location {
            Location::Block(block) => blocks.get(block),
            Location::Constant(id) => self.graph.value(id).constant(),
            Location::Input(_) => None,
        }
    }

    fn shape(&self, slot: SlotId) -> Shape {
        self.shapes[self.slots[slot].value.index()]
    }

    /// Bytes of an element.
    fn size(&self, slot: SlotId) -> u64 {
        self.graph.value(self.slots[slot].value).ty().dtype().size() as u64
    }
}

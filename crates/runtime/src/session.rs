//! Running a plan.

use core::ops::{ControlFlow, Range};
use std::sync::Arc;

use fourfold_graph::{MAX_CONCAT, ValueId};
use fourfold_tensor::{DType, Shape, Tensor};

use crate::memory::Binding;
use crate::ops::permute::Permute;
use crate::ops::{Action, Call, MAX_OPERANDS, Operand, Scratch};
use crate::plan::{Layout, Location, SlotId};
use crate::{Error, Plan};

/// The memory of one run at a time of a plan.
#[derive(Debug)]
pub struct Session {
    plan: Arc<Plan>,
    /// What belongs to the sizes of the last inputs.
    memory: Option<Memory>,
}

impl Session {
    /// A session that has run nothing.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { plan, memory: None }
    }

    /// The plan that the session runs.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Computes the outputs of the graph, in the graph's order, from its inputs, in the graph's order.
    ///
    /// The first run with inputs of some sizes allocates; further runs with the same sizes do not, as long as the
    /// caller keeps no clones of the outputs; on more than one thread, rayon may.
    ///
    /// # Errors
    ///
    /// [`Error::InputCount`], [`Error::Input`], [`Error::Symbol`] if the inputs do not fit the graph, [`Error::Limit`]
    /// if the activations need more memory than allowed.
    pub fn run(&mut self, inputs: &[Tensor]) -> Result<&[Tensor], Error> {
        let Self { plan, memory } = self;
        let memory = Memory::bound(memory, plan, inputs)?;
        plan.install(|| memory.run(plan, inputs, |_, _| Ok(())))?;
        Ok(&memory.outputs)
    }

    /// As [`Session::run`], and shows every graph input and then every node's result to `observe`, in the order of the
    /// nodes.
    ///
    /// Values are shown row-major, in a tensor of their own.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub fn run_observed(
        &mut self,
        inputs: &[Tensor],
        mut observe: impl FnMut(ValueId, &Tensor) + Send,
    ) -> Result<&[Tensor], Error> {
        self.run_observed_while(inputs, |id, value| {
            observe(id, value);
            ControlFlow::Continue(())
        })
    }

    /// As [`Session::run_observed`], but gives up as soon as `observe` breaks.
    ///
    /// # Errors
    ///
    /// As [`Session::run`], and [`Error::Stopped`] if `observe` breaks.
    pub fn run_observed_while(
        &mut self,
        inputs: &[Tensor],
        mut observe: impl FnMut(ValueId, &Tensor) -> ControlFlow<()> + Send,
    ) -> Result<&[Tensor], Error> {
        let mut observe = move |id, value: &Tensor| match observe(id, value) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Stopped),
        };
        let Self { plan, memory } = self;
        let memory = Memory::bound(memory, plan, inputs)?;
        for (&id, input) in plan.graph.inputs().iter().zip(inputs) {
            observe(id, input)?;
        }
        let mut results = plan.results.iter().peekable();
        plan.install(|| {
            memory.run(plan, inputs, |reader, done| {
                while let Some(result) = results.next_if(|result| result.after <= done) {
                    observe(plan.slots[result.slot].value, &reader.tensor(result.slot)?)?;
                }
                Ok(())
            })
        })?;
        Ok(&memory.outputs)
    }
}

/// The arena and the outputs for inputs of certain sizes.
#[derive(Debug)]
struct Memory {
    binding: Binding,
    arena: Tensor,
    outputs: Vec<Tensor>,
    scratch: Scratch,
}

impl Memory {
    /// The memory for these inputs: that of the last run if the sizes are the same.
    fn bound<'m>(memory: &'m mut Option<Self>, plan: &Plan, inputs: &[Tensor]) -> Result<&'m mut Self, Error> {
        let kept = memory.take().filter(|memory| memory.binding.fits(inputs));
        let bound = match kept {
            Some(kept) => kept,
            None => Self::new(plan, inputs)?,
        };
        Ok(memory.insert(bound))
    }

    fn new(plan: &Plan, inputs: &[Tensor]) -> Result<Self, Error> {
        let types = inputs.iter().map(|input| Ok((input.dtype(), Shape::new(input.shape())?)));
        let binding = Binding::new(plan, types.collect::<Result<_, Error>>()?)?;
        let arena = Tensor::zeros(DType::U8, &[binding.bytes])?;
        let output = |&slot: &SlotId| {
            let value = plan.slots[slot].value;
            Tensor::zeros(plan.graph.value(value).ty().dtype(), &binding.shapes[value.index()])
        };
        let outputs = plan.outputs.iter().map(output).collect::<Result<_, _>>()?;
        let scratch = Scratch::new(plan.options.threads, plan.options.limits.arena_bytes, binding.held_bytes());
        Ok(Self { binding, arena, outputs, scratch })
    }

    /// Runs all steps, calling `observe` with the number of steps done, before the first and after each.
    fn run(
        &mut self,
        plan: &Plan,
        inputs: &[Tensor],
        mut observe: impl FnMut(&Reader<'_>, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { binding, arena, outputs, scratch } = self;
        let nothing = Reader { plan, binding, inputs, before: &[], after: &[], block_end: 0 };
        observe(&Reader { before: arena.bytes(), ..nothing }, 0)?;
        for (index, step) in plan.steps.iter().enumerate() {
            let range = block(plan, binding, step.output);
            let (before, rest) = arena.bytes_mut()?.split_at_mut(range.start);
            let (output, after) = rest.split_at_mut(range.len());
            let others = Reader { before, after, block_end: range.end, ..nothing };
            let output_shape = others.shape(step.output);
            let absent = Operand { bytes: &[], shape: output_shape };
            let (mut few, mut many) = ([absent; MAX_OPERANDS], None);
            let operands = match few.get_mut(..step.inputs.len()) {
                Some(few) => few,
                None => &mut many.insert([absent; MAX_CONCAT])[..step.inputs.len()],
            };
            operands.iter_mut().zip(&step.inputs).for_each(|(operand, &slot)| *operand = others.operand(slot));
            let kernel = plan.options.kernel;
            // There is nothing to compute of a result without elements.
            if !output.is_empty() {
                let call = Call { kernel, inputs: operands, output, output_shape, scratch };
                step.action.run(call).map_err(|error| error.at(plan.graph.nodes()[step.node].name()))?;
            }
            observe(&Reader { before: arena.bytes(), ..nothing }, index + 1)?;
        }
        let reader = Reader { before: arena.bytes(), ..nothing };
        for (output, &slot) in outputs.iter_mut().zip(&plan.outputs) {
            output.bytes_mut()?.copy_from_slice(reader.operand(slot).bytes);
        }
        Ok(())
    }
}

/// Finds the bytes of slots: in the caller's tensors, in constants, and in an arena of which one block may be lent out.
#[derive(Clone, Copy)]
struct Reader<'a> {
    plan: &'a Plan,
    binding: &'a Binding,
    inputs: &'a [Tensor],
    /// The arena up to the block that is lent out.
    before: &'a [u8],
    /// The arena from `block_end` on.
    after: &'a [u8],
    block_end: usize,
}

impl<'a> Reader<'a> {
    fn shape(&self, slot: SlotId) -> Shape {
        self.binding.shapes[self.plan.slots[slot].value.index()]
    }

    fn operand(&self, slot: SlotId) -> Operand<'a> {
        let bytes = match self.plan.slots[slot].location {
            Location::Input(index) => self.inputs[index].bytes(),
            Location::Constant(id) => self.plan.graph.value(id).constant().map_or(&[][..], Tensor::bytes),
            Location::Block(_) => {
                let range = block(self.plan, self.binding, slot);
                // What has no bytes may lie anywhere, in the block that is lent out too.
                if range.is_empty() {
                    return Operand { bytes: &[], shape: self.shape(slot) };
                }
                match range.start.checked_sub(self.block_end) {
                    Some(start) if range.end > self.before.len() => &self.after[start..start + range.len()],
                    _ => &self.before[range],
                }
            }
        };
        Operand { bytes, shape: self.shape(slot) }
    }

    /// A row-major copy of a slot.
    fn tensor(&self, slot: SlotId) -> Result<Tensor, Error> {
        let (operand, kernel) = (self.operand(slot), self.plan.options.kernel);
        let dtype = self.plan.graph.value(self.plan.slots[slot].value).ty().dtype();
        let mut tensor = Tensor::zeros(dtype, &operand.shape)?;
        match self.plan.slots[slot].layout {
            Layout::RowMajor => tensor.bytes_mut()?.copy_from_slice(operand.bytes),
            Layout::ChannelsLast => {
                let permute = Permute::relayout(Layout::ChannelsLast, operand.shape.len(), dtype);
                let (inputs, output_shape) = (&[operand][..], operand.shape);
                permute.run(Call {
                    kernel,
                    inputs,
                    output: tensor.bytes_mut()?,
                    output_shape,
                    scratch: &mut Scratch::default(),
                })?;
            }
        }
        Ok(tensor)
    }
}

/// The bytes of a block's slot in the arena.
fn block(plan: &Plan, binding: &Binding, slot: SlotId) -> Range<usize> {
    let slot = &plan.slots[slot];
    let Location::Block(block) = slot.location else { return 0..0 };
    let count = binding.shapes[slot.value.index()].element_count();
    let start = binding.offsets[block];
    start..start + count * plan.graph.value(slot.value).ty().dtype().size()
}

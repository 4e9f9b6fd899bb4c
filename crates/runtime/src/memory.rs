//! Offsets of the slots when the sizes are known.

mod arrange;

use core::fmt;
use std::collections::HashMap;
use std::sync::Arc;

use fourfold_graph::{Dim, Graph, Limits, ValueId};
use fourfold_tensor::{DType, Shape, Tensor};

use crate::ops::lowering;
use crate::plan::Location;
use crate::{Error, Plan};
use arrange::{Arrangement, Block, arrange, live_bytes};

/// The bytes that running a plan takes, for inputs of certain sizes.
///
/// The outputs, which are copies, and what operators need while they work (gathered windows, sums) come on top; the
/// latter do not grow with the number of nodes. Both count in [`Limits::arena_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// The arena of a session: the peak of the values between operators.
    pub arena_bytes: usize,
    /// The largest sum of values that are alive at the same time, which no arena can be smaller than.
    pub live_bytes: usize,
    /// Weights in the order of the kernels; one copy for all sessions.
    pub packed_bytes: usize,
    /// The constants of the graph, which the plan shares with it.
    pub constant_bytes: usize,
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arena_bytes, live_bytes, packed_bytes, constant_bytes } = self;
        write!(f, "peak of {arena_bytes} bytes of values ({live_bytes} alive at once), ")?;
        write!(f, "{packed_bytes} bytes of packed weights, {constant_bytes} bytes of constants")
    }
}

impl Plan {
    /// What a session needs for inputs of these shapes, in the graph's order, and what the plan holds for all sessions.
    ///
    /// # Errors
    ///
    /// Those of [`crate::Session::run`] for such inputs.
    pub fn footprint(&self, shapes: &[&[usize]]) -> Result<Footprint, Error> {
        let types = self.graph.inputs().iter().map(|&id| self.graph.value(id).ty().dtype());
        let mut inputs =
            shapes.iter().map(|shape| Ok((DType::F32, Shape::new(shape)?))).collect::<Result<Vec<_>, Error>>()?;
        inputs.iter_mut().zip(types).for_each(|((dtype, _), known)| *dtype = known);
        let binding = Binding::new(self, inputs)?;
        let actions: HashMap<_, _> =
            self.steps.iter().map(|step| (Arc::as_ptr(&step.action).cast::<()>(), &step.action)).collect();
        let constants = self.graph.values().iter().filter_map(|value| value.constant());
        Ok(Footprint {
            arena_bytes: binding.bytes,
            live_bytes: binding.live_bytes,
            packed_bytes: actions.values().map(|action| action.packed_bytes()).sum(),
            constant_bytes: constants.map(|constant| constant.bytes().len()).sum(),
        })
    }
}

/// The shapes of all values and the offsets of all blocks for inputs of certain sizes.
#[derive(Debug, Default)]
pub(crate) struct Binding {
    /// The types and sizes of the inputs that this is for.
    inputs: Vec<(DType, Shape)>,
    /// The shape of every value.
    pub(crate) shapes: Vec<Shape>,
    /// The offset in the arena of every block.
    pub(crate) offsets: Vec<usize>,
    /// Bytes of the arena.
    pub(crate) bytes: usize,
    /// The largest sum of bytes of blocks that are alive at the same time.
    live_bytes: usize,
    /// Bytes of the outputs.
    output_bytes: u64,
}

impl Binding {
    /// Whether the binding is for inputs of these types and sizes.
    pub(crate) fn fits(&self, inputs: &[Tensor]) -> bool {
        let same =
            |((dtype, shape), input): (&(DType, Shape), &Tensor)| *dtype == input.dtype() && **shape == *input.shape();
        self.inputs.len() == inputs.len() && self.inputs.iter().zip(inputs).all(same)
    }

    /// Checks the types and sizes of the inputs and lays out the arena.
    pub(crate) fn new(plan: &Plan, inputs: Vec<(DType, Shape)>) -> Result<Self, Error> {
        let symbols = symbols(plan, &inputs)?;
        let size = |symbol: &str| symbols.get(symbol).copied();
        let shapes =
            plan.graph.value_ids().map(|id| shape(&plan.graph, id, size)).collect::<Result<Vec<_>, Error>>()?;
        check_windows(&plan.graph, &shapes)?;
        let blocks = blocks(plan, &shapes);
        let Arrangement { offsets, bytes } = arrange(&blocks);
        let outputs = plan.outputs.iter().map(|&slot| {
            let value = plan.slots[slot].value.index();
            shapes[value].element_count() as u64 * plan.graph.value(plan.slots[slot].value).ty().dtype().size() as u64
        });
        let output_bytes = outputs.fold(0, u64::saturating_add);
        let binding = Self { inputs, shapes, offsets, bytes, live_bytes: live_bytes(&blocks), output_bytes };
        Limits::check("arena-bytes", binding.held_bytes(), plan.options.limits.arena_bytes)?;
        Ok(binding)
    }

    /// The bytes of the arena and of the outputs, which are copies of what lies there.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.output_bytes.saturating_add(self.bytes as u64)
    }
}

/// The sizes of the named dimensions, from the inputs.
fn symbols<'p>(plan: &'p Plan, inputs: &[(DType, Shape)]) -> Result<HashMap<&'p str, usize>, Error> {
    let graph = &plan.graph;
    if inputs.len() != graph.inputs().len() {
        let names: Vec<&str> = graph.inputs().iter().map(|&id| graph.value(id).name()).collect();
        return Err(Error::InputCount { expected: names.len(), names: names.join(", "), actual: inputs.len() });
    }
    let mut symbols = HashMap::new();
    for (&(dtype, shape), &id) in inputs.iter().zip(graph.inputs()) {
        let (name, ty) = (graph.value(id).name(), graph.value(id).ty());
        let dims = ty.dims();
        let fixed_fit = dims.iter().zip(&*shape).all(|(dim, &size)| dim.fixed().is_none_or(|fixed| fixed == size));
        // Bools may be given as bytes.
        let type_fits = ty.dtype() == dtype || (ty.dtype(), dtype) == (DType::Bool, DType::U8);
        if !type_fits || dims.len() != shape.len() || !fixed_fit {
            return Err(Error::Input { name: name.to_owned(), expected: ty.to_string(), dtype, shape });
        }
        for (dim, &second) in dims.iter().zip(&*shape) {
            if let Dim::Symbol(symbol) = dim {
                let first = *symbols.entry(&**symbol).or_insert(second);
                if first != second {
                    let (symbol, name) = (symbol.to_string(), name.to_owned());
                    return Err(Error::Symbol { symbol, first, second, name });
                }
            }
        }
    }
    for (&(dtype, shape), &id) in inputs.iter().zip(graph.inputs()) {
        let value = graph.value(id);
        let size = |dim: &Dim| dim.evaluate(|symbol| symbols.get(symbol).copied());
        if !value.ty().dims().iter().zip(&*shape).all(|(dim, &given)| size(dim) == Some(given)) {
            let (name, expected) = (value.name().to_owned(), value.ty().to_string());
            return Err(Error::Input { name, expected, dtype, shape });
        }
    }
    Ok(symbols)
}

/// The shape of a value, for named dimensions of these sizes.
pub(crate) fn shape(graph: &Graph, id: ValueId, symbol: impl Fn(&str) -> Option<usize>) -> Result<Shape, Error> {
    let value = graph.value(id);
    let size = |(axis, dim): (usize, &Dim)| {
        let is_bound = || dim.symbols().into_iter().all(|name| symbol(name).is_some());
        dim.evaluate(&symbol).ok_or_else(|| match is_bound() {
            true => too_small(graph, id, axis),
            false => Error::Unbound { symbol: dim.to_string(), value: value.name().to_owned() },
        })
    };
    let sizes = value.ty().dims().iter().enumerate().map(size).collect::<Result<Vec<_>, _>>()?;
    Ok(Shape::new(&sizes)?)
}

fn too_small(graph: &Graph, id: ValueId, axis: usize) -> Error {
    let value = graph.value(id);
    Error::TooSmall { value: value.name().to_owned(), axis, dim: value.ty().dims()[axis].to_string() }
}

/// Checks that windows lie over elements and give some, which a graph cannot know of sizes that the inputs bring.
pub(crate) fn check_windows(graph: &Graph, shapes: &[Shape]) -> Result<(), Error> {
    for node in graph.nodes() {
        if !lowering(node.op()).has_windows() {
            continue;
        }
        let [x, y] = [node.inputs()[0], node.output()];
        let empty = |id: ValueId| shapes[id.index()].iter().skip(2).position(|&size| size == 0);
        match (empty(x), empty(y)) {
            // Of images without elements, or of none, nothing is made.
            (Some(_), Some(_)) => {}
            (Some(_), None) if shapes[y.index()].element_count() == 0 => {}
            (Some(axis), None) => return Err(too_small(graph, x, axis + 2)),
            (None, Some(axis)) => return Err(too_small(graph, y, axis + 2)),
            (None, None) => {}
        }
    }
    Ok(())
}

/// The blocks of a plan; slots that share one have the same number of bytes.
fn blocks(plan: &Plan, shapes: &[Shape]) -> Vec<Block> {
    let count = plan.slots.iter().filter_map(|slot| block_of(slot.location)).max().map_or(0, |last| last + 1);
    let mut blocks = vec![Block { bytes: 0, first: usize::MAX, last: 0 }; count];
    let mut touch = |slot: usize, step: usize| {
        let slot = &plan.slots[slot];
        if let Some(block) = block_of(slot.location) {
            let block = &mut blocks[block];
            let dtype = plan.graph.value(slot.value).ty().dtype();
            block.bytes = shapes[slot.value.index()].element_count() * dtype.size();
            (block.first, block.last) = (block.first.min(step), block.last.max(step));
        }
    };
    for (index, step) in plan.steps.iter().enumerate() {
        step.inputs.iter().chain([&step.output]).for_each(|&slot| touch(slot, index));
    }
    plan.outputs.iter().for_each(|&slot| touch(slot, plan.steps.len()));
    blocks
}

fn block_of(location: Location) -> Option<usize> {
    match location {
        Location::Block(block) => Some(block),
        Location::Input(_) | Location::Constant(_) => None,
    }
}

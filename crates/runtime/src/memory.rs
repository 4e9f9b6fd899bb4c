//! Places for the slots when the sizes are known.

use std::collections::HashMap;

use fourfold_graph::{Dim, Limits, ValueId};
use fourfold_tensor::{Shape, Tensor};

use crate::plan::Place;
use crate::{Error, Plan};

/// Blocks start at multiples of this, so that vector loads do not cross cache lines.
const ALIGNMENT: usize = 64;

/// The shapes of all values and the places of all blocks for inputs of certain sizes.
#[derive(Debug, Default)]
pub(crate) struct Binding {
    /// The sizes of the inputs that this is for.
    inputs: Vec<Shape>,
    /// The shape of every value.
    pub(crate) shapes: Vec<Shape>,
    /// The offset in the arena of every block.
    pub(crate) offsets: Vec<usize>,
    /// Bytes of the arena.
    pub(crate) bytes: usize,
}

impl Binding {
    /// Whether the binding is for inputs of these sizes.
    pub(crate) fn fits(&self, inputs: &[Tensor]) -> bool {
        self.inputs.len() == inputs.len()
            && self.inputs.iter().zip(inputs).all(|(shape, input)| *shape == *input.shape())
    }

    /// Checks the inputs and lays out the arena.
    pub(crate) fn new(plan: &Plan, inputs: &[Tensor]) -> Result<Self, Error> {
        let symbols = symbols(plan, inputs)?;
        let shapes = plan.graph.value_ids().map(|id| shape(plan, id, &symbols)).collect::<Result<Vec<_>, Error>>()?;
        let blocks = blocks(plan, &shapes);
        let (offsets, bytes) = arrange(&blocks);
        Limits::check("arena-bytes", bytes as u64, plan.options.limits.arena_bytes)?;
        let inputs = inputs.iter().map(|input| Shape::new(input.shape())).collect::<Result<_, _>>()?;
        Ok(Self { inputs, shapes, offsets, bytes })
    }
}

/// The sizes of the named dimensions, from the inputs.
fn symbols<'p>(plan: &'p Plan, inputs: &[Tensor]) -> Result<HashMap<&'p str, usize>, Error> {
    let graph = &plan.graph;
    if inputs.len() != graph.inputs().len() {
        let names: Vec<&str> = graph.inputs().iter().map(|&id| graph.value(id).name()).collect();
        return Err(Error::InputCount { expected: names.len(), names: names.join(", "), actual: inputs.len() });
    }
    let mut symbols = HashMap::new();
    for (input, &id) in inputs.iter().zip(graph.inputs()) {
        let (name, ty) = (graph.value(id).name(), graph.value(id).ty());
        let (dims, sizes) = (ty.dims(), input.shape());
        let fixed_fit = dims.iter().zip(sizes).all(|(dim, &size)| dim.fixed().is_none_or(|fixed| fixed == size));
        if ty.dtype() != input.dtype() || dims.len() != sizes.len() || !fixed_fit {
            return Err(Error::Input {
                name: name.to_owned(),
                expected: ty.to_string(),
                dtype: input.dtype(),
                shape: Shape::new(sizes)?,
            });
        }
        for (dim, &second) in dims.iter().zip(sizes) {
            if let Dim::Symbol(symbol) = dim {
                let first = *symbols.entry(&**symbol).or_insert(second);
                if first != second {
                    let (symbol, name) = (symbol.to_string(), name.to_owned());
                    return Err(Error::Symbol { symbol, first, second, name });
                }
            }
        }
    }
    for (input, &id) in inputs.iter().zip(graph.inputs()) {
        let value = graph.value(id);
        let size = |dim: &Dim| dim.evaluate(|symbol| symbols.get(symbol).copied());
        if !value.ty().dims().iter().zip(input.shape()).all(|(dim, &given)| size(dim) == Some(given)) {
            let (name, expected, dtype) = (value.name().to_owned(), value.ty().to_string(), input.dtype());
            return Err(Error::Input { name, expected, dtype, shape: Shape::new(input.shape())? });
        }
    }
    Ok(symbols)
}

fn shape(plan: &Plan, id: ValueId, symbols: &HashMap<&str, usize>) -> Result<Shape, Error> {
    let value = plan.graph.value(id);
    let size = |dim: &Dim| {
        let known = dim.evaluate(|symbol| symbols.get(symbol).copied());
        known.ok_or_else(|| Error::Unbound { symbol: dim.to_string(), value: value.name().to_owned() })
    };
    let sizes = value.ty().dims().iter().map(size).collect::<Result<Vec<_>, _>>()?;
    Ok(Shape::new(&sizes)?)
}

/// What a block needs: bytes, and the first and the last step that it must outlive.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Block {
    bytes: usize,
    first: usize,
    last: usize,
}

/// The blocks of a plan; slots that share one have the same number of bytes.
fn blocks(plan: &Plan, shapes: &[Shape]) -> Vec<Block> {
    let count = plan.slots.iter().filter_map(|slot| block_of(slot.place)).max().map_or(0, |last| last + 1);
    let mut blocks = vec![Block { bytes: 0, first: usize::MAX, last: 0 }; count];
    let mut touch = |slot: usize, step: usize| {
        let slot = &plan.slots[slot];
        if let Some(block) = block_of(slot.place) {
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

fn block_of(place: Place) -> Option<usize> {
    match place {
        Place::Block(block) => Some(block),
        Place::Input(_) | Place::Constant(_) => None,
    }
}

/// Gives every block an offset such that blocks alive at the same time do not overlap; returns the bytes of all.
///
/// First fit, largest blocks first.
fn arrange(blocks: &[Block]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|&index| core::cmp::Reverse(blocks[index].bytes));
    let mut offsets = vec![0; blocks.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(blocks.len());
    let mut total = 0;
    for index in order {
        let block = blocks[index];
        let mut offset = 0_usize;
        for &other in &placed {
            let alive_together = blocks[other].first <= block.last && block.first <= blocks[other].last;
            if alive_together && offsets[other] < offset.saturating_add(block.bytes) {
                let end = offsets[other].saturating_add(blocks[other].bytes);
                offset = offset.max(end.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX));
            }
        }
        offsets[index] = offset;
        total = total.max(offset.saturating_add(block.bytes));
        let place = placed.partition_point(|&other| offsets[other] <= offset);
        placed.insert(place, index);
    }
    (offsets, total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_of_different_times_share_bytes() {
        let chain: Vec<Block> = (0..10).map(|step| Block { bytes: 100, first: step, last: step + 1 }).collect();
        let (_, bytes) = arrange(&chain);
        assert_eq!(bytes, 228, "two blocks at a time, the second aligned");
    }

    proptest! {
        #[test]
        fn blocks_alive_together_do_not_overlap(
            blocks in proptest::collection::vec((0_usize..300, 0_usize..20, 0_usize..6), 0..30)
        ) {
            let blocks: Vec<Block> = blocks
                .into_iter()
                .map(|(bytes, first, length)| Block { bytes, first, last: first + length })
                .collect();
            let (offsets, total) = arrange(&blocks);
            for (a, x) in blocks.iter().enumerate() {
                prop_assert!(offsets[a].is_multiple_of(ALIGNMENT) && offsets[a] + x.bytes <= total);
                for (b, y) in blocks.iter().enumerate().skip(a + 1) {
                    let together = x.first <= y.last && y.first <= x.last;
                    let apart = offsets[a] + x.bytes <= offsets[b] || offsets[b] + y.bytes <= offsets[a];
                    prop_assert!(!together || apart || x.bytes == 0 || y.bytes == 0);
                }
            }
        }
    }
}

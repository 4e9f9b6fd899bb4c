//! Inputs that a model can be timed on, made up.

use std::collections::{BTreeMap, HashSet};

use fourfold::graph::{Dim, Graph, Op, ValueId};
use fourfold::tensor::{DType, Tensor};

use crate::failure::Failure;

/// Sizes of free axes, other than the batch, that are tried one after the other: heights and widths of images, and lengths.
const SIZES: [(usize, usize); 4] = [(224, 128), (256, 64), (320, 32), (640, 16)];

/// The sizes of free axes, by their symbols.
pub(crate) type Sizes = BTreeMap<String, usize>;

/// What the sizes of free axes may be where nobody says them, the likeliest first: that of the batch, and others.
pub(crate) fn sizes(graph: &Graph, batch: usize) -> Vec<Sizes> {
    let dims = || graph.inputs().iter().map(|&id| graph.value(id).ty().dims());
    let first = |dims: &[Dim]| dims.first().and_then(symbol);
    let batches: HashSet<String> = dims().filter_map(first).filter(|name| !is_length(name)).collect();
    let of = |(image, length): (usize, usize)| {
        let mut sizes = Sizes::new();
        for dims in dims() {
            for name in dims.iter().filter_map(symbol) {
                let is_image = dims.len() == 4 && !is_length(&name);
                let size = if batches.contains(&name) { batch } else { [length, image][usize::from(is_image)] };
                sizes.entry(name).or_insert(size);
            }
        }
        sizes
    };
    let mut all: Vec<Sizes> = SIZES.into_iter().map(of).collect();
    all.dedup();
    all
}

/// The free axes that are not the batch, and their sizes: `height = 224, width = 224`.
pub(crate) fn text(graph: &Graph, sizes: &Sizes, batch: usize) -> String {
    let is_batch = |name: &String| {
        let first = graph.inputs().iter().filter_map(|&id| graph.value(id).ty().dims().first().and_then(symbol));
        first.into_iter().any(|first| first == *name) && sizes.get(name) == Some(&batch)
    };
    let said = sizes.iter().filter(|(name, _)| !is_batch(name)).map(|(name, size)| format!("{name} = {size}"));
    said.collect::<Vec<_>>().join(", ")
}

/// Inputs of the model's types: floats in 0..1 from a fixed sequence; integers that are rows of a table anywhere in the
/// smallest one, and others 1, as are bools, which are masks of tokens that are there.
pub(crate) fn inputs(graph: &Graph, sizes: &Sizes) -> Result<Vec<Tensor>, Failure> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut inputs = Vec::new();
    for &id in graph.inputs() {
        let (dtype, dims) = (graph.value(id).ty().dtype(), graph.value(id).ty().dims());
        let size = |dim: &Dim| dim.fixed().or_else(|| sizes.get(&symbol(dim)?).copied()).unwrap_or(1);
        let shape: Vec<usize> = dims.iter().map(size).collect();
        let rows = rows(graph, id).and_then(|rows| u64::try_from(rows).ok());
        let mut integer = || rows.map_or(1, |rows| (next() >> 16) % rows.max(1));
        let mut tensor = Tensor::zeros(if dtype.is_float() { DType::F32 } else { dtype }, &shape)?;
        match tensor.dtype() {
            DType::I64 => tensor.as_mut_slice::<i64>()?.fill_with(|| i64::try_from(integer()).unwrap_or(1)),
            DType::I32 => tensor.as_mut_slice::<i32>()?.fill_with(|| i32::try_from(integer()).unwrap_or(1)),
            DType::Bool => tensor.bytes_mut()?.fill(1),
            DType::I8 | DType::U8 if rows.is_some() => {
                tensor.bytes_mut()?.fill_with(|| u8::try_from(integer() % 128).unwrap_or(1));
            }
            DType::I8 | DType::U8 => tensor.bytes_mut()?.fill_with(|| next().to_le_bytes()[7]),
            _ => {
                for element in tensor.as_mut_slice::<f32>()? {
                    *element = f32::from(u16::try_from(next() >> 48).unwrap_or(0)) / 65536.0;
                }
                tensor = tensor.to_float(dtype)?;
            }
        }
        inputs.push(tensor);
    }
    Ok(inputs)
}

fn symbol(dim: &Dim) -> Option<String> {
    match dim {
        Dim::Symbol(name) => Some((**name).to_owned()),
        _ => None,
    }
}

/// Whether an axis of that name counts steps or tokens.
fn is_length(name: &str) -> bool {
    let name = name.to_lowercase();
    ["seq", "time", "len", "token", "frame"].iter().any(|word| name.contains(word))
}

/// The rows of the smallest table that an input chooses from as it is, `None` if it chooses from none.
fn rows(graph: &Graph, input: ValueId) -> Option<usize> {
    let mut same: HashSet<ValueId> = HashSet::from([input]);
    let mut smallest: Option<usize> = None;
    // Nodes come in the order in which they run.
    for node in graph.nodes() {
        let reads = |index: usize| node.inputs().get(index).is_some_and(|id| same.contains(id));
        match node.op() {
            Op::Gather { axis } if reads(1) => {
                let table = graph.value(node.inputs()[0]).ty().dims().get(*axis).and_then(Dim::fixed);
                smallest = smallest.into_iter().chain(table).min();
            }
            Op::Cast { .. }
            | Op::Identity
            | Op::Reshape { .. }
            | Op::Flatten { .. }
            | Op::Transpose { .. }
            | Op::Slice { .. }
            | Op::Expand { .. }
                if reads(0) =>
            {
                same.insert(node.output());
            }
            Op::Concat { .. } if (0..node.inputs().len()).any(reads) => {
                same.insert(node.output());
            }
            _ => {}
        }
    }
    smallest
}

#[cfg(test)]
mod tests {
    use fourfold::graph::{CastTo, GraphBuilder, ValueType};

    use super::*;

    fn two_tables() -> Graph {
        let mut builder = GraphBuilder::new("tables");
        let dims = [Dim::symbol("n"), Dim::symbol("sequence")];
        let ids = builder.input("ids", ValueType::plain(DType::I32, &dims)).expect("valid");
        let mask = builder.input("mask", ValueType::plain(DType::I64, &dims)).expect("valid");
        let table = |builder: &mut GraphBuilder, name: &str, rows: usize| {
            builder.constant(name, Tensor::zeros(DType::F32, &[rows, 2]).expect("small")).expect("valid")
        };
        let (words, kinds) = (table(&mut builder, "words", 1000), table(&mut builder, "kinds", 7));
        let wide = builder.node("wide", Op::Cast { to: CastTo::I64 }, &[ids]).expect("valid");
        let x = builder.node("x", Op::Gather { axis: 0 }, &[words, wide]).expect("valid");
        let y = builder.node("y", Op::Gather { axis: 0 }, &[kinds, wide]).expect("valid");
        [x, y, mask].into_iter().for_each(|id| builder.output(id));
        builder.finish().expect("valid")
    }

    #[test]
    fn ids_are_rows_of_the_smallest_table() {
        let graph = two_tables();
        let sizes = sizes(&graph, 4);
        assert_eq!(sizes[0], Sizes::from([("n".to_owned(), 4), ("sequence".to_owned(), 128)]));
        assert_eq!(text(&graph, &sizes[0], 4), "sequence = 128");
        let inputs = inputs(&graph, &sizes[0]).expect("small");
        let ids = inputs[0].as_slice::<i32>().expect("i32");
        assert_eq!(inputs[0].shape(), [4, 128]);
        assert!((0..7).all(|id| ids.contains(&id)) && ids.iter().all(|id| (0..7).contains(id)), "{ids:?}");
        assert!(inputs[1].as_slice::<i64>().expect("i64").iter().all(|&mask| mask == 1));
    }

    #[test]
    fn images_are_larger_than_sequences_are_long() {
        let mut builder = GraphBuilder::new("image");
        let dims = ["batch".into(), 3.into(), "height".into(), "width".into()];
        let x = builder.input("x", ValueType::f32(&dims)).expect("valid");
        builder.output(x);
        let graph = builder.finish().expect("valid");
        let sizes = sizes(&graph, 1);
        assert_eq!(text(&graph, &sizes[0], 1), "height = 224, width = 224");
        assert_eq!(inputs(&graph, &sizes[1]).expect("small")[0].shape(), [1, 3, 256, 256]);
    }
}

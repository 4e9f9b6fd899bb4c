//! Synthetic inputs, on which a model can be timed.

mod ids;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use fourfold::graph::{Dim, Graph};
use fourfold::tensor::{DType, Tensor};

use crate::failure::Failure;

/// Sizes of free axes, other than the batch, that are tried one after the other: heights and widths of images, and
/// lengths.
const SIZES: [(usize, usize); 8] = [(224, 128), (256, 64), (320, 32), (640, 16), (128, 8), (64, 4), (32, 2), (16, 1)];

/// The size of the free axes of volumes.
const VOLUME: usize = 32;

/// The sizes of free axes, by their symbols.
pub(crate) type Sizes = BTreeMap<String, usize>;

/// Sizes for the free axes of inputs that are not given, the likeliest first: that of the batch, and
/// others. Axes of one name have one size.
pub(crate) fn sizes(inputs: &[&[Dim]], batch: usize) -> Vec<Sizes> {
    let batches = batches(inputs);
    let of = |(image, length): (usize, usize)| {
        let mut sizes = Sizes::new();
        for dims in inputs {
            for name in dims.iter().flat_map(Dim::symbols) {
                let size = match dims.len() {
                    _ if batches.contains(name) => batch,
                    4 if !is_length(name) => image,
                    5.. if !is_length(name) => VOLUME,
                    _ => length,
                };
                sizes.entry(name.to_owned()).or_insert(size);
            }
        }
        sizes
    };
    let mut all: Vec<Sizes> = SIZES.into_iter().map(of).collect();
    all.dedup();
    all
}

/// The free axes that are not the batch, and their sizes: `height = 224, width = 224`.
pub(crate) fn text(inputs: &[&[Dim]], sizes: &Sizes) -> String {
    let batches = batches(inputs);
    let said = sizes.iter().filter(|(name, _)| !batches.contains(name.as_str()));
    said.map(|(name, size)| format!("{name} = {size}")).collect::<Vec<_>>().join(", ")
}

/// The names of batches: of first axes that are free and do not count steps.
pub(crate) fn batches<'d>(inputs: &[&'d [Dim]]) -> HashSet<&'d str> {
    let first = |dims: &&'d [Dim]| match dims.first() {
        Some(Dim::Symbol(name)) if !is_length(name) => Some(&**name),
        _ => None,
    };
    inputs.iter().filter_map(first).collect()
}

/// The axes of a graph's inputs.
pub(crate) fn dims(graph: &Graph) -> Vec<&[Dim]> {
    graph.inputs().iter().map(|&id| graph.value(id).ty().dims()).collect()
}

/// Inputs of the model's types: floats between 0 and 1 from a fixed sequence; integers that choose rows of tables
/// in the range that all of these tables have; other integers and bools are 1, as in a mask without padding.
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
        let ty = graph.value(id).ty();
        let size = |dim: &Dim| dim.evaluate(|symbol| sizes.get(symbol).copied()).unwrap_or(1);
        let shape: Vec<usize> = ty.dims().iter().map(size).collect();
        let dtype = if ty.dtype().is_float() { DType::F32 } else { ty.dtype() };
        let mut tensor = Tensor::zeros(dtype, &shape)?;
        let count = if dtype == DType::F32 { None } else { ids::count(graph, id, sizes) };
        let mut integer = || count.map_or(1, |count| (next() >> 16) % count.max(1));
        match dtype {
            DType::I64 => tensor.as_mut_slice::<i64>()?.fill_with(|| i64::try_from(integer()).unwrap_or(1)),
            DType::I32 => tensor.as_mut_slice::<i32>()?.fill_with(|| i32::try_from(integer()).unwrap_or(1)),
            DType::Bool => tensor.bytes_mut()?.fill(1),
            DType::I8 | DType::U8 if count.is_some() => {
                tensor.bytes_mut()?.fill_with(|| u8::try_from(integer() % 128).unwrap_or(1));
            }
            DType::I8 | DType::U8 => tensor.bytes_mut()?.fill_with(|| next().to_le_bytes()[7]),
            _ => {
                for element in tensor.as_mut_slice::<f32>()? {
                    // Never 0, of which there may be no logarithm or quotient.
                    *element = (f32::from(u16::try_from(next() >> 48).unwrap_or(0)) + 0.5) / 65536.0;
                }
                tensor = tensor.to_float(ty.dtype())?;
            }
        }
        inputs.push(tensor);
    }
    Ok(inputs)
}

/// Whether an axis of that name counts steps or tokens.
fn is_length(name: &str) -> bool {
    let name = name.to_lowercase();
    ["seq", "time", "len", "token", "frame"].iter().any(|word| name.contains(word))
}

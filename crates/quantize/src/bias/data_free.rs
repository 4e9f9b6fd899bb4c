//! What layers are expected to read, and the errors that rounded weights make of it.

use fourfold_graph::{Clip, Flatten, Graph, Node, Op};

use super::quantized_layer::QuantizedLayer;
use crate::statistics::Moments;
use crate::weighted::{Weighted, weight_indices};
use crate::{ChannelStatistics, Error};

/// The expected mean of every channel of every value, where it is known; after Flatten, of every element.
pub(super) fn means(graph: &Graph, statistics: &ChannelStatistics) -> Vec<Option<Vec<f64>>> {
    let mut known: Vec<Option<Vec<Moments>>> = vec![None; graph.values().len()];
    for node in graph.nodes() {
        let moments =
            statistics.get(node.name()).map_or_else(|| handed_on(graph, node, &known), |of| Some(of.to_vec()));
        let bounds =
            if let Op::Clip(Clip { min, max }) = *node.op() { (min, max) } else { node.op().activation().bounds() };
        let bounds = if *node.op() == Op::Relu { (0.0, f32::INFINITY) } else { bounds };
        known[node.output().index()] =
            moments.map(|channels| channels.into_iter().map(|moments| moments.clamped(bounds)).collect());
    }
    known.into_iter().map(|known| known.map(|channels| channels.iter().map(|of| of.mean).collect())).collect()
}

/// The moments of a result that follow from those of the operands, before a clamp.
fn handed_on(graph: &Graph, node: &Node, known: &[Option<Vec<Moments>>]) -> Option<Vec<Moments>> {
    let of = |operand: usize| known[node.inputs()[operand].index()].as_deref();
    let dims = |operand: usize| graph.value(node.inputs()[operand]).ty().dims();
    match node.op() {
        Op::Relu | Op::Clip(_) | Op::Identity => of(0).map(<[Moments]>::to_vec),
        Op::AveragePool(_) | Op::GlobalAveragePool => {
            Some(of(0)?.iter().map(|of| Moments { mean: of.mean, variance: 0.0 }).collect())
        }
        Op::Flatten(Flatten { axis: 1 }) => {
            let block = dims(0)[2..].iter().try_fold(1_usize, |block, dim| block.checked_mul(dim.fixed()?))?;
            Some(of(0)?.iter().flat_map(|&of| std::iter::repeat_n(of, block)).collect())
        }
        Op::Add(_) if dims(0) == dims(1) => {
            let sum =
                |(a, b): (&Moments, &Moments)| Moments { mean: a.mean + b.mean, variance: a.variance + b.variance };
            Some(of(0)?.iter().zip(of(1)?).map(sum).collect())
        }
        _ => None,
    }
}

/// What is to be added to the bias of a layer whose operand has these means.
pub(super) fn difference(
    float: &Graph,
    node: &Node,
    quantized: &QuantizedLayer<'_>,
    means: &[f64],
) -> Result<Vec<f64>, Error> {
    let exact = Weighted::new(float, node)?;
    let mut difference = vec![0.0_f64; quantized.shape[0]];
    let elements = weight_indices(quantized.shape, quantized.groups).zip(exact.weight).zip(quantized.weight);
    for (((output, input), &exact), &q) in elements {
        let rounded = f64::from(q) * f64::from(quantized.weight_scale(output).get());
        difference[output] -= (rounded - f64::from(exact)) * means.get(input).copied().unwrap_or(0.0);
    }
    Ok(difference)
}

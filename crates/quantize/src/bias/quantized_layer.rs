//! The weight and the bias of a quantized layer.

use std::collections::HashMap;

use fourfold_graph::{Conv, Graph, NewNode, Node, Op};
use fourfold_schemes::{Granularity, QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::assign::has_rows;
use crate::rewrite::Rewrite;
use crate::weighted::weight_indices;

/// The constants of a quantized layer.
pub(super) struct QuantizedLayer<'g> {
    pub(super) weight: &'g [i8],
    pub(super) shape: &'g [usize],
    pub(super) groups: usize,
    /// Empty if there is none.
    bias: &'g [i32],
    s_a: Scale,
    s_w: &'g [Scale],
}

/// Whether a layer multiplies quantized values by a constant quantized weight.
pub(super) fn is_quantized(graph: &Graph, node: &Node) -> bool {
    let is_byte = |operand: usize| graph.value(node.inputs()[operand]).ty().is_quantized();
    has_rows(node.op().kind()) && is_byte(0) && is_byte(1) && graph.value(node.inputs()[1]).constant().is_some()
}

impl<'g> QuantizedLayer<'g> {
    pub(super) fn new(graph: &'g Graph, index: usize) -> Result<Self, Error> {
        let node = &graph.nodes()[index];
        let mismatch = || Error::Mismatch { node: node.name().to_owned(), reason: "is not quantized" };
        let operand = |operand: usize| node.inputs().get(operand).map(|&id| graph.value(id));
        let scales = |index: usize| operand(index).and_then(|value| value.ty().params()).map(QuantParams::scales);
        let weight = operand(1).and_then(|value| value.constant()).ok_or_else(mismatch)?;
        let bias = match operand(2) {
            Some(bias) => bias.constant().ok_or_else(mismatch)?.as_slice()?,
            None => &[],
        };
        Ok(Self {
            weight: weight.as_slice()?,
            shape: weight.shape(),
            groups: if let Op::Conv(Conv { groups, .. }) = node.op() { *groups } else { 1 },
            bias,
            s_a: *scales(0).and_then(<[Scale]>::first).ok_or_else(mismatch)?,
            s_w: scales(1).filter(|scales| !scales.is_empty()).ok_or_else(mismatch)?,
        })
    }

    /// The scale of the weights of an output channel.
    pub(super) fn weight_scale(&self, output: usize) -> Scale {
        self.s_w.get(output).copied().unwrap_or(self.s_w[0])
    }

    /// The bias of an output channel, dequantized.
    pub(super) fn bias(&self, output: usize) -> f64 {
        self.bias.get(output).map_or(0.0, |&q| f64::from(q) * self.bias_scale(output))
    }

    /// The scale of the bias of an output channel, equation (5).
    fn bias_scale(&self, output: usize) -> f64 {
        f64::from(self.s_a.get()) * f64::from(self.weight_scale(output).get())
    }

    /// The quantized bias with a float added to each element, as near to it as sums in `i32` allow.
    fn moved(&self, difference: &[f64]) -> Vec<i32> {
        let mut sums = vec![0_i64; self.shape[0]];
        for ((output, _), &q) in weight_indices(self.shape, self.groups).zip(self.weight) {
            sums[output] += i64::from(q).abs();
        }
        let moved = |(output, (&sum, &difference)): (usize, (&i64, &f64))| {
            let old = self.bias.get(output).copied().unwrap_or(0);
            let room = (i64::from(i32::MAX) - 255 * sum - 1).max(i64::from(old).abs());
            #[expect(clippy::cast_possible_truncation, reason = "a cast saturates, and the sum is clamped")]
            let added = (difference / self.bias_scale(output)).round_ties_even() as i64;
            let moved = i64::from(old).saturating_add(added).clamp(-room, room);
            i32::try_from(moved).unwrap_or(old)
        };
        sums.iter().zip(difference).enumerate().map(moved).collect()
    }

    /// The parameters of a bias.
    fn bias_params(&self) -> Result<QuantParams, Error> {
        let scale = |s_w: &Scale| Scale::new(self.s_a.get() * s_w.get());
        let granularity = match self.s_w {
            [one] => Granularity::PerTensor { scale: scale(one)?, zero_point: 0 },
            each => {
                let scales = each.iter().map(scale).collect::<Result<Vec<_>, _>>()?;
                Granularity::PerChannel { axis: 0, zero_points: vec![0; scales.len()], scales }
            }
        };
        Ok(QuantParams::new(DType::I32, (i32::MIN, i32::MAX), granularity)?)
    }
}

/// The graph with floats added to the biases of quantized layers, by the indices of their nodes.
pub(super) fn with_biases(graph: &Graph, differences: &HashMap<usize, Vec<f64>>) -> Result<Graph, Error> {
    let mut rewrite = Rewrite::new(graph)?;
    for (index, node) in graph.nodes().iter().enumerate() {
        let Some(difference) = differences.get(&index) else {
            rewrite.copy(node)?;
            continue;
        };
        let layer = QuantizedLayer::new(graph, index)?;
        let moved = Tensor::from_vec(&[layer.shape[0]], layer.moved(difference))?;
        let old = node.inputs().get(2).map(|&id| graph.value(id));
        let params = match old.and_then(|old| old.ty().params()) {
            Some(params) => params.clone(),
            None => layer.bias_params()?,
        };
        let name = match old {
            Some(old) => rewrite.builder.unique_name(old.name()),
            None => rewrite.fresh_name(&format!("{}.bias", node.name())),
        };
        let mut inputs = vec![rewrite.get(node.inputs()[0])?, rewrite.get(node.inputs()[1])?];
        inputs.push(rewrite.builder.quantized_constant(&name, moved, params)?);
        let result = graph.value(node.output());
        let new = rewrite.builder.add(NewNode {
            name: node.name(),
            output: result.name(),
            op: node.op().clone(),
            inputs: &inputs,
            params: result.ty().params().cloned(),
        })?;
        rewrite.set(node.output(), new);
    }
    rewrite.finish()
}

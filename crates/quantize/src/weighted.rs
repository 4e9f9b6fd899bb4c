//! Weights of convolutions and linear layers by channel.

use fourfold_graph::{Graph, Node, Op};

use crate::Error;
use crate::weight::operand;

/// The weight `[out, in / groups, kernel...]` and the bias of a float layer, all finite.
#[derive(Clone, Debug)]
pub(crate) struct Weighted<'g> {
    pub(crate) weight: &'g [f32],
    /// Empty if there is none.
    pub(crate) bias: &'g [f32],
    pub(crate) shape: &'g [usize],
    groups: usize,
}

impl<'g> Weighted<'g> {
    /// The constants of a node.
    ///
    /// # Errors
    ///
    /// [`Error::Weight`] if an element is not finite.
    pub(crate) fn new(graph: &'g Graph, node: &'g Node) -> Result<Self, Error> {
        let weight = operand(graph, node, 1)?;
        let bias = if node.inputs().len() > 2 { operand(graph, node, 2)?.as_slice()? } else { &[] };
        Ok(Self { weight: weight.as_slice()?, bias, shape: weight.shape(), groups: groups(node.op()) })
    }

    /// The number of output channels.
    pub(crate) fn outputs(&self) -> usize {
        self.shape[0]
    }

    /// The output and the input channel of every element of the weight.
    pub(crate) fn weight_indices(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        weight_indices(self.shape, self.groups)
    }

    /// The largest magnitude of each output channel, with every input multiplied by a factor.
    pub(crate) fn ranges_of_outputs(&self, factor: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut ranges = vec![0.0_f64; self.outputs()];
        for ((output, input), &weight) in self.weight_indices().zip(self.weight) {
            ranges[output] = ranges[output].max(f64::from(weight.abs()) * factor(input));
        }
        ranges
    }

    /// The largest magnitude of each input channel, with every output multiplied by a factor.
    pub(crate) fn ranges_of_inputs(&self, factor: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut ranges = vec![0.0_f64; self.shape[1] * self.groups];
        for ((output, input), &weight) in self.weight_indices().zip(self.weight) {
            ranges[input] = ranges[input].max(f64::from(weight.abs()) * factor(output));
        }
        ranges
    }
}

/// The groups of a layer's channels.
pub(crate) fn groups(op: &Op) -> usize {
    if let Op::Conv(conv) = op { conv.groups } else { 1 }
}

/// The output and the input channel of every element of a weight of that shape.
pub(crate) fn weight_indices(shape: &[usize], groups: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (outputs, inputs) = (shape[0], shape[1]);
    let kernel: usize = shape[2..].iter().product();
    let of_group = (outputs / groups.max(1)).max(1);
    (0..outputs).flat_map(move |output| {
        let begin = output / of_group * inputs;
        (begin..begin + inputs).flat_map(move |input| std::iter::repeat_n((output, input), kernel))
    })
}

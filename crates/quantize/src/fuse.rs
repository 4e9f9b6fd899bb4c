//! Fusion: fewer nodes that compute the same values.

use fourfold_graph::{Activation, BatchNorm, Clip, Graph, NewNode, Node, Op};
use fourfold_tensor::Tensor;

use crate::Error;
use crate::rewrite::Rewrite;

/// Folds batch normalizations into the convolutions (transposed ones, too) and linear layers before them, and ReLU and
/// Clip into the convolutions, linear layers and sums before them; drops Identity, unless the caller gets its result,
/// which keeps its name. What is written out in steps is one node first ([`Graph::canonical`]).
///
/// ```text
/// weight' = weight * f      bias' = (bias - mean) * f + bn_bias      f = bn_scale / sqrt(variance + epsilon)
/// ```
///
/// computed in `f64`, per output channel; after a linear layer only if its outputs are on the axis that is normalized,
/// axis 1. A node is folded only if nothing else reads the value between the two. The fused
/// node has the name of the first, its result the name of the last.
///
/// # Errors
///
/// [`Error::AlreadyQuantized`] if the graph is quantized.
pub fn fuse(graph: &Graph) -> Result<Graph, Error> {
    if graph.is_quantized() {
        return Err(Error::AlreadyQuantized);
    }
    let graph = &graph.canonical()?;
    let mut rewrite = Rewrite::new(graph)?;
    let mut absorbed = vec![false; graph.nodes().len()];
    for (index, node) in graph.nodes().iter().enumerate() {
        if absorbed[index] {
            continue;
        }
        if *node.op() == Op::Identity && !graph.is_output(node.output()) {
            let operand = rewrite.get(node.inputs()[0])?;
            rewrite.set(node.output(), operand);
            continue;
        }
        let chain = Chain::from(graph, node);
        for member in chain.batch_norm.iter().chain(&chain.activation) {
            if let Some(id) = graph.value(member.output()).producer() {
                absorbed[id.index()] = true;
            }
        }
        chain.emit(&mut rewrite)?;
    }
    rewrite.finish()
}

/// A node and those that can be folded into it.
pub(crate) struct Chain<'g> {
    head: &'g Node,
    pub(crate) batch_norm: Option<&'g Node>,
    activation: Option<&'g Node>,
}

impl<'g> Chain<'g> {
    pub(crate) fn from(graph: &'g Graph, head: &'g Node) -> Self {
        let free = head.op().activation() == Activation::None && head.op().with_activation(Activation::None).is_some();
        let makes_channels = match head.op() {
            Op::Conv(_) | Op::ConvTranspose(_) => true,
            Op::Linear(_) => graph.value(head.output()).ty().rank() == 2,
            _ => false,
        };
        let mut last = head;
        let mut next = |wanted: &dyn Fn(&Op) -> bool| {
            let reads = |node: &&Node| node.inputs()[0] == last.output() && wanted(node.op());
            let node = graph.sole_consumer(last.output()).filter(reads);
            last = node.unwrap_or(last);
            node
        };
        let batch_norm = if free && makes_channels { next(&|op| matches!(op, Op::BatchNorm(_))) } else { None };
        let activation = if free { next(&|op| as_activation(op).is_some()) } else { None };
        Self { head, batch_norm, activation }
    }

    fn emit(&self, rewrite: &mut Rewrite<'_>) -> Result<(), Error> {
        let source = rewrite.source;
        let mut inputs = Vec::with_capacity(3);
        match self.batch_norm {
            None => {
                for &input in self.head.inputs() {
                    inputs.push(rewrite.get(input)?);
                }
            }
            Some(batch_norm) => {
                let (weight, bias) = fold(source, self.head, batch_norm)?;
                inputs.push(rewrite.get(self.head.inputs()[0])?);
                let bias_name = match self.head.inputs().get(2) {
                    Some(&bias) => rewrite.builder.unique_name(source.value(bias).name()),
                    None => rewrite.fresh_name(&format!("{}.bias", self.head.name())),
                };
                let weight_name = rewrite.builder.unique_name(source.value(self.head.inputs()[1]).name());
                inputs.push(rewrite.builder.constant(&weight_name, weight)?);
                inputs.push(rewrite.builder.constant(&bias_name, bias)?);
            }
        }
        let activation = self.activation.and_then(|node| as_activation(node.op()));
        let fused = activation.and_then(|activation| self.head.op().with_activation(activation));
        let op = fused.unwrap_or_else(|| self.head.op().clone());
        let last = self.activation.or(self.batch_norm).unwrap_or(self.head).output();
        let output = source.value(last).name();
        let new = rewrite.builder.add(NewNode { name: self.head.name(), output, op, inputs: &inputs, params: None })?;
        rewrite.set(last, new);
        Ok(())
    }
}

fn as_activation(op: &Op) -> Option<Activation> {
    match *op {
        Op::Relu => Some(Activation::Relu),
        Op::Clip(Clip { min, max }) => Some(Activation::Clamp { min, max }),
        _ => None,
    }
}

/// The weight and the bias of a convolution or linear layer with a batch normalization folded in.
#[expect(clippy::cast_possible_truncation, reason = "computed in f64, kept in f32")]
fn fold(graph: &Graph, head: &Node, batch_norm: &Node) -> Result<(Tensor, Tensor), Error> {
    let Op::BatchNorm(BatchNorm { epsilon }) = *batch_norm.op() else { return Err(Error::AlreadyQuantized) };
    let [scale, offset, mean, variance] = [1, 2, 3, 4].map(|operand| constant(graph, batch_norm, operand));
    let (scale, offset, mean, variance) = (scale?, offset?, mean?, variance?);
    let weight = constant(graph, head, 1)?;
    let bias = if head.inputs().len() > 2 { constant(graph, head, 2)? } else { &[] };
    let channels = scale.len();
    let shape = graph.value(head.inputs()[1]).constant().map_or(&[][..], Tensor::shape);
    let factor = |c: usize| f64::from(scale[c]) / (f64::from(variance[c]) + f64::from(epsilon)).sqrt();
    let channel = |index: usize| match (head.op(), shape) {
        (Op::ConvTranspose(conv), [inputs, of_group, kernel @ ..]) => {
            let taps = kernel.iter().product::<usize>();
            let group = index / (taps * of_group) / (inputs / conv.groups);
            group * of_group + index / taps % of_group
        }
        _ => index / (weight.len() / channels),
    };
    let folded_weight = weight.iter().enumerate().map(|(index, &w)| (f64::from(w) * factor(channel(index))) as f32);
    let folded_bias = (0..channels).map(|c| {
        let old = bias.get(c).copied().map_or(0.0, f64::from);
        ((old - f64::from(mean[c])) * factor(c) + f64::from(offset[c])) as f32
    });
    Ok((Tensor::from_elements(shape, folded_weight)?, Tensor::from_elements(&[channels], folded_bias)?))
}

/// A constant operand of a node.
pub(crate) fn constant<'g>(graph: &'g Graph, node: &Node, operand: usize) -> Result<&'g [f32], Error> {
    let constant = graph.value(node.inputs()[operand]).constant();
    Ok(constant.map_or(Ok(&[][..]), Tensor::as_slice::<f32>)?)
}

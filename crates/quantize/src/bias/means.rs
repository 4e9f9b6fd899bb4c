//! The means of the sums of layers over batches of inputs.

use std::sync::Arc;

use fourfold_graph::{Activation, Graph, NewNode, Node, Op, ValueId};
use fourfold_observers::{MinMax, Observer};
use fourfold_runtime::{Options, Plan, Session};
use fourfold_tensor::{DType, Tensor};

use super::quantized_layer::QuantizedLayer;
use crate::rewrite::Rewrite;
use crate::weighted::weight_indices;
use crate::{Batches, Error};

/// For every layer the means of its output channels before the activation.
pub(super) fn of_float<B: Batches + ?Sized>(
    float: &Graph,
    layers: &[&Node],
    batches: &B,
    options: &Options,
) -> Result<Vec<Vec<f64>>, B::Error> {
    let channels: Vec<(&Node, usize)> = layers.iter().map(|&node| (node, outputs(float, node))).collect();
    means(&with_sums(float, layers)?, &channels, batches, options)
}

/// The graph, which gives the sums of layers too.
fn with_sums(float: &Graph, layers: &[&Node]) -> Result<Graph, Error> {
    let mut rewrite = Rewrite::new(float)?;
    for node in float.nodes() {
        rewrite.copy(node)?;
    }
    for &node in layers {
        let inputs = node.inputs().iter().map(|&input| rewrite.get(input)).collect::<Result<Vec<_>, _>>()?;
        let sums = sums(&mut rewrite, node, &inputs)?;
        rewrite.builder.output(sums);
    }
    Ok(rewrite.builder.finish()?)
}

/// The means of the output channels of a quantized layer before activation and rounding.
pub(super) fn of_quantized<B: Batches + ?Sized>(
    graph: &Graph,
    layer: &Node,
    batches: &B,
    options: &Options,
) -> Result<Vec<f64>, B::Error> {
    let index = graph.value(layer.output()).producer().map_or(0, |id| id.index());
    let quantized = QuantizedLayer::new(graph, index)?;
    let means = means(&up_to(graph, index, &quantized)?, &[(layer, quantized.shape[0])], batches, options)?;
    let of_layer = means.into_iter().next().unwrap_or_default();
    Ok(of_layer.into_iter().enumerate().map(|(output, mean)| mean + quantized.bias(output)).collect())
}

/// The graph up to a quantized layer, and the layer's sums in `f32` without its bias.
fn up_to(graph: &Graph, index: usize, quantized: &QuantizedLayer<'_>) -> Result<Graph, Error> {
    let layer = &graph.nodes()[index];
    let mut rewrite = Rewrite::new(graph)?;
    for node in graph.nodes().iter().take(index) {
        rewrite.copy(node)?;
    }
    let x = [rewrite.get(layer.inputs()[0])?];
    let name = rewrite.fresh_name(&format!("{}.operand", layer.name()));
    let x =
        rewrite.builder.add(NewNode { name: &name, output: &name, op: Op::Dequantize, inputs: &x, params: None })?;
    let dequantized = |((output, _), &q): ((usize, usize), &i8)| f32::from(q) * quantized.weight_scale(output).get();
    let weight: Vec<f32> =
        weight_indices(quantized.shape, quantized.groups).zip(quantized.weight).map(dequantized).collect();
    let name = rewrite.fresh_name(&format!("{}.real", layer.name()));
    let weight = rewrite.builder.constant(&name, Tensor::from_vec(quantized.shape, weight)?)?;
    let sums = sums(&mut rewrite, layer, &[x, weight])?;
    rewrite.builder.output(sums);
    Ok(rewrite.builder.finish()?)
}

/// Adds a float layer without its activation.
fn sums(rewrite: &mut Rewrite<'_>, layer: &Node, inputs: &[ValueId]) -> Result<ValueId, Error> {
    let op = layer.op().with_activation(Activation::None).unwrap_or_else(|| layer.op().clone());
    let name = rewrite.fresh_name(&format!("{}.sums", layer.name()));
    Ok(rewrite.builder.add(NewNode { name: &name, output: &name, op, inputs, params: None })?)
}

fn outputs(graph: &Graph, layer: &Node) -> usize {
    graph.value(layer.inputs()[1]).constant().map_or(0, |weight| weight.shape()[0])
}

/// The means of the channels of every output of a graph; each is of a layer with so many channels.
///
/// # Errors
///
/// [`Error::NotCalibrated`] if there are no batches.
fn means<B: Batches + ?Sized>(
    graph: &Graph,
    layers: &[(&Node, usize)],
    batches: &B,
    options: &Options,
) -> Result<Vec<Vec<f64>>, B::Error> {
    let mut session = Session::new(Arc::new(Plan::compile(graph, options).map_err(Error::from)?));
    let mut sums: Vec<Vec<f64>> = layers.iter().map(|&(_, channels)| vec![0.0; channels]).collect();
    let (mut counts, mut seen) = (vec![0_usize; layers.len()], false);
    batches.for_each(|batch| {
        seen = true;
        for (&id, input) in graph.inputs().iter().zip(batch).filter(|(_, input)| input.dtype().is_float()) {
            let at_value = |source| Error::Observe { value: graph.value(id).name().to_owned(), source };
            MinMax::new().observe(&input.to_float(DType::F32)?).map_err(at_value)?;
        }
        let outputs = session.run(batch)?;
        for (((output, (layer, channels)), sums), count) in outputs.iter().zip(layers).zip(&mut sums).zip(&mut counts) {
            // Convolutions have their channels on axis 1, linear layers on the last.
            let inner = if matches!(layer.op(), Op::Conv(_)) { output.shape()[2..].iter().product() } else { 1_usize };
            let elements = output.as_slice::<f32>()?;
            for (index, elements) in elements.chunks_exact(inner.max(1)).enumerate() {
                sums[index % channels] += elements.iter().copied().map(f64::from).sum::<f64>();
            }
            *count += elements.len() / channels.max(&1);
        }
        Ok(())
    })?;
    if !seen {
        return Err(Error::NotCalibrated.into());
    }
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let mean = |(sums, count): (Vec<f64>, usize)| sums.iter().map(|sum| sum / count.max(1) as f64).collect();
    Ok(sums.into_iter().zip(counts).map(mean).collect())
}

//! Bias correction: the mean error of every output channel taken out of the bias.

mod data_free;
mod means;
mod quantized_layer;

use std::collections::HashMap;

use fourfold_graph::{Graph, Node};
use fourfold_runtime::Options;

use crate::{Batches, ChannelStatistics, Error, Quantized};
use quantized_layer::QuantizedLayer;

/// Moves the bias of every quantized layer so that the means of its sums are those of the float graph (empirical bias
/// correction, Nagel et al. 2019, arXiv 1906.04721).
///
/// ```text
/// bias'[c] = bias[c] + mean(y[c]) - mean(y_q[c])
/// ```
///
/// `y` is what the layer of the float graph computes before its activation, `y_q` the same of the quantized layer on
/// its quantized operand, without rounding of the result; the means are over all samples and positions. Layers are
/// corrected in the order of the graph, so each sees what the corrections before it changed. The quantized bias keeps
/// its scale `s_a * s_w`; a layer without bias gets one. Layers that run dynamically or in float stay as they are.
///
/// `float` is the graph that was prepared, with its names. `batches` are inputs as
/// [`Calibration::observe`](crate::Calibration::observe) takes them, best the same ones; they are gone through once in
/// float and, up to the layer in question, once for each quantized layer, so that no more than one has to be in memory.
/// The result has the same bits on every CPU.
///
/// # Errors
///
/// [`Error::NotCalibrated`] without batches, [`Error::Mismatch`] if a quantized layer is not one of the float graph,
/// [`Error::Observe`] if an input or a mean is not finite, [`Error::Runtime`] if the inputs do not fit.
pub fn correct_bias<B: Batches + ?Sized>(
    float: &Graph,
    quantized: &Quantized,
    batches: &B,
) -> Result<Quantized, B::Error> {
    correct_bias_with(float, quantized, batches, &Options::default())
}

/// As [`correct_bias`], with options for the runs, which change no bit of the result.
///
/// # Errors
///
/// As [`correct_bias`].
pub fn correct_bias_with<B: Batches + ?Sized>(
    float: &Graph,
    quantized: &Quantized,
    batches: &B,
    options: &Options,
) -> Result<Quantized, B::Error> {
    let mut graph = quantized.graph().clone();
    let layers = layers(float, &graph)?;
    let nodes: Vec<&Node> = layers.iter().map(|&(of_float, _)| &float.nodes()[of_float]).collect();
    let expected = means::of_float(float, &nodes, batches, options)?;
    for (&(_, index), expected) in layers.iter().zip(expected) {
        let actual = means::of_quantized(&graph, &graph.nodes()[index], batches, options)?;
        let difference: Vec<f64> = expected.iter().zip(&actual).map(|(expected, actual)| expected - actual).collect();
        graph = quantized_layer::with_biases(&graph, &HashMap::from([(index, difference)]))?;
    }
    Ok(Quantized { graph, layers: quantized.layers().to_vec() })
}

/// Moves the bias of every quantized layer by the mean error that rounding its weight is expected to make, without data
/// (Nagel et al. 2019, arXiv 1906.04721, section 4.2).
///
/// ```text
/// bias'[o] = bias[o] - sum_i,k (W_q[o, i, k] - W[o, i, k]) * E[x[i]]
/// ```
///
/// `E[x]` follows from the batch normalizations before the layer: a channel is normal with the mean and the deviation
/// that `statistics` has, and clamped by the activation. Sums add means and variances, averages and Flatten hand means
/// on. Where nothing is known, as of the operand of the first layer, nothing is corrected. Padding counts as if it had
/// the mean of its channel, which is an approximation, and errors of rounded activations are not seen: [`correct_bias`]
/// does better if there are samples.
///
/// `float` is the graph that was prepared, `statistics` that of the graph before [`fuse`](crate::fuse), or what
/// [`equalize_with_statistics`](crate::equalize_with_statistics) made of it.
///
/// # Errors
///
/// [`Error::Mismatch`] if a quantized layer is not one of the float graph.
pub fn correct_bias_data_free(
    float: &Graph,
    quantized: &Quantized,
    statistics: &ChannelStatistics,
) -> Result<Quantized, Error> {
    let graph = quantized.graph();
    let means = data_free::means(float, statistics);
    let mut differences = HashMap::new();
    for (of_float, index) in layers(float, graph)? {
        let node = &float.nodes()[of_float];
        if let Some(x) = &means[node.inputs()[0].index()] {
            differences.insert(index, data_free::difference(float, node, &QuantizedLayer::new(graph, index)?, x)?);
        }
    }
    Ok(Quantized { graph: quantized_layer::with_biases(graph, &differences)?, layers: quantized.layers().to_vec() })
}

/// The quantized layers: index in the float graph, index in the quantized one.
fn layers(float: &Graph, quantized: &Graph) -> Result<Vec<(usize, usize)>, Error> {
    let indices: HashMap<&str, usize> = (0..).zip(float.nodes()).map(|(index, node)| (node.name(), index)).collect();
    let mut layers = Vec::new();
    for (index, node) in quantized.nodes().iter().enumerate() {
        if !quantized_layer::is_quantized(quantized, node) {
            continue;
        }
        let mismatch = |reason| Error::Mismatch { node: node.name().to_owned(), reason };
        let found = *indices.get(node.name()).ok_or_else(|| mismatch("is not in the float graph"))?;
        let of_float = &float.nodes()[found];
        if of_float.op().kind() != node.op().kind() {
            return Err(mismatch("is another operator in the float graph"));
        }
        let weight = |graph: &Graph, node: &Node| graph.value(node.inputs()[1]).constant().map(|w| w.shape().to_vec());
        if weight(float, of_float) != weight(quantized, node) {
            return Err(mismatch("has a weight of another shape in the float graph"));
        }
        layers.push((found, index));
    }
    Ok(layers)
}

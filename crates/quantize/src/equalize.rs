//! Equalization: equal ranges for the channels of a layer, without data.

mod pairs;
mod scales;

use fourfold_graph::{Graph, Node};
use fourfold_tensor::Tensor;

use crate::rewrite::Rewrite;
use crate::{ChannelStatistics, Error};
use pairs::Pair;
use scales::Scales;

/// Moves scales between neighbouring layers until the channels of a weight have equal ranges (cross-layer equalization,
/// Nagel et al. 2019, arXiv 1906.04721, section 4.1), so that one scale for the whole weight is enough.
///
/// ```text
/// W1'[c] = W1[c] / s[c]     b1'[c] = b1[c] / s[c]     W2'[:, c] = W2[:, c] * s[c]
/// s[c] = sqrt(r1[c] * r2[c]) / r2[c]
/// ```
///
/// with `r1[c]` the largest magnitude in output channel `c` of the first layer and `r2[c]` that in input channel `c` of
/// the second; both are `sqrt(r1[c] * r2[c])` afterwards. All pairs are treated in turn until no scale changes by more
/// than 0.1 %, at most 200 times. The sums are kept in `f64`; every weight is rounded once.
///
/// A pair is two convolutions or linear layers of which the second alone reads the result of the first, with nothing
/// between them but ReLU, pooling, Flatten and Identity: functions with `f(x / s) = f(x) / s`. So the graph computes
/// the same numbers within rounding. Layers with another reader of their result (a residual sum), or whose constants
/// other nodes read too, keep the channels in question as they are. So do layers that clamp from above, as ReLU6 does,
/// since a clamp has one bound for all channels: [`equalize_with_statistics`] treats those. Call [`fuse`](crate::fuse)
/// first, so that batch normalizations do not stand between.
///
/// A channel that is zero on either side keeps its scale, and so does one whose weights or bias are beyond `2^63` or
/// all below `2^-63`. No scale leaves `2^-32` to `2^32`, so nothing becomes infinite; what would become subnormal
/// becomes zero.
///
/// # Errors
///
/// [`Error::AlreadyQuantized`] if the graph is quantized, [`Error::Weight`] if a weight or bias of a pair is not
/// finite.
pub fn equalize(graph: &Graph) -> Result<Graph, Error> {
    Ok(equalize_with_statistics(graph, &ChannelStatistics::default())?.0)
}

/// As [`equalize`], also between layers with a clamp from 0 to an upper bound, such as ReLU6; and gives the statistics
/// of the results that have other scales now, for [`correct_bias_data_free`](crate::correct_bias_data_free).
///
/// The paper replaces ReLU6 by ReLU, which is another network. Here the clamp stays, and a channel is scaled
/// only if its batch normalization keeps it below the bound, and no further than it stays there:
///
/// ```text
/// mean[c] + 6 * deviation[c] < bound        s[c] >= (mean[c] + 6 * deviation[c]) / bound
/// ```
///
/// The other channels keep their scale. So the graph computes the same within rounding for all values within 6
/// deviations, nearly dead channels among them, which are the ones that need it. `statistics` is that of the graph
/// before [`fuse`](crate::fuse).
///
/// # Errors
///
/// As [`equalize`].
pub fn equalize_with_statistics(
    graph: &Graph,
    statistics: &ChannelStatistics,
) -> Result<(Graph, ChannelStatistics), Error> {
    if graph.is_quantized() {
        return Err(Error::AlreadyQuantized);
    }
    let mut pairs = Pair::all(graph);
    pairs.retain(|pair| pair.bound == f32::INFINITY || statistics.get(pair.name(graph)).is_some());
    let scales = Scales::balanced(graph, pairs, statistics)?;
    let mut rewrite = Rewrite::new(graph)?;
    for (index, node) in graph.nodes().iter().enumerate() {
        if scales.changes(index) {
            let (weight, bias) = scales.apply(graph, index)?;
            replace(&mut rewrite, node, 1, weight)?;
            if let Some(bias) = bias {
                replace(&mut rewrite, node, 2, bias)?;
            }
        }
        rewrite.copy(node)?;
    }
    let mut divided = statistics.clone();
    for (first, scales) in scales.of_firsts(graph) {
        divided.divide(first, scales);
    }
    Ok((rewrite.finish()?, divided))
}

/// Lets a new constant stand for an operand that no other node reads.
fn replace(rewrite: &mut Rewrite<'_>, node: &Node, operand: usize, constant: Tensor) -> Result<(), Error> {
    let old = node.inputs()[operand];
    let name = rewrite.builder.unique_name(rewrite.source.value(old).name());
    let new = rewrite.builder.constant(&name, constant)?;
    rewrite.set(old, new);
    Ok(())
}

//! What batch normalizations tell about the values of each channel.

mod normal;

use std::collections::HashMap;

use fourfold_graph::{Graph, Node, Op};

use crate::Error;
use crate::fuse::{Chain, constant};
pub(crate) use normal::Moments;

/// The mean and the deviation of every channel that a batch normalization makes, as training left them.
///
/// The normalized values of a channel have mean 0 and variance 1 over the training data; times `scale` plus `bias` they
/// have mean `bias` and standard deviation `|scale|`. [`fuse`](crate::fuse) folds the normalization away, so these are
/// taken from the graph before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelStatistics {
    /// By the name of the fused node: moments before its activation.
    nodes: HashMap<String, Vec<Moments>>,
}

impl ChannelStatistics {
    /// Reads the batch normalizations of a float graph that is not fused yet.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyQuantized`] if the graph is quantized, [`Error::Tensor`] if the constants of a normalization are
    /// not `f32`.
    pub fn of_batch_norms(graph: &Graph) -> Result<Self, Error> {
        if graph.is_quantized() {
            return Err(Error::AlreadyQuantized);
        }
        let mut nodes = HashMap::new();
        for node in graph.nodes() {
            let alone = matches!(node.op(), Op::BatchNorm(_)).then_some(node);
            if let Some(batch_norm) = Chain::from(graph, node).batch_norm.or(alone) {
                nodes.insert(node.name().to_owned(), moments(graph, batch_norm)?);
            }
        }
        Ok(Self { nodes })
    }

    /// Whether there was no batch normalization.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The moments of the channels of a node before its activation.
    pub(crate) fn get(&self, node: &str) -> Option<&[Moments]> {
        self.nodes.get(node).map(Vec::as_slice)
    }

    /// Takes note that the channels of a node are divided by scales.
    pub(crate) fn divide(&mut self, node: &str, scales: &[f64]) {
        for (moments, scale) in self.nodes.get_mut(node).into_iter().flatten().zip(scales) {
            *moments = Moments { mean: moments.mean / scale, variance: moments.variance / (scale * scale) };
        }
    }
}

fn moments(graph: &Graph, batch_norm: &Node) -> Result<Vec<Moments>, Error> {
    let (scale, bias) = (constant(graph, batch_norm, 1)?, constant(graph, batch_norm, 2)?);
    let moments = |(&scale, &bias)| Moments { mean: f64::from(bias), variance: f64::from(scale) * f64::from(scale) };
    Ok(scale.iter().zip(bias).map(moments).collect())
}

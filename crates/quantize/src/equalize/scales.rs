//! The scales between the layers of each pair.

use fourfold_graph::Graph;
use fourfold_tensor::Tensor;

use super::pairs::Pair;
use crate::statistics::Moments;
use crate::weighted::Weighted;
use crate::{ChannelStatistics, Error};

/// The largest number of rounds over all pairs.
const ROUNDS: usize = 200;

/// A round that changes no scale by more is the last.
const TOLERANCE: f64 = 1e-3;

/// The largest scale, and the reciprocal of the smallest.
const LARGEST_SCALE: f64 = 4_294_967_296.0;

/// The largest magnitude that is scaled, and the reciprocal of the smallest. Times the squared largest scale it is
/// finite.
const LARGEST_RANGE: f64 = 9_223_372_036_854_775_808.0;

/// A channel is taken to be below a clamp's bound if its mean is by so many standard deviations.
const DEVIATIONS: f64 = 6.0;

/// The pairs of a graph, each with a scale for every channel between its layers.
pub(super) struct Scales {
    pairs: Vec<Pair>,
    scales: Vec<Vec<f64>>,
    /// For every node: the pair whose first layer it is.
    as_first: Vec<Option<usize>>,
    /// For every node: the pair whose second layer it is.
    as_second: Vec<Option<usize>>,
}

impl Scales {
    /// Scales with which the two ranges of every channel are equal.
    pub(super) fn balanced(graph: &Graph, pairs: Vec<Pair>, statistics: &ChannelStatistics) -> Result<Self, Error> {
        let (mut as_first, mut as_second) = (vec![None; graph.nodes().len()], vec![None; graph.nodes().len()]);
        let mut layers: Vec<Option<Weighted<'_>>> = vec![None; graph.nodes().len()];
        let mut scales = Vec::with_capacity(pairs.len());
        for (index, pair) in pairs.iter().enumerate() {
            as_first[pair.first] = Some(index);
            as_second[pair.second] = Some(index);
            for node in [pair.first, pair.second] {
                layers[node] = Some(Weighted::new(graph, &graph.nodes()[node])?);
            }
            scales.push(layers[pair.first].as_ref().map_or_else(Vec::new, |layer| vec![1.0; layer.outputs()]));
        }
        let mut balanced = Self { pairs, scales, as_first, as_second };
        let layer = |node: usize| layers[node].as_ref();
        let smallest: Vec<Vec<Option<f64>>> = (0..balanced.pairs.len())
            .map(|pair| balanced.smallest(pair, layer, statistics.get(balanced.pairs[pair].name(graph))))
            .collect();
        for _ in 0..ROUNDS {
            let mut largest = 0.0_f64;
            for (pair, smallest) in smallest.iter().enumerate() {
                largest = largest.max(balanced.balance(pair, smallest, layer));
            }
            if largest <= TOLERANCE {
                break;
            }
        }
        Ok(balanced)
    }

    /// The smallest scale of each channel of a pair; `None` for those that keep theirs.
    fn smallest<'l>(
        &self,
        pair: usize,
        layer: impl Fn(usize) -> Option<&'l Weighted<'l>>,
        moments: Option<&[Moments]>,
    ) -> Vec<Option<f64>> {
        let Pair { first, second, bound, .. } = self.pairs[pair];
        let (Some(one), Some(two)) = (layer(first), layer(second)) else { return Vec::new() };
        let is_sane = |range: f64| (LARGEST_RANGE.recip()..=LARGEST_RANGE).contains(&range);
        let ranges = one.ranges_of_outputs(|_| 1.0).into_iter().zip(self.ranges_of_second(pair, two));
        let smallest = |(channel, (r1, r2)): (usize, (f64, f64))| {
            let bias = one.bias.get(channel).map_or(0.0, |&bias| f64::from(bias).abs());
            if !is_sane(r1) || !is_sane(r2) || bias > LARGEST_RANGE {
                return None;
            }
            if bound == f32::INFINITY {
                return Some(LARGEST_SCALE.recip());
            }
            // What the clamp did not cut must stay below it.
            let moments: &Moments = moments.and_then(|moments| moments.get(channel))?;
            let largest = (moments.mean + DEVIATIONS * moments.variance.sqrt()) / f64::from(bound);
            (largest < 1.0).then_some(largest.max(LARGEST_SCALE.recip()))
        };
        ranges.enumerate().map(smallest).collect()
    }

    /// Makes the ranges of one pair equal, both taken without the scale of the pair; the largest relative change of a
    /// scale.
    fn balance<'l>(
        &mut self,
        pair: usize,
        smallest: &[Option<f64>],
        layer: impl Fn(usize) -> Option<&'l Weighted<'l>>,
    ) -> f64 {
        let Pair { first, second, .. } = self.pairs[pair];
        let (Some(one), Some(two)) = (layer(first), layer(second)) else { return 0.0 };
        let r1 = one.ranges_of_outputs(|input| self.of_input(first, input));
        let r2 = self.ranges_of_second(pair, two);
        let mut largest = 0.0_f64;
        for (((scale, &smallest), r1), r2) in self.scales[pair].iter_mut().zip(smallest).zip(r1).zip(r2) {
            let Some(smallest) = smallest else { continue };
            let new = (r1 / r2).sqrt().clamp(smallest, LARGEST_SCALE);
            largest = largest.max((new / *scale).max(*scale / new) - 1.0);
            *scale = new;
        }
        largest
    }

    /// The ranges of a pair's channels as inputs of its second layer, without the scale of the pair.
    fn ranges_of_second(&self, pair: usize, two: &Weighted<'_>) -> Vec<f64> {
        let Pair { second, block, .. } = self.pairs[pair];
        let ranges = two.ranges_of_inputs(|output| self.of_output(second, output).recip());
        ranges.chunks(block).map(|inputs| inputs.iter().copied().fold(0.0, f64::max)).collect()
    }

    /// By what an output channel of a node is divided.
    fn of_output(&self, node: usize, output: usize) -> f64 {
        self.as_first[node].map_or(1.0, |pair| self.scales[pair][output])
    }

    /// By what an input channel of a node is multiplied.
    fn of_input(&self, node: usize, input: usize) -> f64 {
        self.as_second[node].map_or(1.0, |pair| self.scales[pair][input / self.pairs[pair].block])
    }

    /// Whether a node has other constants with the scales.
    pub(super) fn changes(&self, node: usize) -> bool {
        self.as_first[node].is_some() || self.as_second[node].is_some()
    }

    /// The scaled weight and bias of a node.
    pub(super) fn apply(&self, graph: &Graph, node: usize) -> Result<(Tensor, Option<Tensor>), Error> {
        let layer = Weighted::new(graph, &graph.nodes()[node])?;
        let weight = layer.weight_indices().zip(layer.weight).map(|((output, input), &weight)| {
            scaled(weight, self.of_input(node, input) / self.of_output(node, output))
        });
        let weight = Tensor::from_elements(layer.shape, weight)?;
        if layer.bias.is_empty() {
            return Ok((weight, None));
        }
        let bias = layer.bias.iter().enumerate();
        let bias = bias.map(|(output, &bias)| scaled(bias, self.of_output(node, output).recip()));
        Ok((weight, Some(Tensor::from_elements(&[layer.bias.len()], bias)?)))
    }

    /// The name of every pair's first layer, with the scales by which its outputs are divided.
    pub(super) fn of_firsts<'g>(&self, graph: &'g Graph) -> impl Iterator<Item = (&'g str, &[f64])> {
        self.pairs.iter().map(|pair| pair.name(graph)).zip(self.scales.iter().map(Vec::as_slice))
    }
}

/// A product in `f32`; zero where it would be subnormal.
#[expect(clippy::cast_possible_truncation, reason = "computed in f64, kept in f32")]
fn scaled(x: f32, factor: f64) -> f32 {
    #[expect(clippy::float_cmp, reason = "a layer that nothing moves keeps its bits")]
    if factor == 1.0 {
        return x;
    }
    let product = (f64::from(x) * factor) as f32;
    if product.is_subnormal() { 0.0 } else { product }
}

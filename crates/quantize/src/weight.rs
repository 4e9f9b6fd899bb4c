//! Quantized weights and biases.

use fourfold_graph::{Graph, Node, Op};
use fourfold_observers::ObserverKind;
use fourfold_schemes::{Granularity, QuantParams, Scale, quantize, quantize_by_reciprocal};
use fourfold_tensor::{DType, Tensor, memory};

use crate::{Error, Observed};

/// A quantized weight `[out, ...]`, or `[in, out / groups, ...]` of a transposed convolution.
pub(crate) struct Weight {
    pub(crate) quantized: Tensor,
    pub(crate) params: QuantParams,
}

impl Weight {
    /// Quantizes the weight of a node.
    pub(crate) fn new(graph: &Graph, node: &Node, config: &Observed) -> Result<Self, Error> {
        Self::of(node, operand(graph, node, 1)?, config)
    }

    /// Quantizes a weight that is several weights, one below the other, each by itself: with a scale of its own if the
    /// configuration says one for a whole weight.
    pub(crate) fn of_parts(
        graph: &Graph,
        node: &Node,
        index: usize,
        parts: usize,
        config: &Observed,
    ) -> Result<Self, Error> {
        let weight = operand(graph, node, index)?;
        let rows = weight.shape()[0] / parts.max(1);
        if parts < 2 {
            return Self::of(node, weight, config);
        }
        let (mut quantized, mut scales, mut range) = (memory::room(weight.len())?, Vec::new(), (0, 0));
        for part in 0..parts {
            let Self { quantized: part, params } =
                Self::of(node, &weight.rows(part * rows..(part + 1) * rows)?, config)?;
            quantized.extend_from_slice(part.as_slice::<i8>()?);
            range = (params.quant_min(), params.quant_max());
            match params.scales() {
                [one] => scales.extend(core::iter::repeat_n(*one, rows)),
                each => scales.extend_from_slice(each),
            }
        }
        let granularity = Granularity::PerChannel { axis: 0, zero_points: vec![0; scales.len()], scales };
        let params = QuantParams::new(DType::I8, range, granularity)?;
        Ok(Self { quantized: Tensor::from_vec(weight.shape(), quantized)?, params })
    }

    fn of(node: &Node, weight: &Tensor, config: &Observed) -> Result<Self, Error> {
        let at_node = |source| Error::Weight { node: node.name().to_owned(), source };
        let scheme = config.check(["weight observer", "weight scheme"])?;
        // The scales of a transposed convolution's channels would lie on axis 1 and be shared by groups; it has one, as
        // in PyTorch.
        let is_transposed = matches!(node.op(), Op::ConvTranspose(_)) && !config.observer.is_per_tensor();
        let mut observer = if is_transposed { ObserverKind::MinMax } else { config.observer }.observer();
        observer.observe(weight).map_err(at_node)?;
        let params = observer.params(scheme).map_err(at_node)?;
        let quantize = if scheme.torch_codes { quantize_by_reciprocal } else { quantize };
        Ok(Self { quantized: quantize(weight, &params)?, params })
    }

    /// The same for a layer whose operand has scale `s_a` and whose bias must fit the sums: where
    /// `|bias / (s_a * s_w)| + 255 * sum |w|` could leave the range of `i32`, the weight's scale is enlarged until it
    /// fits.
    pub(crate) fn with_bias(
        self,
        graph: &Graph,
        node: &Node,
        s_a: Scale,
    ) -> Result<(Self, Option<(Tensor, QuantParams)>), Error> {
        if node.inputs().len() < 3 {
            return Ok((self, None));
        }
        let bias = operand(graph, node, 2)?;
        let fitted = self.fitted(graph, node, bias.as_slice()?, s_a)?;
        let bias = fitted.quantized_bias(bias.as_slice()?, s_a)?;
        Ok((fitted, Some(bias)))
    }

    /// The sum of `|w|` of each of so many output channels.
    fn sums(&self, op: &Op, channels: usize) -> Result<Vec<i64>, Error> {
        let (quantized, shape) = (self.quantized.as_slice::<i8>()?, self.quantized.shape());
        let mut sums = memory::filled(0, channels)?;
        let row = quantized.len() / channels.max(1);
        for (at, &q) in quantized.iter().enumerate() {
            let channel = match op {
                Op::ConvTranspose(conv) => {
                    let (taps, of_group) = (shape[2..].iter().product::<usize>(), shape[1]);
                    let group = at / (taps * of_group) / (shape[0] / conv.groups);
                    group * of_group + at / taps % of_group
                }
                _ => at / row,
            };
            sums[channel] += i64::from(q).abs();
        }
        Ok(sums)
    }

    /// With scales large enough for the bias.
    fn fitted(self, graph: &Graph, node: &Node, bias: &[f32], s_a: Scale) -> Result<Self, Error> {
        let sums = self.sums(node.op(), bias.len())?;
        let smallest = |(&sum, &bias): (&i64, &f32)| {
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let room = (i64::from(i32::MAX) - 255 * sum - 1).max(1) as f64;
            f64::from(bias).abs() / (f64::from(s_a.get()) * room)
        };
        let smallest: Vec<f64> = sums.iter().zip(bias).map(smallest).collect();
        let enlarged = |scale: Scale, smallest: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "scales are f32")]
            let larger = (smallest * 1.0001) as f32;
            if f64::from(scale.get()) >= smallest { Ok(scale) } else { Scale::new(larger) }
        };
        let granularity = match self.params.granularity() {
            Granularity::PerTensor { scale, zero_point } => {
                let smallest = smallest.iter().copied().fold(0.0, f64::max);
                Granularity::PerTensor { scale: enlarged(*scale, smallest)?, zero_point: *zero_point }
            }
            Granularity::PerChannel { axis, scales, zero_points } => {
                let scales = scales.iter().zip(&smallest).map(|(&scale, &smallest)| enlarged(scale, smallest));
                let (scales, zero_points) = (scales.collect::<Result<_, _>>()?, zero_points.clone());
                Granularity::PerChannel { axis: *axis, scales, zero_points }
            }
        };
        if granularity == *self.params.granularity() {
            return Ok(self);
        }
        let params = self.params.with_granularity(granularity)?;
        Ok(Self { quantized: quantize(operand(graph, node, 1)?, &params)?, params })
    }

    /// Equation (5): `round_half_even(bias / (s_a * s_w[c]))`, computed in `f64`.
    fn quantized_bias(&self, bias: &[f32], s_a: Scale) -> Result<(Tensor, QuantParams), Error> {
        let scales = self.params.scales();
        let product = |s_w: &Scale| f64::from(s_a.get()) * f64::from(s_w.get());
        #[expect(clippy::cast_possible_truncation, reason = "the scales were enlarged until every bias fits i32")]
        let round = |(channel, &bias): (usize, &f32)| {
            let s_w = &scales[if scales.len() == 1 { 0 } else { channel }];
            (f64::from(bias) / product(s_w)).round_ties_even() as i32
        };
        let quantized = Tensor::from_elements(&[bias.len()], bias.iter().enumerate().map(round))?;
        let scale = |s_w: &Scale| Scale::new(s_a.get() * s_w.get());
        let granularity = match scales {
            [one] => Granularity::PerTensor { scale: scale(one)?, zero_point: 0 },
            each => {
                let scales = each.iter().map(scale).collect::<Result<Vec<_>, _>>()?;
                Granularity::PerChannel { axis: 0, zero_points: vec![0; scales.len()], scales }
            }
        };
        Ok((quantized, QuantParams::new(DType::I32, (i32::MIN, i32::MAX), granularity)?))
    }
}

/// A constant operand of a node, all of whose elements are finite.
pub(crate) fn operand<'g>(graph: &'g Graph, node: &Node, index: usize) -> Result<&'g Tensor, Error> {
    let missing = fourfold_graph::Error::UnknownValue { index, count: node.inputs().len() };
    let constant = graph.value(node.inputs()[index]).constant().ok_or(missing)?;
    let elements = constant.as_slice::<f32>()?;
    match elements.iter().position(|value| !value.is_finite()) {
        None => Ok(constant),
        Some(first) => {
            let nan = elements.iter().filter(|value| value.is_nan()).count();
            let infinite = elements.iter().filter(|value| value.is_infinite()).count();
            let source = fourfold_observers::Error::NotFinite { nan, infinite, elements: elements.len(), first };
            Err(Error::Weight { node: node.name().to_owned(), source })
        }
    }
}

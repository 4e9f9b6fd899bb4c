//! Quantized constants of the file, as the operators of the graph hold them.

use fourfold_graph::{Dim, ValueId};
use fourfold_schemes::{Granularity, QuantParams, Scale, exact_weight_depth};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::constants::Stored;
use crate::import::constants::tensor::integers;
use crate::import::emission::binding::{Dequantized, Source};
use crate::import::emission::node::Entry;

/// How far the scale of a bias may be from that of the sums, relative to it, to count as the same: three roundings of
/// `f32`.
const SAME_SCALE: f64 = 4e-7;

/// What a quantized constant is used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Use {
    /// The operand of an operator, as they are.
    Operand,
    /// The weight of a convolution or product.
    Weight(Channels),
    /// What is added to the sums of products with that weight; the scale of the operand, as bits.
    Bias { weight: ValueId, scale: u32 },
    /// The weight of a recurrent layer with that many gates, in the graph's order.
    Gates { count: usize },
}

/// Where the output channels of a weight of the file are, and how the graph holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Channels {
    /// `[out, ..]`, as it is.
    First,
    /// `[in, out]`, transposed in the graph.
    Transposed,
    /// `[in, out / groups, ..]`, as it is, for that many groups.
    Second { groups: usize },
}

impl Channels {
    /// The same for a matrix that was transposed before.
    fn behind(self, is_transposed: bool) -> Self {
        match self {
            Channels::First if is_transposed => Channels::Transposed,
            Channels::Transposed if is_transposed => Channels::First,
            other => other,
        }
    }

    /// The axis in the file, and that in the graph.
    fn axes(self) -> (usize, usize) {
        match self {
            Channels::First => (0, 0),
            Channels::Transposed => (1, 0),
            Channels::Second { .. } => (1, 1),
        }
    }
}

/// What is added to the sums of products.
struct Bias<'a> {
    /// How it is found again.
    key: (Stored<'a>, Use),
    /// The scale of the sums of each channel, exact and rounded.
    scales: Vec<(f64, Scale)>,
}

impl<'a> Entry<'_, 'a> {
    /// The quantized values that an input was dequantized from, `None` if it was not or they are not those of an
    /// activation.
    pub(crate) fn quantized(&mut self, index: usize) -> Result<Option<ValueId>, Error> {
        let name = self.input(index).unwrap_or_default();
        let Some(found) = self.importer.emission.dequantized(name).filter(|found| found.is_activation()) else {
            return Ok(None);
        };
        match found.source {
            Source::Value(id) => Ok(Some(id)),
            Source::Constant(stored) if stored.is_transposed => Ok(None),
            Source::Constant(stored) => {
                let params = (*found.params).clone();
                self.operand_quantized(stored, params).map(Some)
            }
        }
    }

    /// A quantized constant as it is.
    pub(crate) fn operand_quantized(&mut self, stored: Stored<'a>, params: QuantParams) -> Result<ValueId, Error> {
        let key = (stored, Use::Operand);
        match (self.importer.weights.quantized.get(&key), self.importer.constants.stored(stored.names[0]).cloned()) {
            (Some(&id), _) => Ok(id),
            (None, Some(quantized)) => self.add_quantized(key, quantized, params),
            (None, None) => Err(self.unknown(stored.names[0])),
        }
    }

    /// The weight that a quantized constant is, or why the operators of the graph cannot hold it.
    pub(crate) fn quantized_weight(
        &mut self,
        stored: Stored<'a>,
        params: &QuantParams,
        channels: Channels,
    ) -> Result<Result<ValueId, String>, Error> {
        let channels = channels.behind(stored.is_transposed);
        let key = (stored, Use::Weight(channels));
        if let Some(&id) = self.importer.weights.quantized.get(&key) {
            return Ok(Ok(id));
        }
        let Some(quantized) = self.importer.constants.stored(stored.names[0]) else {
            return Err(self.unknown(stored.names[0]));
        };
        match held(quantized, params, channels) {
            Ok((quantized, params)) => self.add_quantized(key, quantized, params).map(Ok),
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// The bias of that name, quantized to `i32` with the scale `s_x * s_w`, rounded if it has another; `None` if it
    /// has no such form.
    pub(crate) fn quantized_bias(
        &mut self,
        name: &'a str,
        x: ValueId,
        weight: ValueId,
        channels: Channels,
    ) -> Result<Option<ValueId>, Error> {
        let Some(Bias { key, scales: sums }) = self.bias_of(name, x, weight, channels) else { return Ok(None) };
        if let Some(&id) = self.importer.weights.quantized.get(&key) {
            return Ok(Some(id));
        }
        let stored = match self.importer.emission.dequantized(name) {
            Some(Dequantized { source: Source::Constant(stored), params, .. }) if params.dtype() == DType::I32 => {
                let scales: Vec<f64> = params.scales().iter().map(|scale| f64::from(scale.get())).collect();
                self.importer.constants.stored(stored.names[0]).and_then(integers).map(|quantized| (quantized, scales))
            }
            _ => None,
        };
        let quantized = if let Some((quantized, scales)) = stored {
            let code = |channel: usize, scale: f64| {
                let code = at(&quantized, channel)?;
                let given = at(&scales, channel)?;
                let is_same = (given - scale).abs() <= SAME_SCALE * scale;
                if is_same { Some(code) } else { rounded(f64::from(code) * given / scale) }
            };
            sums.iter().enumerate().map(|(channel, &(scale, _))| code(channel, scale)).collect()
        } else {
            let Some(floats) = self.importer.constants.get(name)? else { return Ok(None) };
            let Ok(floats) = floats.as_slice::<f32>() else { return Ok(None) };
            let code =
                |(channel, &(scale, _)): (usize, &(f64, Scale))| rounded(f64::from(at(floats, channel)?) / scale);
            sums.iter().enumerate().map(code).collect::<Option<Vec<i32>>>()
        };
        let Some(quantized) = quantized else { return Ok(None) };
        self.add_bias(key, quantized, &sums).map(Some)
    }

    /// The bias of that name, which is quantized already; `None` if it is not `i32`, one number for each channel.
    pub(crate) fn raw_bias(&mut self, name: &'a str, x: ValueId, weight: ValueId) -> Result<Option<ValueId>, Error> {
        let Some(Bias { key, scales: sums }) = self.bias_of(name, x, weight, Channels::First) else { return Ok(None) };
        if let Some(&id) = self.importer.weights.quantized.get(&key) {
            return Ok(Some(id));
        }
        let quantized = self.importer.constants.stored(name).and_then(|quantized| quantized.as_slice::<i32>().ok());
        match quantized.filter(|quantized| quantized.len() == sums.len()).map(<[i32]>::to_vec) {
            Some(quantized) => self.add_bias(key, quantized, &sums).map(Some),
            None => Ok(None),
        }
    }

    /// What a bias is to the sums of products of `x` and a weight.
    ///
    /// `None` if the constant of that name is not a vector with one number for each channel, or one for all.
    fn bias_of(&self, name: &'a str, x: ValueId, weight: ValueId, channels: Channels) -> Option<Bias<'a>> {
        let scales = |id| self.ty(id).params().map(QuantParams::scales);
        let (s_x, s_w) = (*scales(x)?.first()?, scales(weight)?);
        let dims = self.ty(weight).dims();
        let own = dims.get(channels.axes().1).and_then(Dim::fixed)?;
        let columns = match channels {
            Channels::Second { groups } => own.checked_mul(groups)?,
            _ => own,
        };
        self.importer.constants.check(columns).ok()?;
        let shape = self.importer.constants.shape(name)?;
        let length = shape.last().copied().unwrap_or(1);
        if shape.iter().product::<usize>() != length || ![1, columns].contains(&length) {
            return None;
        }
        let product = |channel: usize| {
            let s_w = at(s_w, channel % own.max(1))?;
            Some((f64::from(s_x.get()) * f64::from(s_w.get()), Scale::new(s_x.get() * s_w.get()).ok()?))
        };
        let key = Stored { names: [name, "", ""], axis: 0, is_transposed: false };
        let scales = (0..columns).map(product).collect::<Option<_>>()?;
        Some(Bias { key: (key, Use::Bias { weight, scale: s_x.get().to_bits() }), scales })
    }

    fn add_bias(
        &mut self,
        key: (Stored<'a>, Use),
        quantized: Vec<i32>,
        sums: &[(f64, Scale)],
    ) -> Result<ValueId, Error> {
        let scales: Vec<Scale> = sums.iter().map(|&(_, scale)| scale).collect();
        let granularity = match scales[..] {
            [first, ref rest @ ..] if rest.iter().all(|scale| *scale == first) => {
                Granularity::PerTensor { scale: first, zero_point: 0 }
            }
            _ => Granularity::PerChannel { axis: 0, zero_points: vec![0; scales.len()], scales },
        };
        let params = QuantParams::new(DType::I32, (i32::MIN, i32::MAX), granularity);
        let params = params.map_err(|error| self.invalid(error.to_string()))?;
        let quantized = Tensor::from_vec(&[quantized.len()], quantized).map_err(fourfold_graph::Error::from)?;
        self.add_quantized(key, quantized, params)
    }

    /// Adds a quantized constant, named after that of the file.
    pub(crate) fn add_quantized(
        &mut self,
        key: (Stored<'a>, Use),
        quantized: Tensor,
        params: QuantParams,
    ) -> Result<ValueId, Error> {
        self.importer.constants.count(&quantized)?;
        let base = match self.importer.emission.dequantized(key.0.names[0]) {
            Some(Dequantized { source: Source::Constant(stored), .. }) => stored.names[0],
            _ => key.0.names[0],
        };
        let name = self.importer.constant_name(base);
        let id = self.importer.emission.quantized_constant(&name, quantized, params)?;
        self.importer.weights.quantized.insert(key, id);
        Ok(id)
    }
}

/// The element of a channel, or the one for all.
fn at<T: Copy>(list: &[T], channel: usize) -> Option<T> {
    if let [one] = list { Some(*one) } else { list.get(channel).copied() }
}

/// The nearest integer, ties to even, `None` if it is not an `i32`.
fn rounded(float: f64) -> Option<i32> {
    let float = float.round_ties_even();
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (f64::from(i32::MIN) <= float && float <= f64::from(i32::MAX)).then_some(float as i32)
}

/// A weight as the graph holds it, or why it cannot be one: `i8` with zero point 0 where its quantized values less the
/// zero point fit, else as it is.
fn held(quantized: &Tensor, params: &QuantParams, channels: Channels) -> Result<(Tensor, QuantParams), String> {
    let (given, axis) = channels.axes();
    let inner = match params.granularity() {
        Granularity::PerTensor { .. } => quantized.len().max(1),
        Granularity::PerChannel { axis, .. } if *axis == given => quantized.shape()[axis + 1..].iter().product(),
        Granularity::PerChannel { axis, .. } => {
            return Err(format!("its scales are on axis {axis}, the output channels on axis {given}"));
        }
    };
    let list = match quantized.dtype() {
        DType::I8 | DType::U8 => integers(quantized).unwrap_or_default(),
        other => return Err(format!("it is {other}, not int8 or uint8")),
    };
    let zero_points = params.zero_points();
    let shifted = list.iter().enumerate().map(|(index, code)| {
        let zero_point = zero_points[index / inner.max(1) % zero_points.len()];
        i8::try_from(code - zero_point).ok()
    });
    let (tensor, dtype, range, zero_points) = match shifted.collect::<Option<Vec<i8>>>() {
        Some(shifted) => {
            let range = range_of(&shifted, params);
            let tensor = Tensor::from_vec(quantized.shape(), shifted).map_err(|error| error.to_string())?;
            (tensor, DType::I8, range, vec![0; zero_points.len()])
        }
        None => (quantized.clone(), params.dtype(), (params.quant_min(), params.quant_max()), zero_points.to_vec()),
    };
    let granularity = match params.granularity().clone() {
        Granularity::PerTensor { scale, .. } => Granularity::PerTensor { scale, zero_point: zero_points[0] },
        Granularity::PerChannel { scales, .. } => Granularity::PerChannel { axis, zero_points, scales },
    };
    let params = QuantParams::new(dtype, range, granularity).map_err(|error| error.to_string())?;
    let depth = match channels {
        Channels::Second { groups } => {
            quantized.len() / quantized.shape().get(1).copied().unwrap_or(1).max(1) / groups.max(1)
        }
        _ => quantized.len() / quantized.shape().get(given).copied().unwrap_or(1).max(1),
    };
    let limit = exact_weight_depth(&params);
    if depth > limit {
        return Err(format!("sums of {depth} products can leave the range of int32, at most {limit} cannot"));
    }
    let transpose = channels == Channels::Transposed;
    let tensor = if transpose { tensor.permute(&[1, 0]).map_err(|error| error.to_string())? } else { tensor };
    Ok((tensor, params))
}

/// The quantized values that a weight with zero point 0 may have.
fn range_of(quantized: &[i8], params: &QuantParams) -> (i32, i32) {
    let zero_points = params.zero_points().iter().copied();
    let (most_before, least_before) = (zero_points.clone().max().unwrap_or(0), zero_points.min().unwrap_or(0));
    let few = (params.quant_min() - most_before, params.quant_max() - least_before);
    // Types of few bits say which quantized values there are.
    if Some((params.quant_min(), params.quant_max())) != params.dtype().byte_range() && few.0 >= -127 && few.1 <= 127 {
        return few;
    }
    // A file does not say which values of 8 bits a weight may use; the smallest is left out unless it is there.
    let min = if quantized.contains(&i8::MIN) { i8::MIN } else { -i8::MAX };
    (min.into(), i8::MAX.into())
}

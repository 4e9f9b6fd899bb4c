//! Quantized weights of recurrent layers.
//!
//! DynamicQuantizeLSTM has them as operands. A GRU or RNN that fourfold wrote computes with floats in ONNX: its weights
//! are behind a DequantizeLinear, and metadata of the node say how the layer was quantized.

use fourfold_graph::ValueId;
use fourfold_schemes::{DynamicScheme, Granularity, QuantParams, Scale};
use fourfold_tensor::DType;

use crate::Error;
use crate::import::constants::Stored;
use crate::import::constants::tensor::integers;
use crate::import::emission::binding::Source;
use crate::import::emission::node::Entry;
use crate::import::operators::recurrent::Layer;
use crate::import::weights::quantized::Use;
use crate::proto::DYNAMIC;

/// The schemes that the metadata may name.
const SCHEMES: [DynamicScheme; 3] =
    [DynamicScheme::PerRow, DynamicScheme::TorchPerTensor, DynamicScheme::OnnxPerTensor];

impl<'a> Entry<'_, 'a> {
    /// Both weights of a layer that was written from quantized ones, and how it was quantized; `None` if the file does
    /// not say so or the weights are not quantized any more.
    pub(crate) fn written_on_codes(&mut self, layer: &Layer) -> Result<Option<([ValueId; 2], DynamicScheme)>, Error> {
        let Some(entry) = self.proto.metadata_props.iter().find(|entry| entry.key == DYNAMIC) else { return Ok(None) };
        let Some(scheme) = SCHEMES.into_iter().find(|scheme| scheme.name() == entry.value) else {
            return Err(self.unsupported(format!("the metadata `{DYNAMIC}` with the value `{}`", entry.value)));
        };
        let Some(weight) = self.dequantized_gates(layer, 1)? else { return Ok(None) };
        Ok(self.dequantized_gates(layer, 2)?.map(|recurrent| ([weight, recurrent], scheme)))
    }

    /// The quantized weight `[d, gates * hidden, in]`, of `i8` with zero point 0, that an input was dequantized from;
    /// `None` if it is another.
    fn dequantized_gates(&mut self, layer: &Layer, index: usize) -> Result<Option<ValueId>, Error> {
        let name = self.input(index).unwrap_or_default();
        let name = self.importer.weights.before_reshape(name);
        let Some(found) = self.importer.emission.dequantized(name) else { return Ok(None) };
        let (Source::Constant(stored), params) = (found.source, &found.params) else { return Ok(None) };
        let key = (stored, Use::Gates { count: layer.cell.gates() });
        if let Some(id) = self.importer.weights.quantized(key.0, key.1) {
            return Ok(Some(id));
        }
        let rows = layer.direction.count() * layer.cell.gates() * layer.hidden;
        let Some(quantized) = self.importer.constants.stored(stored.names[0]) else { return Ok(None) };
        let Ok(list) = quantized.as_slice::<i8>() else { return Ok(None) };
        let scales = match params.granularity() {
            Granularity::PerTensor { scale, .. } => vec![*scale; rows],
            Granularity::PerChannel { axis, scales, .. }
                if scales.len() == rows && quantized.shape()[..=*axis].iter().product::<usize>() == rows =>
            {
                scales.clone()
            }
            Granularity::PerChannel { .. } => return Ok(None),
        };
        if stored.is_transposed || params.zero_points().iter().any(|&zero_point| zero_point != 0) {
            return Ok(None);
        }
        let depth = list.len() / rows;
        let (held, scales) = (layer.reordered(list, depth), layer.reordered(&scales, 1));
        self.hold_gates(key, held, scales).map(Some)
    }

    /// The quantized weight `[d, in, gates * hidden]` as the graph has it, `[d * gates * hidden, in]`, with its scale
    /// and zero point.
    pub(crate) fn quantized_gates(&mut self, layer: &Layer, index: usize, scale: usize) -> Result<ValueId, Error> {
        let quantized = self.constant(index)?;
        let name = self.input(index).unwrap_or_default();
        let names = [Some(name), self.input(scale), self.input(scale + 1)].map(Option::unwrap_or_default);
        let key = (Stored { names, axis: 0, is_transposed: false }, Use::Gates { count: layer.cell.gates() });
        if let Some(id) = self.importer.weights.quantized(key.0, key.1) {
            return Ok(id);
        }
        let list = integers(&quantized).filter(|_| quantized.dtype().byte_range().is_some());
        let list = list.ok_or_else(|| self.invalid(format!("has a weight `{name}` of type {}", quantized.dtype())))?;
        let (ways, depth, columns) = (quantized.shape()[0], quantized.shape()[1], quantized.shape()[2]);
        let scales = self.constant(scale)?;
        let zero_points = self.optional_constant(scale + 1)?.map(|tensor| integers(&tensor).unwrap_or_default());
        let zero_points = zero_points.unwrap_or_else(|| vec![0; ways]);
        let given =
            scales.as_slice::<f32>().map_err(|_| self.invalid(format!("has scales of type {}", scales.dtype())))?;
        let fits = |count: usize| count == ways || count == ways * columns;
        if !fits(given.len()) || !fits(zero_points.len()) {
            let (scales, zero_points) = (given.len(), zero_points.len());
            return Err(self.invalid(format!(
                "has {scales} scales and {zero_points} zero points for the weight `{name}` of shape {:?}",
                quantized.shape()
            )));
        }
        let mut held = Vec::with_capacity(list.len());
        let mut rows = Vec::with_capacity(ways * columns);
        for way in 0..ways {
            for &gate in layer.order() {
                for column in gate * layer.hidden..(gate + 1) * layer.hidden {
                    let of = |count: usize| if count == ways { way } else { way * columns + column };
                    let zero_point = zero_points[of(zero_points.len())];
                    let scale = Scale::new(given[of(given.len())]);
                    rows.push(scale.map_err(|error| self.invalid(format!("`{name}`: {error}")))?);
                    for line in 0..depth {
                        let code = list[(way * depth + line) * columns + column];
                        held.push(i8::try_from(i64::from(code) - i64::from(zero_point)).map_err(|_| {
                            self.unsupported(format!(
                                "a weight `{name}` with zero point {zero_point}, which int8 cannot do without,"
                            ))
                        })?);
                    }
                }
            }
        }
        self.hold_gates(key, held, rows)
    }

    /// Adds a quantized weight, with a scale for each row.
    fn hold_gates(&mut self, key: (Stored<'a>, Use), held: Vec<i8>, rows: Vec<Scale>) -> Result<ValueId, Error> {
        let shape = [rows.len(), held.len() / rows.len().max(1)];
        let min = if held.contains(&i8::MIN) { i8::MIN } else { -i8::MAX };
        let granularity = match rows[..] {
            [scale, ref rest @ ..] if rest.iter().all(|other| *other == scale) => {
                Granularity::PerTensor { scale, zero_point: 0 }
            }
            _ => Granularity::PerChannel { axis: 0, zero_points: vec![0; rows.len()], scales: rows },
        };
        let params = QuantParams::new(DType::I8, (min.into(), i8::MAX.into()), granularity);
        let params = params.map_err(|error| self.invalid(error.to_string()))?;
        let held = self.held(&shape, held)?;
        self.add_quantized(key, held, params)
    }
}

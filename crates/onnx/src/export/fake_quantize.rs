//! Fake quantization: QuantizeLinear and DequantizeLinear of any quantized type.

use fourfold_graph::Node;
use fourfold_schemes::{Granularity, QuantParams, QuantType, pack};

use super::Exporter;
use super::message::{int, wide};
use super::values::shape_of;
use crate::Error;
use crate::proto::{TensorProto, data_type};

/// The output types of QuantizeLinear, by width.
const TYPES: [QuantType; 6] =
    [QuantType::I4, QuantType::U4, QuantType::I8, QuantType::U8, QuantType::I16, QuantType::U16];

/// The type whose range is that of the parameters, or else the narrowest of 8 or 16 bits that holds it.
fn type_of(params: &QuantParams) -> Option<QuantType> {
    let range = (params.quant_min(), params.quant_max());
    let holds = |ty: QuantType| ty.range().0 <= range.0 && range.1 <= ty.range().1;
    let same = TYPES.into_iter().find(|ty| ty.range() == range);
    same.or_else(|| TYPES.into_iter().find(|&ty| ty.bits() >= 8 && holds(ty)))
}

/// Whether the type needs opset 21: QuantizeLinear before it has 8 bits only.
pub(super) fn is_new(params: &QuantParams) -> bool {
    type_of(params).is_none_or(|ty| ty.bits() != 8)
}

impl Exporter<'_> {
    pub(super) fn fake_quantize(&mut self, node: &Node, params: &QuantParams, output: &str) -> Result<(), Error> {
        let (name, mut float) = (node.name(), self.float(node.inputs()[0])?);
        let reason = "quantized values of more than 16 bits have no ONNX form";
        let ty = type_of(params).ok_or_else(|| Error::Export { value: output.to_owned(), reason })?;
        let range = (params.quant_min(), params.quant_max());
        if range != ty.range() {
            let reason = "a range narrower than the type, with several scales, has no ONNX form";
            let refused = || Error::Export { value: output.to_owned(), reason };
            let (scale, zero_point) = params.as_per_tensor().ok_or_else(refused)?;
            float = self.bounded(name, &float, range, (scale, zero_point))?;
        }
        let scale = self.scales(name, params)?;
        let zero_point = self.fresh(&format!("{name}.zero_point"));
        let raw_data = pack(ty, params.zero_points()).map_err(|source| {
            let name = name.to_owned();
            fourfold_graph::Error::Constant { name, source }
        })?;
        self.initializers.push(TensorProto {
            dims: shape_of(params).into_iter().map(wide).collect(),
            data_type: data_type::of_quantized(ty),
            name: zero_point.clone(),
            raw_data,
            ..TensorProto::default()
        });
        let axis = match params.granularity() {
            Granularity::PerTensor { .. } => Vec::new(),
            Granularity::PerChannel { axis, .. } => vec![int("axis", *axis)],
        };
        let inputs = [float.as_str(), &scale, &zero_point];
        let quantized = self.push_fresh("QuantizeLinear", &format!("{name}.codes"), &inputs, axis.clone());
        self.push("DequantizeLinear", name, &[&quantized, &scale, &zero_point], output, axis);
        Ok(())
    }
}

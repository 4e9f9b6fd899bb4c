//! Real numbers rounded to those that codes stand for: QuantizeLinear and DequantizeLinear of codes of any type.

use fourfold_graph::Node;
use fourfold_schemes::{CodeType, Granularity, QuantParams, pack};

use super::Exporter;
use super::message::{int, wide};
use super::values::shape_of;
use crate::Error;
use crate::proto::{TensorProto, data_type};

/// The types of codes that QuantizeLinear makes; those of 4 bits where all their codes are meant.
const TYPES: [(CodeType, i32); 6] = [
    (CodeType::I4, data_type::INT4),
    (CodeType::U4, data_type::UINT4),
    (CodeType::I8, data_type::INT8),
    (CodeType::U8, data_type::UINT8),
    (CodeType::I16, data_type::INT16),
    (CodeType::U16, data_type::UINT16),
];

/// The type whose codes they are, or the first of 8 or 16 bits that has them all, and its number in the file.
fn type_of(params: &QuantParams) -> Option<(CodeType, i32)> {
    let range = (params.quant_min(), params.quant_max());
    let has_all = |ty: CodeType| ty.range().0 <= range.0 && range.1 <= ty.range().1;
    let same = TYPES.into_iter().find(|(ty, _)| ty.range() == range);
    same.or_else(|| TYPES.into_iter().find(|(ty, _)| ty.bits() >= 8 && has_all(*ty)))
}

/// Whether the codes have more or fewer than 8 bits, which QuantizeLinear has since opset 21.
pub(super) fn is_new(params: &QuantParams) -> bool {
    type_of(params).is_none_or(|(ty, _)| ty.bits() != 8)
}

impl Exporter<'_> {
    pub(super) fn fake_quantize(&mut self, node: &Node, params: &QuantParams, output: &str) -> Result<(), Error> {
        let (name, mut real) = (node.name(), self.real(node.inputs()[0])?);
        let reason = "codes of more than 16 bits have no ONNX form";
        let (ty, number) = type_of(params).ok_or_else(|| Error::Export { value: output.to_owned(), reason })?;
        let range = (params.quant_min(), params.quant_max());
        if range != ty.range() {
            let reason = "a part of the codes of a type with several scales has no ONNX form";
            let refused = || Error::Export { value: output.to_owned(), reason };
            let (scale, zero_point) = params.as_per_tensor().ok_or_else(refused)?;
            real = self.bounded(name, &real, range, (scale, zero_point))?;
        }
        let scale = self.scales(name, params)?;
        let zero_point = self.fresh(&format!("{name}.zero_point"));
        let raw_data = pack(ty, params.zero_points()).map_err(|source| {
            let name = name.to_owned();
            fourfold_graph::Error::Constant { name, source }
        })?;
        self.initializers.push(TensorProto {
            dims: shape_of(params).into_iter().map(wide).collect(),
            data_type: number,
            name: zero_point.clone(),
            raw_data,
            ..TensorProto::default()
        });
        let axis = match params.granularity() {
            Granularity::PerTensor { .. } => Vec::new(),
            Granularity::PerChannel { axis, .. } => vec![int("axis", *axis)],
        };
        let inputs = [real.as_str(), &scale, &zero_point];
        let codes = self.push_fresh("QuantizeLinear", &format!("{name}.codes"), &inputs, axis.clone());
        self.push("DequantizeLinear", name, &[&codes, &scale, &zero_point], output, axis);
        Ok(())
    }
}

//! QuantizeLinear and DequantizeLinear.

use std::rc::Rc;

use fourfold_graph::Op;
use fourfold_schemes::{QuantParams, quantize};
use fourfold_tensor::DType;

use super::binding::{Binding, Codes, Dequantized, Stored};
use super::node::Entry;
use super::tensor::failed;
use crate::Error;
use crate::proto::data_type;

/// The attributes that the operators have in any version.
const ATTRIBUTES: [&str; 5] = ["axis", "saturate", "block_size", "output_dtype", "precision"];

impl<'a> Entry<'_, 'a> {
    /// Real numbers to codes. Constants become codes at once; codes that were dequantized with the same parameters come back.
    pub(super) fn quantize_linear(&mut self) -> Result<(), Error> {
        let (name, output) = (self.input(0).unwrap_or_default(), self.output());
        if let Some(real) = self.importer.constant(name)? {
            let axis = self.channel_axis()?;
            let parameters = self.parameters(1)?;
            let params = self.params(&parameters, self.made_dtype(parameters.dtype())?, real.shape(), axis)?;
            let codes = quantize(&real, &params).map_err(|error| failed(error, |reason| self.invalid(reason)))?;
            return self.importer.bind_constant(output, codes);
        }
        let params = self.quantizer()?;
        if let Some(Dequantized { codes: Codes::Value(id), params: made, .. }) = self.importer.dequantized(name)
            && **made == params
        {
            let id = *id;
            if !self.importer.is_output(output) {
                return self.importer.bind(output, Binding::Value(id));
            }
            return self.emit(Op::Identity, &[id]);
        }
        let x = self.operand(0)?;
        self.emit_quantized(output, Op::Quantize, &[x], Some(params))
    }

    /// The parameters that a QuantizeLinear gives to values that are computed.
    pub(super) fn quantizer(&mut self) -> Result<QuantParams, Error> {
        self.channel_axis()?;
        let parameters = self.parameters(1)?;
        self.per_tensor(&parameters, self.made_dtype(parameters.dtype())?)
    }

    /// Checks that an attribute asks for floats of 32 bits, or for nothing.
    fn in_floats(&self, attribute: &str, number: i64) -> Result<(), Error> {
        match i32::try_from(number) {
            Ok(0 | data_type::FLOAT) => Ok(()),
            Ok(other) => Err(self.unsupported(format!("the {attribute} {}", data_type::name(other)))),
            Err(_) => Err(self.invalid(format!("has the {attribute} {number}, which is no type"))),
        }
    }

    /// Codes to real numbers; nothing enters the graph before they are asked for.
    pub(super) fn dequantize_linear(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&ATTRIBUTES)?;
        self.in_floats("output_dtype", attributes.int("output_dtype", 0)?)?;
        let (block, axis) = (attributes.int("block_size", 0)?, attributes.int("axis", 1)?);
        let name = self.input(0).unwrap_or_default();
        if let Some(block) = usize::try_from(block).ok().filter(|&block| block > 0)
            && self.importer.stored(name).is_some()
        {
            return self.dequantize_blocks(axis, block);
        }
        let (output, axis) = (self.output(), self.channel_axis()?);
        let parameters = self.parameters(1)?;
        let (codes, params) = if let Some(tensor) = self.importer.stored(name) {
            let params = self.params(&parameters, tensor.dtype(), tensor.shape(), axis)?;
            let [scale, zero_point] = parameters.names;
            (Codes::Constant(Stored { names: [name, scale, zero_point], axis, is_turned: false }), params)
        } else {
            let id = match self.importer.bindings.get(name) {
                Some(Binding::Value(id)) => *id,
                Some(_) => return Err(self.invalid(format!("reads `{name}`, which holds real numbers, not codes"))),
                None => return Err(self.unknown(name)),
            };
            let ty = self.importer.builder.value(id).ty();
            self.expect_params(name, ty, &parameters)?;
            (Codes::Value(id), self.per_tensor(&parameters, ty.dtype())?)
        };
        let dequantized = Dequantized::new(self.name.clone(), codes, Rc::new(params));
        self.importer.bind(output, Binding::Dequantized(dequantized))
    }

    /// The axis of the channels; checks the attributes.
    fn channel_axis(&self) -> Result<i64, Error> {
        let attributes = self.attributes(&ATTRIBUTES)?;
        if attributes.int("block_size", 0)? != 0 {
            return Err(attributes.unsupported("quantization in blocks"));
        }
        attributes.int("axis", 1)
    }

    /// The type of the codes that a QuantizeLinear makes.
    fn made_dtype(&self, zero_point: Option<DType>) -> Result<DType, Error> {
        let attributes = self.attributes(&ATTRIBUTES)?;
        self.in_floats("precision", attributes.int("precision", 0)?)?;
        let given = match i32::try_from(attributes.int("output_dtype", 0)?) {
            Ok(0) => None,
            Ok(data_type::INT8) => Some(DType::I8),
            Ok(data_type::UINT8) => Some(DType::U8),
            Ok(other) => return Err(self.unsupported(format!("the output_dtype {}", data_type::name(other)))),
            Err(_) => return Err(self.invalid("has an output_dtype that is no type")),
        };
        match (given, zero_point) {
            (Some(given), Some(zero_point)) if given != zero_point => {
                Err(self.invalid(format!("output_dtype is {given}, but the zero point is {zero_point}")))
            }
            (given, zero_point) => Ok(zero_point.or(given).unwrap_or(DType::U8)),
        }
    }
}

//! Constants, scales and zero points, and the two names of a quantized value: of its integers and of its floats.

use fourfold_graph::{OutputParams, ValueId, ValueType};
use fourfold_schemes::{Granularity, QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use super::{Exporter, message};
use crate::Error;
use crate::proto::{AttributeProto, TensorProto};

impl Exporter<'_> {
    /// Adds an initializer under an unused name, which it returns.
    pub(super) fn initializer(&mut self, base: &str, value: &Tensor) -> String {
        let name = self.fresh(base);
        self.initializers.push(TensorProto::of(&name, value));
        name
    }

    pub(super) fn floats(&mut self, base: &str, shape: &[usize], values: &[f32]) -> Result<String, Error> {
        let value = Tensor::from_slice(shape, values).map_err(fourfold_graph::Error::from)?;
        Ok(self.initializer(base, &value))
    }

    /// The name of a value's `f32` tensor. The first call writes a constant, or dequantizes a quantized value.
    pub(super) fn float(&mut self, id: ValueId) -> Result<String, Error> {
        if let Some(name) = self.float_names.get(&id) {
            return Ok(name.clone());
        }
        let value = self.graph.value(id);
        let mut name = value.name().to_owned();
        match (value.constant(), value.ty().params()) {
            (Some(constant), None) => self.initializers.push(TensorProto::of(&name, constant)),
            (_, Some(_)) => {
                let node = self.fresh(&format!("{name}.dequantize"));
                name = self.fresh(&format!("{name}.real"));
                self.dequantize(id, &node, &name)?;
            }
            (None, None) => {}
        }
        self.float_names.insert(id, name.clone());
        Ok(name)
    }

    /// Adds the DequantizeLinear of a quantized value.
    pub(super) fn dequantize(&mut self, id: ValueId, node: &str, output: &str) -> Result<(), Error> {
        let [quantized, scale, zero_point] = self.quantized(id)?;
        let mut inputs = vec![quantized.as_str(), &scale];
        // The zero point of `i32` values is always 0.
        if self.ty(id).dtype() != DType::I32 {
            inputs.push(&zero_point);
        }
        self.push("DequantizeLinear", node, &inputs, output, axis_of(self.ty(id)));
        Ok(())
    }

    /// The names of the tensor, scale and zero point of a quantized value. The first call writes a constant.
    pub(super) fn quantized(&mut self, id: ValueId) -> Result<[String; 3], Error> {
        if let Some(names) = self.quantized_names.get(&id) {
            return Ok(names.clone());
        }
        let quantized = self.quantized_constant(id)?;
        let value = self.graph.value(id);
        let Some(params) = value.ty().params() else { return Ok([quantized, String::new(), String::new()]) };
        let [scale, zero_point] = self.parameters(value.name(), params)?;
        self.quantized_names.insert(id, [quantized.clone(), scale.clone(), zero_point.clone()]);
        Ok([quantized, scale, zero_point])
    }

    /// The name of a quantized constant, which the first call writes.
    pub(super) fn quantized_constant(&mut self, id: ValueId) -> Result<String, Error> {
        let value = self.graph.value(id);
        let Some(constant) = value.constant().filter(|_| value.ty().params().is_some()) else {
            let reason = "a quantized value that no node computes";
            return Err(Error::Export { value: value.name().to_owned(), reason });
        };
        if self.stored.insert(id) {
            self.initializers.push(TensorProto::of(value.name(), constant));
        }
        Ok(value.name().to_owned())
    }

    /// Writes scales and zero points.
    pub(super) fn parameters(&mut self, name: &str, params: &QuantParams) -> Result<[String; 2], Error> {
        let scale = self.scales(name, params)?;
        if params.dtype() == DType::I32 {
            return Ok([scale, String::new()]);
        }
        Ok([scale, self.zero_points(name, params)?])
    }

    /// Writes zero points of 8 bits.
    pub(super) fn zero_points(&mut self, name: &str, params: &QuantParams) -> Result<String, Error> {
        let bytes: Vec<u8> = params.zero_points().iter().map(|zero_point| zero_point.to_le_bytes()[0]).collect();
        let zero_points = Tensor::from_le_bytes(params.dtype(), &shape_of(params), &bytes);
        Ok(self.initializer(&format!("{name}.zero_point"), &zero_points.map_err(fourfold_graph::Error::from)?))
    }

    /// Writes scales.
    pub(super) fn scales(&mut self, name: &str, params: &QuantParams) -> Result<String, Error> {
        let scales: Vec<f32> = params.scales().iter().map(|scale| scale.get()).collect();
        self.floats(&format!("{name}.scale"), &shape_of(params), &scales)
    }

    /// A Clip to `s * (min - z)` and `s * (max - z)`, for the value `name`.
    pub(super) fn bounded(
        &mut self,
        name: &str,
        float: &str,
        (min, max): (i32, i32),
        (scale, zero_point): (Scale, i32),
    ) -> Result<String, Error> {
        #[expect(clippy::cast_precision_loss, reason = "quantized values of 16 bits at most")]
        let bound = |q: i32| scale.get() * (q - zero_point) as f32;
        let low = self.floats(&format!("{name}.low"), &[], &[bound(min)])?;
        let high = self.floats(&format!("{name}.high"), &[], &[bound(max)])?;
        Ok(self.push_fresh("Clip", &format!("{name}.bounded"), &[float, &low, &high], Vec::new()))
    }

    /// Adds the QuantizeLinear that makes a quantized value of the tensor `float`.
    pub(super) fn quantize(&mut self, node: &str, float: &str, id: ValueId) -> Result<(), Error> {
        let (value, ty) = (self.graph.value(id), self.ty(id));
        let Some(params) = ty.params() else { return Ok(()) };
        let name = value.name();
        let mut bounded = float.to_owned();
        let is_own =
            value.producer().is_some_and(|id| self.graph.node(id).op().kind().output_params() == OutputParams::Own);
        if is_own && Some((params.quant_min(), params.quant_max())) != ty.dtype().byte_range() {
            let scale_and_zero_point = (params.scales()[0], params.zero_points()[0]);
            bounded = self.bounded(name, float, (params.quant_min(), params.quant_max()), scale_and_zero_point)?;
        }
        let [scale, zero_point] = self.parameters(name, params)?;
        let inputs = [bounded.as_str(), &scale, &zero_point];
        self.push("QuantizeLinear", node, &inputs, name, Vec::new());
        self.quantized_names.insert(id, [name.to_owned(), scale, zero_point]);
        Ok(())
    }
}

/// The axis attribute of values with one scale for each channel.
pub(super) fn axis_of(ty: &ValueType) -> Vec<AttributeProto> {
    match ty.params().map(QuantParams::granularity) {
        Some(Granularity::PerChannel { axis, .. }) => vec![message::int("axis", *axis)],
        _ => Vec::new(),
    }
}

/// The shape of scales and zero points.
pub(super) fn shape_of(params: &QuantParams) -> Vec<usize> {
    match params.granularity() {
        Granularity::PerTensor { .. } => Vec::new(),
        Granularity::PerChannel { scales, .. } => vec![scales.len()],
    }
}

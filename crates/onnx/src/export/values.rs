//! Constants, scales and zero points, and the two names that a quantized value has: as codes and as real numbers.

use fourfold_graph::{OutputParams, ValueId, ValueType};
use fourfold_schemes::{Granularity, QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use super::{Exporter, message};
use crate::Error;
use crate::proto::{AttributeProto, TensorProto};

impl Exporter<'_> {
    /// Adds an initializer with a name of its own, which it returns.
    pub(super) fn initializer(&mut self, base: &str, value: &Tensor) -> String {
        let name = self.fresh(base);
        self.initializers.push(TensorProto::of(&name, value));
        name
    }

    pub(super) fn floats(&mut self, base: &str, shape: &[usize], values: &[f32]) -> Result<String, Error> {
        let value = Tensor::from_slice(shape, values).map_err(fourfold_graph::Error::from)?;
        Ok(self.initializer(base, &value))
    }

    /// The name of the real numbers of a value; constants are written, codes dequantized, when first asked for.
    pub(super) fn real(&mut self, id: ValueId) -> Result<String, Error> {
        if let Some(name) = self.reals.get(&id) {
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
        self.reals.insert(id, name.clone());
        Ok(name)
    }

    /// Adds the DequantizeLinear of a value of codes.
    pub(super) fn dequantize(&mut self, id: ValueId, node: &str, output: &str) -> Result<(), Error> {
        let [codes, scale, zero_point] = self.codes_of(id)?;
        let mut inputs = vec![codes.as_str(), &scale];
        // Codes of 32 bits always have the zero point 0.
        if self.ty(id).dtype() != DType::I32 {
            inputs.push(&zero_point);
        }
        self.push("DequantizeLinear", node, &inputs, output, axis_of(self.ty(id)));
        Ok(())
    }

    /// The names of codes, scale and zero point of a value; constants are written when first asked for.
    pub(super) fn codes_of(&mut self, id: ValueId) -> Result<[String; 3], Error> {
        if let Some(names) = self.codes.get(&id) {
            return Ok(names.clone());
        }
        let codes = self.constant_codes(id)?;
        let value = self.graph.value(id);
        let Some(params) = value.ty().params() else { return Ok([codes, String::new(), String::new()]) };
        let [scale, zero_point] = self.parameters(value.name(), params)?;
        self.codes.insert(id, [codes.clone(), scale.clone(), zero_point.clone()]);
        Ok([codes, scale, zero_point])
    }

    /// The name of constant codes, which are written when first asked for.
    pub(super) fn constant_codes(&mut self, id: ValueId) -> Result<String, Error> {
        let value = self.graph.value(id);
        let Some(constant) = value.constant().filter(|_| value.ty().params().is_some()) else {
            let reason = "codes that nothing makes";
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

    /// Writes zero points of 8-bit codes.
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

    /// A Clip of real numbers to those of the smallest and the largest code, for a value of that name.
    pub(super) fn bounded(
        &mut self,
        name: &str,
        real: &str,
        (least, most): (i32, i32),
        (scale, zero_point): (Scale, i32),
    ) -> Result<String, Error> {
        #[expect(clippy::cast_precision_loss, reason = "codes of 16 bits at most")]
        let bound = |code: i32| scale.get() * (code - zero_point) as f32;
        let low = self.floats(&format!("{name}.low"), &[], &[bound(least)])?;
        let high = self.floats(&format!("{name}.high"), &[], &[bound(most)])?;
        Ok(self.push_fresh("Clip", &format!("{name}.bounded"), &[real, &low, &high], Vec::new()))
    }

    /// Quantizes real numbers to the codes of a value.
    pub(super) fn quantize(&mut self, node: &str, real: &str, id: ValueId) -> Result<(), Error> {
        let (value, ty) = (self.graph.value(id), self.ty(id));
        let Some(params) = ty.params() else { return Ok(()) };
        let name = value.name();
        let mut bounded = real.to_owned();
        let is_own =
            value.producer().is_some_and(|id| self.graph.node(id).op().kind().output_params() == OutputParams::Own);
        if is_own && Some((params.quant_min(), params.quant_max())) != ty.dtype().byte_range() {
            let meaning = (params.scales()[0], params.zero_points()[0]);
            bounded = self.bounded(name, real, (params.quant_min(), params.quant_max()), meaning)?;
        }
        let [scale, zero_point] = self.parameters(name, params)?;
        let inputs = [bounded.as_str(), &scale, &zero_point];
        self.push("QuantizeLinear", node, &inputs, name, Vec::new());
        self.codes.insert(id, [name.to_owned(), scale, zero_point]);
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

//! Operators on quantized values: those of ONNX and of ONNX Runtime, whose names begin with Q.

use fourfold_graph::{
    Activation, Add, AveragePool, Binary, Cast, CastTo, Concat, Flatten, Linear, Op, Reshape, Softmax, Unary, ValueId,
};
use fourfold_schemes::{QuantParams, QuantType};

use crate::Error;
use crate::import::constants::Stored;
use crate::import::emission::binding::Binding;
use crate::import::emission::node::Entry;
use crate::import::reading::window::{CONV, POOL};

impl<'a> Entry<'_, 'a> {
    /// `(x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, [bias])`.
    pub(crate) fn qlinear_conv(&mut self) -> Result<(), Error> {
        self.attributes(&CONV)?;
        let inputs = self.given_weighted(0, false, self.input(8))?;
        let params = self.activation_parameters(6)?;
        let op = self.conv_op(inputs[0], inputs[1])?;
        self.emit_quantized(self.output(), op, &inputs, Some(params))
    }

    /// `(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point)`; with a constant matrix on the
    /// right it is a Linear.
    pub(crate) fn qlinear_matmul(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let shape = self.input(3).and_then(|name| self.importer.constants.shape(name));
        if shape.is_none_or(|shape| shape.len() != 2) {
            let inputs = [self.given_quantized(0)?, self.given_quantized(3)?];
            let params = self.activation_parameters(6)?;
            return self.emit_quantized(self.output(), Op::MatMul, &inputs, Some(params));
        }
        let inputs = self.given_weighted(0, true, None)?;
        let params = self.activation_parameters(6)?;
        self.emit_quantized(self.output(), Op::Linear(Linear::default()), &inputs, Some(params))
    }

    /// `(a, a_scale, a_zero_point, b, b_scale, b_zero_point, [c], y_scale, y_zero_point)`.
    pub(crate) fn qgemm(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["alpha", "transA", "transB"])?;
        let alpha = attributes.float("alpha", 1.0)?;
        if attributes.flag("transA")? {
            return Err(self.unsupported("transA"));
        }
        let is_transposed = !attributes.flag("transB")?;
        if self.input(7).is_none() {
            return self.qgemm_to_float(alpha, is_transposed);
        }
        if alpha != 1.0 {
            return Err(self.unsupported("alpha"));
        }
        let inputs = self.given_weighted(0, is_transposed, self.input(6))?;
        let params = self.activation_parameters(7)?;
        self.emit_quantized(self.output(), Op::Linear(Linear::default()), &inputs, Some(params))
    }

    /// The same with a result of floats: `f32(sums) * (alpha * a_scale * b_scale)`.
    fn qgemm_to_float(&mut self, alpha: f32, is_transposed: bool) -> Result<(), Error> {
        let inputs = self.given_weighted(0, is_transposed, self.input(6))?;
        let scales = |id: ValueId| self.ty(id).params().map_or(&[][..], QuantParams::scales);
        let own = scales(inputs[0]).first().map_or(1.0, |scale| alpha * scale.get());
        let scales: Vec<f32> = scales(inputs[1]).iter().map(|scale| own * scale.get()).collect();
        let shape = if scales.len() == 1 { Vec::new() } else { vec![scales.len()] };
        let sums = self.emit_before("sums", Op::Linear(Linear::default()), &inputs)?;
        let floats = self.emit_before("reals", Op::Cast(Cast { to: CastTo::F32 }), &[sums])?;
        let scales = self.floats("scales", &shape, scales)?;
        self.emit(Op::Binary(Binary::Mul), &[floats, scales])
    }

    /// `(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point)`.
    pub(crate) fn qlinear_add(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let inputs = [self.given_quantized(0)?, self.given_quantized(3)?];
        let params = self.activation_parameters(6)?;
        self.emit_quantized(self.output(), Op::Add(Add { activation: Activation::None }), &inputs, Some(params))
    }

    /// `(x, x_scale, x_zero_point, y_scale, y_zero_point)`.
    pub(crate) fn qlinear_average_pool(&mut self) -> Result<(), Error> {
        self.expect_channels_first(&[&POOL[..], &["count_include_pad", "channels_last"]].concat())?;
        let (x, params) = self.pooled()?;
        let (window, count_include_pad) = self.average_window(x, &["channels_last"])?;
        let op = Op::AveragePool(AveragePool { window, count_include_pad });
        self.emit_quantized(self.output(), op, &[x], Some(params))
    }

    /// `(x, x_scale, x_zero_point, y_scale, y_zero_point)`.
    pub(crate) fn qlinear_global_average_pool(&mut self) -> Result<(), Error> {
        self.expect_channels_first(&["channels_last"])?;
        let (x, params) = self.pooled()?;
        self.emit_quantized(self.output(), Op::GlobalAveragePool, &[x], Some(params))
    }

    /// `(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point)`.
    pub(crate) fn qlinear_mul(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let inputs = [self.given_quantized(0)?, self.given_quantized(3)?];
        let params = self.activation_parameters(6)?;
        self.emit_quantized(self.output(), Op::Binary(Binary::Mul), &inputs, Some(params))
    }

    /// `(x, x_scale, x_zero_point, y_scale, y_zero_point)`.
    pub(crate) fn qlinear_sigmoid(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let (x, params) = self.pooled()?;
        self.emit_quantized(self.output(), Op::Unary(Unary::Sigmoid), &[x], Some(params))
    }

    /// `(x, x_scale, x_zero_point, y_scale, y_zero_point)`.
    pub(crate) fn qlinear_leaky_relu(&mut self) -> Result<(), Error> {
        let slope = self.attributes(&["alpha"])?.float("alpha", 0.01)?;
        let (x, params) = self.pooled()?;
        self.emit_quantized(self.output(), Op::Unary(Unary::LeakyRelu { slope }), &[x], Some(params))
    }

    /// `(x, x_scale, x_zero_point, y_scale, y_zero_point)`: a softmax of the floats.
    pub(crate) fn qlinear_softmax(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["axis", "opset"])?;
        let is_joined = attributes.int("opset", 13)? < 13;
        let axis = attributes.int("axis", if is_joined { 1 } else { -1 })?;
        let (x, params) = self.pooled()?;
        let float = self.emit_before("dequantize", Op::Dequantize, &[x])?;
        let dims = self.dims(float);
        let axis = self.axis(axis, dims.len(), false)?;
        let soft = if is_joined && axis + 1 < dims.len() {
            let flat = self.emit_before("flatten", Op::Flatten(Flatten { axis }), &[float])?;
            let soft = self.emit_before("softmax", Op::Softmax(Softmax { axis: 1 }), &[flat])?;
            self.emit_before("reshape", Op::Reshape(Reshape { dims }), &[soft])?
        } else {
            self.emit_before("softmax", Op::Softmax(Softmax { axis }), &[float])?
        };
        self.emit_quantized(self.output(), Op::Quantize, &[soft], Some(params))
    }

    /// `(y_scale, y_zero_point, x, x_scale, x_zero_point, ...)`.
    pub(crate) fn qlinear_concat(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["axis"])?;
        let given = attributes.int("axis", i64::MAX)?;
        if given == i64::MAX {
            return Err(self.invalid("lacks the attribute `axis`"));
        }
        let count = self.proto.input.len();
        if count < 5 || count % 3 != 2 {
            return Err(self.invalid(format!("has {count} inputs, expected two and three for each operand")));
        }
        let params = self.activation_parameters(0)?;
        let inputs = (2..count).step_by(3).map(|index| self.given_quantized(index)).collect::<Result<Vec<_>, _>>()?;
        let axis = self.axis(given, self.dims(inputs[0]).len(), false)?;
        self.emit_quantized(self.output(), Op::Concat(Concat { axis }), &inputs, Some(params))
    }

    fn expect_channels_first(&self, known: &[&str]) -> Result<(), Error> {
        if self.attributes(known)?.flag("channels_last")? { Err(self.unsupported("channels_last")) } else { Ok(()) }
    }

    /// The operand and the parameters of an operator with one operand.
    fn pooled(&mut self) -> Result<(ValueId, QuantParams), Error> {
        Ok((self.given_quantized(0)?, self.activation_parameters(3)?))
    }

    /// The quantized values of input `index`, with the scale and zero point behind them.
    fn given_quantized(&mut self, index: usize) -> Result<ValueId, Error> {
        let name = self.input(index).ok_or_else(|| self.invalid(format!("lacks input {index}")))?;
        let parameters = self.parameters(index + 1)?;
        if let Some(quantized) = self.importer.constants.stored(name) {
            let params = self.per_tensor(&parameters, QuantType::of(quantized.dtype()).unwrap_or(QuantType::U8))?;
            let [scale, zero_point] = parameters.names;
            return self
                .operand_quantized(Stored { names: [name, scale, zero_point], axis: 0, is_transposed: false }, params);
        }
        if let Some(Binding::Dequantized(_)) = self.importer.emission.binding(name) {
            return Err(self.invalid(format!("reads `{name}`, which holds floats, not quantized values")));
        }
        let id = self.any_operand(index)?;
        self.expect_params(name, self.ty(id), &parameters)?;
        Ok(id)
    }

    /// Quantized operand, weight and bias. `transpose` says that the weight is `[in, out]`.
    fn given_weighted(&mut self, index: usize, transpose: bool, bias: Option<&'a str>) -> Result<Vec<ValueId>, Error> {
        let x = self.given_quantized(index)?;
        let [weight, scale, zero_point] = [3, 4, 5].map(|operand| self.input(index + operand).unwrap_or_default());
        let weight = self.given_weight(weight, [scale, zero_point], transpose)?;
        let mut inputs = vec![x, weight];
        if let Some(bias) = bias {
            let wrong = format!("the bias `{bias}`, which is not an int32 constant with one number for each channel,");
            inputs.push(self.raw_bias(bias, x, weight)?.ok_or_else(|| self.unsupported(wrong))?);
        }
        Ok(inputs)
    }
}

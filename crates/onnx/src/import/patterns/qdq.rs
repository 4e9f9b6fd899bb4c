//! QuantizeLinear and DequantizeLinear.
//!
//! ```text
//! QuantizeLinear(constant)               ->  a constant
//! QuantizeLinear(DequantizeLinear(x))    ->  x, if both have the same parameters
//! QuantizeLinear(x)                      ->  Quantize(x), or FakeQuantize(x) for 16 bits or several scales
//! DequantizeLinear(x)                    ->  nothing, until a node asks for floats
//! ```

use std::rc::Rc;

use fourfold_graph::{Binary, Cast, CastTo, NewNode, Op, ValueId};
use fourfold_schemes::{QuantParams, QuantType, quantize};
use fourfold_tensor::DType;

use crate::Error;
use crate::import::constants::Stored;
use crate::import::constants::tensor::failed;
use crate::import::emission::binding::{Binding, Dequantized, Source};
use crate::import::emission::node::Entry;
use crate::import::patterns::fake::{FakeQuantized, Meaning, shape_on_axis};
use crate::import::weights::parameters::Parameters;
use crate::proto::data_type;

/// The attributes that the operators have in any version.
const ATTRIBUTES: [&str; 5] = ["axis", "saturate", "block_size", "output_dtype", "precision"];

impl<'a> Entry<'_, 'a> {
    /// Quantizes floats. Constants are quantized at once; quantized values that were dequantized with the same
    /// parameters come back.
    pub(crate) fn quantize_linear(&mut self) -> Result<(), Error> {
        let (name, output) = (self.input(0).unwrap_or_default(), self.output());
        let (axis, block) = self.axis_and_block()?;
        if let Some(size) = block {
            let zero_point = self.input(2).and_then(|name| self.importer.code_of(name));
            let code = self.made_code(zero_point)?;
            self.importer.note_code(output, code);
            return self.quantize_blocks(code, axis, size);
        }
        let parameters = self.parameters(1)?;
        let code = self.made_code(parameters.code())?;
        self.importer.note_code(output, code);
        if let Some(float) = self.importer.constants.get(name)? {
            let params = self.params(&parameters, code, float.shape(), axis)?;
            let quantized = quantize(&float, &params);
            let quantized = quantized.map_err(|error| failed(error, |reason| self.invalid(reason)))?;
            return self.importer.bind_constant(output, quantized);
        }
        if !is_on_quantized(&parameters, code) {
            return self.fake_quantize(&parameters, code, axis);
        }
        let params = self.per_tensor(&parameters, code)?;
        if let Some(Dequantized { source: Source::Value(id), params: made, .. }) =
            self.importer.emission.dequantized(name)
            && **made == params
        {
            let id = *id;
            if !self.importer.names.is_output(output) {
                return self.importer.bind(output, Binding::Value(id));
            }
            return self.emit(Op::Identity, &[id]);
        }
        let x = self.operand(0)?;
        self.emit_quantized(output, Op::Quantize, &[x], Some(params))
    }

    /// The parameters that a QuantizeLinear gives to values that are computed, `None` if operators of the graph do not
    /// take such quantized values.
    pub(super) fn quantizer(&mut self) -> Result<Option<QuantParams>, Error> {
        if self.axis_and_block()?.1.is_some() {
            return Ok(None);
        }
        let parameters = self.parameters(1)?;
        let code = self.made_code(parameters.code())?;
        self.importer.note_code(self.output(), code);
        let is_on_quantized = is_on_quantized(&parameters, code);
        if is_on_quantized { self.per_tensor(&parameters, code).map(Some) } else { Ok(None) }
    }

    /// Quantized values that no operator of the graph takes: the floats that they stand for are computed.
    fn fake_quantize(&mut self, parameters: &Parameters<'a>, code: QuantType, axis: i64) -> Result<(), Error> {
        let x = self.operand(0)?;
        let params = self.params_of(parameters, code, self.dims(x).len(), axis)?;
        self.importer.note(match params.as_per_tensor() {
            Some(_) => "activations of 16 bits run as real numbers, rounded to those that their codes stand for",
            None => "activations with several scales run as real numbers, rounded to those that their codes stand for",
        });
        match self.is_rounded(x, &params) {
            true => self.bind_fake(x, code, params),
            false => self.emit_fake(Op::FakeQuantize(params.clone()), &[x], code, params),
        }
    }

    /// Adds a node that gives the floats that the quantized result stands for.
    pub(crate) fn emit_fake(
        &mut self,
        op: Op,
        inputs: &[ValueId],
        code: QuantType,
        params: QuantParams,
    ) -> Result<(), Error> {
        let float = self.importer.fresh_name(&format!("{}.real", self.output()));
        let new = NewNode { name: &self.name, output: &float, op, inputs, params: None };
        let float = self.importer.emission.add(new)?;
        self.bind_fake(float, code, params)
    }

    fn bind_fake(&mut self, float: ValueId, code: QuantType, params: QuantParams) -> Result<(), Error> {
        let fake = FakeQuantized { float, code, meaning: Meaning::Params(Rc::new(params)), quantized: None };
        self.importer.bind_fake(self.output(), fake)
    }

    /// Whether a value was rounded with these parameters before, and only moved since, a few times at most.
    fn is_rounded(&self, mut x: ValueId, params: &QuantParams) -> bool {
        for _ in 0..8 {
            let Some(node) = self.importer.emission.producer(x) else { return false };
            match node.op() {
                Op::FakeQuantize(made) => return made == params,
                op if is_moving(op) && params.as_per_tensor().is_some() => x = node.inputs()[0],
                _ => return false,
            }
        }
        false
    }

    /// Checks that an attribute asks for floats of 32 bits, or for nothing.
    fn in_floats(&self, attribute: &str, number: i64) -> Result<(), Error> {
        match i32::try_from(number) {
            Ok(0 | data_type::FLOAT) => Ok(()),
            Ok(other) => Err(self.unsupported(format!("the {attribute} {}", data_type::name(other)))),
            Err(_) => Err(self.invalid(format!("has the {attribute} {number}, which is no type"))),
        }
    }

    /// Dequantizes; nothing enters the graph before a node asks for the floats.
    pub(crate) fn dequantize_linear(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&ATTRIBUTES)?;
        self.in_floats("output_dtype", attributes.int("output_dtype", 0)?)?;
        let (axis, block) = self.axis_and_block()?;
        if let Some(size) = block {
            return self.dequantize_blocks(axis, size);
        }
        let (name, output) = (self.input(0).unwrap_or_default(), self.output());
        let parameters = self.parameters(1)?;
        let code = self.importer.code_of(name);
        let (quantized, params) = if let Some(shape) =
            self.importer.constants.stored(name).map(|quantized| quantized.shape().to_vec())
        {
            let code = code.ok_or_else(|| self.invalid(format!("reads `{name}`, which holds no quantized values")))?;
            if matches!(code, QuantType::I16 | QuantType::U16) {
                self.importer.note("constants of 16 bits are real numbers here");
            }
            let params = self.params(&parameters, code, &shape, axis)?;
            let [scale, zero_point] = parameters.names;
            (Source::Constant(Stored { names: [name, scale, zero_point], axis, is_transposed: false }), params)
        } else {
            if let Some(fake) = self.importer.patterns.fake(name) {
                let (float, code) = (fake.float, fake.code);
                let Some(made) = fake.params().map(Rc::clone) else {
                    let what =
                        format!("reading the quantized values `{name}` with one scale, which were made in blocks,");
                    return Err(self.unsupported(what));
                };
                let given = self.params_of(&parameters, code, self.dims(float).len(), axis)?;
                self.expect_same(name, &given, &made)?;
                return self.stand_for(float);
            }
            match self.importer.emission.binding(name) {
                None => return Err(self.unknown(name)),
                Some(Binding::Dequantized(_)) => {
                    return Err(self.invalid(format!("reads `{name}`, which holds floats, not quantized values")));
                }
                Some(_) => {}
            }
            let id = self.any_operand(0)?;
            let ty = self.ty(id);
            if ty.params().is_none() {
                return self.dequantize_integers(id, &parameters, axis);
            }
            self.expect_params(name, ty, &parameters)?;
            (Source::Value(id), self.per_tensor(&parameters, code.unwrap_or(QuantType::U8))?)
        };
        let dequantized = Dequantized::new(self.name.clone(), quantized, Rc::new(params));
        self.importer.bind(output, Binding::Dequantized(dequantized))
    }

    /// Makes the result of the node a value that is there.
    pub(super) fn stand_for(&mut self, value: ValueId) -> Result<(), Error> {
        let output = self.output();
        if self.importer.names.is_output(output) {
            return self.emit(Op::Identity, &[value]);
        }
        self.importer.bind(output, Binding::Value(value))
    }

    /// `(f32(x) - zero_point) * scale` of integers that this node alone dequantizes.
    fn dequantize_integers(&mut self, x: ValueId, parameters: &Parameters<'a>, axis: i64) -> Result<(), Error> {
        let name = self.input(0).unwrap_or_default();
        let code = self.importer.code_of(name);
        let code =
            code.ok_or_else(|| self.invalid(format!("reads `{name}`, which holds floats, not quantized values")))?;
        let params = self.params_of(parameters, code, self.dims(x).len(), axis)?;
        self.emit_dequantized(x, &params)
    }

    /// Adds the nodes that dequantize integers, the last of which gives the result.
    pub(crate) fn emit_dequantized(&mut self, x: ValueId, params: &QuantParams) -> Result<(), Error> {
        let rank = self.dims(x).len();
        let shape = shape_on_axis(params, rank);
        let mut float = self.emit_before("numbers", Op::Cast(Cast { to: CastTo::F32 }), &[x])?;
        if params.zero_points().iter().any(|&zero_point| zero_point != 0) {
            #[expect(clippy::cast_precision_loss, reason = "of 16 bits at most")]
            let zero_points = params.zero_points().iter().map(|&zero_point| zero_point as f32).collect();
            let zero_points = self.floats("zero_point", &shape, zero_points)?;
            float = self.emit_before("steps", Op::Binary(Binary::Sub), &[float, zero_points])?;
        }
        let scales = params.scales().iter().map(|scale| scale.get()).collect();
        let scales = self.floats("scale", &shape, scales)?;
        self.emit(Op::Binary(Binary::Mul), &[float, scales])
    }

    /// The axis of channels or blocks, and the size of a block if there are such.
    fn axis_and_block(&self) -> Result<(i64, Option<usize>), Error> {
        let attributes = self.attributes(&ATTRIBUTES)?;
        let (axis, size) = (attributes.int("axis", 1)?, attributes.int("block_size", 0)?);
        match usize::try_from(size) {
            Ok(0) => Ok((axis, None)),
            Ok(size) => Ok((axis, Some(size))),
            Err(_) => Err(self.invalid(format!("has blocks of {size} elements"))),
        }
    }

    /// The type that a QuantizeLinear quantizes to.
    fn made_code(&self, zero_point: Option<QuantType>) -> Result<QuantType, Error> {
        let attributes = self.attributes(&ATTRIBUTES)?;
        self.in_floats("precision", attributes.int("precision", 0)?)?;
        let given = match i32::try_from(attributes.int("output_dtype", 0)?) {
            Ok(0) => None,
            Ok(number) => match data_type::quantized(number).filter(|code| *code != QuantType::I32) {
                Some(code) => Some(code),
                None => return Err(self.unsupported(format!("the output_dtype {}", data_type::name(number)))),
            },
            Err(_) => return Err(self.invalid("has an output_dtype that is no type")),
        };
        match (given, zero_point) {
            (Some(given), Some(zero_point)) if given != zero_point => {
                let [given, zero_point] = [given, zero_point].map(data_type::name_of);
                Err(self.invalid(format!("output_dtype is {given}, but the zero point is {zero_point}")))
            }
            (given, zero_point) => Ok(zero_point.or(given).unwrap_or(QuantType::U8)),
        }
    }
}

/// Whether operators of the graph take a computed value so quantized: with 8 bits or fewer, and one scale.
fn is_on_quantized(parameters: &Parameters<'_>, code: QuantType) -> bool {
    parameters.is_one() && code.dtype() != DType::I32
}

/// Whether an operator only moves elements.
fn is_moving(op: &Op) -> bool {
    matches!(op, Op::Flatten(_) | Op::Reshape(_) | Op::Transpose(_) | Op::Identity | Op::Slice(_))
        || matches!(op, Op::Gather(_) | Op::GatherElements(_) | Op::Expand(_))
}

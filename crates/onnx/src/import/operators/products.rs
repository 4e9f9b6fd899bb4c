//! Products of integers whose zero points are known: MatMulInteger, ConvInteger and MatMulIntegerToFloat outside of
//! what [`dynamic`](crate::import::patterns::dynamic) describes.
//!
//! Operands become quantized values of scale 1, and the result is the sums: `sum (a - z_a)(b - z_b)`, in `i32`.

use fourfold_graph::{Activation, Add, Binary, Cast, CastTo, Linear, NewNode, Op, ValueId};
use fourfold_schemes::{QuantParams, QuantType};
use fourfold_tensor::Tensor;

use crate::Error;
use crate::import::constants::Stored;
use crate::import::emission::node::Entry;
use crate::import::operators::matrix::Pending;
use crate::import::weights::parameters::Parameters;
use crate::import::weights::quantized::Channels;

impl<'a> Entry<'_, 'a> {
    /// `(a, b, [a_zero_point], [b_zero_point])`.
    pub(crate) fn product_of_integers(&mut self) -> Result<(), Error> {
        let (op, inputs) = self.integer_product([0, 1], [2, 3])?;
        self.emit(op, &inputs)
    }

    /// `(x, weight, [x_zero_point], [weight_zero_point])`; padding has the value of the zero point.
    pub(crate) fn convolution_of_integers(&mut self) -> Result<(), Error> {
        let x = self.left(0, 2)?;
        let weight = self.weight_of_integers(1, 3, Channels::First)?;
        let op = self.conv_op(x, weight)?;
        self.emit(op, &[x, weight])
    }

    /// `(a, b, a_scale, b_scale, [a_zero_point], [b_zero_point], [bias])`: `f32(sums) * (a_scale * b_scale) + bias`.
    pub(crate) fn product_of_integers_to_float(&mut self) -> Result<(), Error> {
        let (op, inputs) = self.integer_product([0, 1], [4, 5])?;
        let sums = self.emit_before("sums", op, &inputs)?;
        let floats = self.emit_before("reals", Op::Cast(Cast { to: CastTo::F32 }), &[sums])?;
        let scales = [self.operand(2)?, self.operand(3)?];
        let scales = self.emit_before("scales", Op::Binary(Binary::Mul), &scales)?;
        if self.input(6).is_none() {
            return self.emit(Op::Binary(Binary::Mul), &[floats, scales]);
        }
        let product = self.emit_before("product", Op::Binary(Binary::Mul), &[floats, scales])?;
        let bias = self.operand(6)?;
        self.emit(Op::Add(Add { activation: Activation::None }), &[product, bias])
    }

    /// The product of two inputs, with two others as zero points.
    fn integer_product(&mut self, [a, b]: [usize; 2], zero_points: [usize; 2]) -> Result<Pending, Error> {
        let left = self.left(a, zero_points[0])?;
        let name = self.input(b).unwrap_or_default();
        if self.importer.constants.stored(name).is_some_and(|weight| weight.shape().len() == 2)
            && !self.dims(left).is_empty()
        {
            let weight = self.weight_of_integers(b, zero_points[1], Channels::Transposed)?;
            return Ok((Op::Linear(Linear::default()), vec![left, weight]));
        }
        let parameters = self.integer_parameters(zero_points[1])?;
        if parameters.is_one() {
            let right = self.as_quantized(b, &parameters)?;
            return self.pending_product([left, right]);
        }
        // sum (a - z_a)(b - z_b[j]) = sum (a - z_a) b - z_b[j] * sum (a - z_a)
        let right = self.as_quantized(b, &Parameters::of_integers())?;
        let (list, dims) = (parameters.zero_point_list(), self.dims(right));
        let (depth, columns) = match dims.as_slice() {
            [.., depth, columns] => (depth.fixed(), columns.fixed()),
            _ => (None, None),
        };
        let Some(depth) = depth.filter(|_| columns == Some(list.len())) else {
            let what = format!("{} zero points for the columns of a right side of shape {dims:?}", list.len());
            return Err(self.unsupported(what));
        };
        let list = Tensor::from_slice(&[list.len()], list).map_err(fourfold_graph::Error::from)?;
        let name = self.importer.fresh_name(&format!("{}.zero_points", self.name));
        let columns = self.importer.emission.constant(&name, list)?;
        let (op, inputs) = self.pending_product([left, right])?;
        let sums = self.emit_before("sums", op, &inputs)?;
        let ones = self.ones(depth)?;
        let rows = self.emit_before("rows", Op::Linear(Linear::default()), &[left, ones])?;
        let more = self.emit_before("more", Op::Binary(Binary::Mul), &[rows, columns])?;
        Ok((Op::Binary(Binary::Sub), vec![sums, more]))
    }

    /// A weight `[1, depth]` of ones.
    fn ones(&mut self, depth: usize) -> Result<ValueId, Error> {
        self.importer.constants.check(depth)?;
        let ones = Tensor::from_elements(&[1, depth], core::iter::repeat_n(1_u8, depth));
        let ones = ones.map_err(fourfold_graph::Error::from)?;
        self.importer.constants.count(&ones)?;
        let params = self.per_tensor(&Parameters::of_integers(), QuantType::U8)?;
        let name = self.importer.fresh_name(&format!("{}.ones", self.name));
        self.importer.emission.quantized_constant(&name, ones, params)
    }

    /// The left side, whose rows have one zero point.
    fn left(&mut self, index: usize, zero_point: usize) -> Result<ValueId, Error> {
        let parameters = self.integer_parameters(zero_point)?;
        if !parameters.is_one() {
            return Err(self.unsupported("a zero point for each row of the left side"));
        }
        self.as_quantized(index, &parameters)
    }

    /// The integers of an input as quantized values of scale 1 with one zero point.
    fn as_quantized(&mut self, index: usize, parameters: &Parameters<'a>) -> Result<ValueId, Error> {
        let name = self.input(index).unwrap_or_default();
        let params = self.per_tensor(parameters, self.code_of_input(index)?)?;
        if self.importer.constants.stored(name).is_some() {
            let stored = Stored { names: [name, "", parameters.names[1]], axis: 0, is_transposed: false };
            return self.operand_quantized(stored, params);
        }
        let id = self.any_operand(index)?;
        match self.ty(id).params().cloned() {
            None => self.integers_as_codes(id, params),
            Some(own) if own.zero_points() == params.zero_points() => Ok(id),
            Some(own) => {
                let (given, made) = (params.zero_points()[0], own.zero_points()[0]);
                Err(self.unsupported(format!(
                    "the zero point {given} for quantized values `{name}`, which were made with {made},"
                )))
            }
        }
    }

    /// Integers that stand for themselves as quantized values with a zero point.
    fn integers_as_codes(&mut self, id: ValueId, params: QuantParams) -> Result<ValueId, Error> {
        let mut steps = self.emit_before("numbers", Op::Cast(Cast { to: CastTo::F32 }), &[id])?;
        if params.zero_points() != [0] {
            #[expect(clippy::cast_precision_loss, reason = "quantized values have 8 bits")]
            let zero_point = self.number("zero_point", params.zero_points()[0] as f32)?;
            steps = self.emit_before("steps", Op::Binary(Binary::Sub), &[steps, zero_point])?;
        }
        let name = self.importer.fresh_name(&format!("{}.codes", self.name));
        let new = NewNode { name: &name, output: &name, op: Op::Quantize, inputs: &[steps], params: Some(params) };
        self.importer.emission.add(new)
    }
}

//! Functions of one and two numbers, reductions and normalizations.

use fourfold_graph::{
    Activation, Add, Binary, Cast, CastTo, Dim, LayerNorm, Op, OutputParams, Reduce, Reduction, Reshape, Unary, ValueId,
};
use fourfold_tensor::{DType, Tensor};

use super::computed::Change;
use super::node::Entry;
use super::tensor::integers;
use crate::Error;

/// The functions without attributes, by their ONNX names.
pub(super) const PLAIN: [(&str, Unary); 10] = [
    ("Exp", Unary::Exp),
    ("Log", Unary::Log),
    ("Sqrt", Unary::Sqrt),
    ("Reciprocal", Unary::Reciprocal),
    ("Neg", Unary::Neg),
    ("Abs", Unary::Abs),
    ("Tanh", Unary::Tanh),
    ("Erf", Unary::Erf),
    ("Sigmoid", Unary::Sigmoid),
    ("HardSwish", Unary::HardSwish),
];

impl<'a> Entry<'_, 'a> {
    pub(super) fn unary(&mut self, function: Unary) -> Result<(), Error> {
        if Op::Unary(function).kind().output_params() == OutputParams::Own {
            return self.own(|_, _| Ok(Op::Unary(function)));
        }
        let x = self.operand(0)?;
        self.emit(Op::Unary(function), &[x])
    }

    /// A function whose parameters are attributes.
    pub(super) fn with_parameters(&mut self) -> Result<(), Error> {
        let (name, opset) = (self.proto.op_type.as_str(), self.importer.names.opset());
        let function = match name {
            "LeakyRelu" => Unary::LeakyRelu { slope: self.attributes(&["alpha"])?.float("alpha", 0.01)? },
            "Elu" => Unary::Elu { alpha: self.attributes(&["alpha"])?.float("alpha", 1.0)? },
            "HardSigmoid" => {
                let attributes = self.attributes(&["alpha", "beta"])?;
                Unary::HardSigmoid { alpha: attributes.float("alpha", 0.2)?, beta: attributes.float("beta", 0.5)? }
            }
            _ => match self.attributes(&["approximate"])?.string("approximate")? {
                _ if opset < 20 => return Err(self.invalid(format!("there is no {name} before opset 20"))),
                None | Some(b"none") => Unary::Gelu,
                Some(b"tanh") => Unary::GeluTanh,
                Some(other) => {
                    return Err(self.invalid(format!("approximate is `{}`", String::from_utf8_lossy(other))));
                }
            },
        };
        self.unary(function)
    }

    /// `x * sigmoid(alpha * x)`.
    pub(super) fn swish(&mut self) -> Result<(), Error> {
        let alpha = self.attributes(&["alpha"])?.float("alpha", 1.0)?;
        if alpha == 1.0 {
            return self.unary(Unary::Silu);
        }
        let x = self.operand(0)?;
        let factor = self.number("alpha", alpha)?;
        let scaled = self.emit_before("scaled", Op::Binary(Binary::Mul), &[x, factor])?;
        let gate = self.emit_before("gate", Op::Unary(Unary::Sigmoid), &[scaled])?;
        self.emit(Op::Binary(Binary::Mul), &[x, gate])
    }

    pub(super) fn binary(&mut self, function: Binary) -> Result<(), Error> {
        self.attributes(&[])?;
        if Op::Binary(function).kind().output_params() == OutputParams::Own {
            return self.own_of_two(&Op::Binary(function), false);
        }
        let inputs = [self.operand(0)?, self.operand(1)?];
        self.emit(Op::Binary(function), &inputs)
    }

    /// An operator of two operands on any number of them: the first two, then what came of them and the third, and so
    /// on.
    pub(super) fn in_pairs(&mut self, op: &Op) -> Result<(), Error> {
        self.attributes(&[])?;
        let count = self.proto.input.len();
        let so_far = self.before_last(op)?;
        if count == 1 {
            return self.emit(Op::Identity, &[so_far]);
        }
        let last = self.operand(count - 1)?;
        self.emit(op.clone(), &[so_far, last])
    }

    /// What the operator makes of all operands but the last; the only one, if there is one.
    fn before_last(&mut self, op: &Op) -> Result<ValueId, Error> {
        let mut so_far = self.operand(0)?;
        for index in 1..self.proto.input.len() - 1 {
            let next = self.operand(index)?;
            so_far = self.emit_before("part", op.clone(), &[so_far, next])?;
        }
        Ok(so_far)
    }

    /// The sum of all operands over their number.
    pub(super) fn mean(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let (count, sum) = (self.proto.input.len(), Op::Add(Add { activation: Activation::None }));
        let mut so_far = self.before_last(&sum)?;
        if count > 1 {
            let last = self.operand(count - 1)?;
            so_far = self.emit_before("sum", sum, &[so_far, last])?;
        }
        #[expect(clippy::cast_precision_loss, reason = "operands that a file can hold")]
        let count = Tensor::from_slice(&[], &[count as f32]).map_err(fourfold_graph::Error::from)?;
        let count = self.filler(count)?;
        self.emit(Op::Binary(Binary::Div), &[so_far, count])
    }

    /// Powers; 0.5, 1, 2 and 3 are a root and products.
    pub(super) fn pow(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let name = self.input(1).unwrap_or_default();
        let exponent = self.importer.constants.get(name)?;
        let x = self.operand(0)?;
        let Some(number) = exponent.as_ref().filter(|_| self.dtype(x) == DType::F32).and_then(only_number) else {
            let exponent = self.operand(1)?;
            let exponent = self.as_type(exponent, self.dtype(x))?;
            return self.emit(Op::Binary(Binary::Pow), &[x, exponent]);
        };
        // One number with more axes than the operand gives the result more axes too.
        let more = exponent.map_or(0, |exponent| exponent.shape().len()).saturating_sub(self.dims(x).len());
        let dims = [vec![Dim::Fixed(1); more], self.dims(x)].concat();
        let x = if more == 0 { x } else { self.emit_before("axes", Op::Reshape(Reshape { dims }), &[x])? };
        match number {
            0.5 => self.emit(Op::Unary(Unary::Sqrt), &[x]),
            1.0 => self.emit(Op::Identity, &[x]),
            2.0 => self.emit(Op::Binary(Binary::Mul), &[x, x]),
            3.0 => {
                let square = self.emit_before("square", Op::Binary(Binary::Mul), &[x, x])?;
                self.emit(Op::Binary(Binary::Mul), &[square, x])
            }
            _ => {
                let exponent = self.operand(1)?;
                let exponent = self.as_type(exponent, DType::F32)?;
                self.emit(Op::Binary(Binary::Pow), &[x, exponent])
            }
        }
    }

    /// What is left of a quotient: with the sign of the divisor, or, as `fmod` asks for, with that of the dividend.
    pub(super) fn modulo(&mut self) -> Result<(), Error> {
        let takes_dividend = self.attributes(&["fmod"])?.flag("fmod")?;
        let inputs = [self.operand(0)?, self.operand(1)?];
        if !takes_dividend && self.dtype(inputs[0]) == DType::F32 {
            return Err(self.invalid("has real operands, for which fmod must be 1"));
        }
        self.emit(Op::Binary(if takes_dividend { Binary::Fmod } else { Binary::Mod }), &inputs)
    }

    /// The exponent as elements of the type of the base. An exponent of real numbers for a base of integers has no
    /// form.
    fn as_type(&mut self, id: ValueId, dtype: DType) -> Result<ValueId, Error> {
        match self.dtype(id) {
            own if own == dtype => Ok(id),
            DType::F32 => {
                Err(self.unsupported(format!("a real exponent of {dtype} numbers; cast the base to float: it")))
            }
            _ => self.emit_before("exponent", Op::Cast(Cast { to: CastTo::of(dtype) }), &[id]),
        }
    }

    pub(super) fn layer_norm(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["axis", "epsilon", "stash_type"])?;
        let (axis, epsilon) = (attributes.int("axis", -1)?, attributes.float("epsilon", 1e-5)?);
        let x = self.operand(0)?;
        let axis = self.axis(axis, self.dims(x).len(), false)?;
        let normalized = self.dims(x)[axis..].to_vec();
        let mut inputs = vec![x];
        inputs.push(self.whole(1, &normalized)?);
        if !self.adds_nothing(2)? {
            inputs.push(self.whole(2, &normalized)?);
        }
        self.emit(Op::LayerNorm(LayerNorm { axis, epsilon }), &inputs)
    }

    /// The constant of an input with the shape `dims`, to which it may have to be repeated.
    fn whole(&mut self, index: usize, dims: &[Dim]) -> Result<ValueId, Error> {
        let constant = self.constant(index)?;
        let sizes: Option<Vec<usize>> = dims.iter().map(Dim::fixed).collect();
        let sizes = sizes.ok_or_else(|| self.unsupported(format!("axes {dims:?} whose sizes are not known")))?;
        if constant.shape() == sizes {
            return self.operand(index);
        }
        let name = self.input(index).unwrap_or_default();
        let columns: usize = sizes.iter().product();
        self.computed(name, Change::Bias { columns, factor: 1.0_f32.to_bits() }, |entry| {
            let wrong = || entry.invalid(format!("input {index} has shape {:?}, expected {sizes:?}", constant.shape()));
            match constant.as_slice::<f32>() {
                Ok([one]) => Tensor::from_vec(&sizes, vec![*one; columns]).map_err(|_| wrong()),
                Ok(all) if all.len() == columns => constant.reshape(&sizes).map_err(|_| wrong()),
                _ => Err(wrong()),
            }
        })
    }

    /// A reduction; its axes are an attribute, or from opset 13 (sums) or 18 on an input.
    pub(super) fn reduce(&mut self, reduction: Reduction) -> Result<(), Error> {
        let attributes = self.attributes(&["axes", "keepdims", "noop_with_empty_axes"])?;
        let (keep, does_nothing) = (attributes.int("keepdims", 1)? != 0, attributes.flag("noop_with_empty_axes")?);
        let given = attributes.ints("axes")?.map(<[i64]>::to_vec);
        let of_input = match self.optional_constant(1)? {
            Some(axes) => match axes.as_slice::<i64>() {
                Ok(axes) => Some(axes.to_vec()),
                Err(_) => return Err(self.invalid("the axes are not int64")),
            },
            None => None,
        };
        let axes = given.or(of_input).unwrap_or_default();
        if axes.is_empty() && does_nothing {
            let x = self.operand(0)?;
            return self.emit(Op::Identity, &[x]);
        }
        let x = self.moved(0)?;
        let rank = self.dims(x.id()).len();
        let mut axes = axes.into_iter().map(|axis| self.axis(axis, rank, false)).collect::<Result<Vec<_>, _>>()?;
        if axes.is_empty() {
            axes = (0..rank).collect();
        }
        axes.sort_unstable();
        axes.dedup();
        if self.reduced_image(reduction, x, &axes, keep)? {
            return Ok(());
        }
        let x = self.operand(0)?;
        self.emit(Op::Reduce(Reduce { reduction, axes, keep }), &[x])
    }
}

/// The only number of a constant; a truth value is 0 or 1.
#[expect(clippy::cast_precision_loss, reason = "as Cast rounds")]
pub(super) fn only_number(tensor: &Tensor) -> Option<f32> {
    match tensor.dtype() {
        DType::F32 => tensor.as_slice::<f32>().ok().and_then(|list| <[f32; 1]>::try_from(list).ok()).map(|[one]| one),
        DType::Bool => {
            tensor.as_slice::<u8>().ok().and_then(|list| <[u8; 1]>::try_from(list).ok()).map(|[one]| f32::from(one))
        }
        DType::I64 => {
            tensor.as_slice::<i64>().ok().and_then(|list| <[i64; 1]>::try_from(list).ok()).map(|[one]| one as f32)
        }
        _ => integers(tensor).and_then(|list| <[i32; 1]>::try_from(list).ok()).map(|[one]| one as f32),
    }
}

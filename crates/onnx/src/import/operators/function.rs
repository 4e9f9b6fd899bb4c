//! Functions of one and two numbers, reductions and normalizations.

use fourfold_graph::{
    Activation, Add, Binary, Cast, CastTo, Dim, Op, OutputParams, Reduce, Reduction, Reshape, Unary, ValueId,
};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::constants::tensor::integers;
use crate::import::emission::node::Entry;

impl<'a> Entry<'_, 'a> {
    pub(crate) fn unary(&mut self, function: Unary) -> Result<(), Error> {
        if Op::Unary(function).kind().output_params() == OutputParams::Own {
            return self.own(|_, _| Ok(Op::Unary(function)));
        }
        let x = self.operand(0)?;
        self.emit(Op::Unary(function), &[x])
    }

    pub(crate) fn gelu(&mut self) -> Result<(), Error> {
        let function = match self.attributes(&["approximate"])?.string("approximate")? {
            None | Some(b"none") => Unary::Gelu,
            Some(b"tanh") => Unary::GeluTanh,
            Some(other) => return Err(self.invalid(format!("approximate is `{}`", String::from_utf8_lossy(other)))),
        };
        self.unary(function)
    }

    /// `x * sigmoid(alpha * x)`.
    pub(crate) fn swish(&mut self) -> Result<(), Error> {
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

    /// The slopes of a PRelu, without axes of size 1 at their beginning, which some exporters write.
    fn slope(&mut self) -> Result<ValueId, Error> {
        let name = self.input(1).unwrap_or_default();
        let Some(constant) = self.importer.constants.get(name)? else { return self.operand(1) };
        let ones = constant.shape().iter().take_while(|&&size| size == 1).count();
        let kept = constant.shape()[ones.min(constant.shape().len().saturating_sub(1))..].to_vec();
        if kept.len() == constant.shape().len() {
            return self.operand(1);
        }
        let slope = constant.reshape(&kept).map_err(fourfold_graph::Error::from)?;
        let name = self.importer.constant_name(name);
        self.importer.emission.constant(&name, slope)
    }

    /// `max(x, 0) + slope * min(x, 0)`, which has the bits of `slope * x` below 0.
    pub(crate) fn prelu(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let (x, slope) = (self.operand(0)?, self.slope()?);
        let zero = self.number("zero", 0.0)?;
        let above = self.emit_before("above", Op::Relu, &[x])?;
        let below = self.emit_before("below", Op::Binary(Binary::Min), &[x, zero])?;
        let scaled = self.emit_before("scaled", Op::Binary(Binary::Mul), &[below, slope])?;
        self.emit(Op::Add(Add { activation: fourfold_graph::Activation::None }), &[above, scaled])
    }

    /// An operator of two operands on any number of them: the first two, then what came of them and the third, and so
    /// on.
    pub(crate) fn in_pairs(&mut self, op: &Op) -> Result<(), Error> {
        let count = self.proto.input.len();
        if count == 2 {
            return self.read_row(op.clone());
        }
        self.attributes(&[])?;
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
    pub(crate) fn mean(&mut self) -> Result<(), Error> {
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
    pub(crate) fn pow(&mut self) -> Result<(), Error> {
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
    pub(crate) fn modulo(&mut self) -> Result<(), Error> {
        let takes_dividend = self.attributes(&["fmod"])?.flag("fmod")?;
        let inputs = [self.operand(0)?, self.operand(1)?];
        if !takes_dividend && self.dtype(inputs[0]) == DType::F32 {
            return Err(self.invalid("has real operands, for which fmod must be 1"));
        }
        self.emit(Op::Binary(if takes_dividend { Binary::Fmod } else { Binary::Mod }), &inputs)
    }

    /// The exponent as elements of the type of the base. A float exponent for a base of integers has no
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

    /// A reduction; its axes are an attribute, or from opset 13 (sums) or 18 on an input.
    pub(crate) fn reduce(&mut self, reduction: Reduction) -> Result<(), Error> {
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

/// The only number of a constant; a bool is 0 or 1.
#[expect(clippy::cast_precision_loss, reason = "as Cast rounds")]
pub(crate) fn only_number(tensor: &Tensor) -> Option<f32> {
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

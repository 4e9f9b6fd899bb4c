//! Functions of one and two numbers, reductions and normalizations.

use fourfold_graph::{Binary, Dim, Op, OutputParams, Reduction, Unary, ValueId};
use fourfold_tensor::Tensor;

use super::computed::Change;
use super::node::Entry;
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
        self.expect_inputs(1, 1)?;
        if function.kind().output_params() == OutputParams::Own {
            return self.own(|_, _| Ok(Op::Unary(function)));
        }
        let x = self.operand(0)?;
        self.emit(Op::Unary(function), &[x])
    }

    /// A function whose parameters are attributes.
    pub(super) fn with_parameters(&mut self) -> Result<(), Error> {
        let (name, opset) = (self.proto.op_type.as_str(), self.importer.opset);
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
                    return Err(self.invalid(format!("approximate is {:?}", String::from_utf8_lossy(other))));
                }
            },
        };
        self.unary(function)
    }

    pub(super) fn binary(&mut self, function: Binary) -> Result<(), Error> {
        self.attributes(&[])?;
        self.expect_inputs(2, 2)?;
        if function.kind().output_params() == OutputParams::Own {
            return self.own_of_two(&Op::Binary(function), false);
        }
        let inputs = [self.operand(0)?, self.operand(1)?];
        self.emit(Op::Binary(function), &inputs)
    }

    /// The smallest or largest of any number of operands.
    pub(super) fn extreme(&mut self, function: Binary) -> Result<(), Error> {
        self.attributes(&[])?;
        let count = self.proto.input.len();
        self.expect_inputs(1, count.max(1))?;
        let mut so_far = self.operand(0)?;
        if count == 1 {
            return self.emit(Op::Identity, &[so_far]);
        }
        for index in 1..count - 1 {
            let next = self.operand(index)?;
            so_far = self.emit_before("part", Op::Binary(function), &[so_far, next])?;
        }
        let last = self.operand(count - 1)?;
        self.emit(Op::Binary(function), &[so_far, last])
    }

    /// Powers; 0.5, 1, 2 and 3 are a root and products.
    pub(super) fn pow(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        self.expect_inputs(2, 2)?;
        let name = self.input(1).unwrap_or_default();
        let exponent = self.importer.constant(name)?;
        let x = self.operand(0)?;
        match exponent.as_ref().map_or(Ok(&[][..]), |exponent| exponent.as_slice::<f32>()) {
            Ok([0.5]) => self.emit(Op::Unary(Unary::Sqrt), &[x]),
            Ok([1.0]) => self.emit(Op::Identity, &[x]),
            Ok([2.0]) => self.emit(Op::Binary(Binary::Mul), &[x, x]),
            Ok([3.0]) => {
                let square = self.emit_before("square", Op::Binary(Binary::Mul), &[x, x])?;
                self.emit(Op::Binary(Binary::Mul), &[square, x])
            }
            _ => {
                let exponent = self.operand(1)?;
                self.emit(Op::Binary(Binary::Pow), &[x, exponent])
            }
        }
    }

    pub(super) fn layer_norm(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["axis", "epsilon", "stash_type"])?;
        let (axis, epsilon) = (attributes.int("axis", -1)?, attributes.float("epsilon", 1e-5)?);
        self.expect_inputs(2, 3)?;
        let x = self.operand(0)?;
        let axis = self.axis(axis, self.dims(x).len(), false)?;
        let normalized = self.dims(x)[axis..].to_vec();
        let mut inputs = vec![x];
        for index in 1..self.proto.input.len() {
            inputs.push(self.whole(index, &normalized)?);
        }
        self.emit(Op::LayerNorm { axis, epsilon }, &inputs)
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
        self.expect_inputs(1, 2)?;
        let of_input = match self.optional_constant(1)? {
            Some(axes) => match axes.as_slice::<i64>() {
                Ok(axes) => Some(axes.to_vec()),
                Err(_) => return Err(self.invalid("the axes are not int64")),
            },
            None => None,
        };
        let x = self.operand(0)?;
        let rank = self.dims(x).len();
        let axes = given.or(of_input).unwrap_or_default();
        if axes.is_empty() && does_nothing {
            return self.emit(Op::Identity, &[x]);
        }
        let mut axes = axes.into_iter().map(|axis| self.axis(axis, rank, false)).collect::<Result<Vec<_>, _>>()?;
        if axes.is_empty() {
            axes = (0..rank).collect();
        }
        axes.sort_unstable();
        axes.dedup();
        self.emit(Op::Reduce { reduction, axes, keep }, &[x])
    }
}

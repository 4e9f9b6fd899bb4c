//! One node of the file on its way into the graph.

use fourfold_graph::{Cast, CastTo, Dim, NewNode, Op, Problem, ValueId, ValueType};
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::Importer;
use crate::import::attributes::Attributes;
use crate::import::emission::binding::Binding;
use crate::proto::NodeProto;

/// A node and the importer that reads it.
pub(crate) struct Entry<'i, 'a> {
    pub(crate) importer: &'i mut Importer<'a>,
    pub(crate) proto: &'a NodeProto,
    /// The name in the graph.
    pub(crate) name: String,
}

impl<'a> Entry<'_, 'a> {
    /// The attributes; all must be among `known`.
    pub(crate) fn attributes<'n>(&'n self, known: &[&str]) -> Result<Attributes<'n>, Error> {
        Attributes::new(self.proto, &self.name, known)
    }

    /// The name of an input, `None` if it is left out.
    pub(crate) fn input(&self, index: usize) -> Option<&'a str> {
        self.proto.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The floats, integers or bools of an input that must be there.
    pub(crate) fn operand(&mut self, index: usize) -> Result<ValueId, Error> {
        let id = self.any_operand(index)?;
        let ty = self.ty(id);
        if ty.params().is_none() {
            return Ok(id);
        }
        let name = self.input(index).unwrap_or_default();
        Err(self.unsupported(format!(
            "arithmetic on `{name}`, which holds quantized values ({ty}) without a DequantizeLinear behind them,"
        )))
    }

    /// The integers of an input that must be there, in 64 bits.
    pub(crate) fn wide_operand(&mut self, index: usize) -> Result<ValueId, Error> {
        let id = self.operand(index)?;
        if self.dtype(id) == DType::I64 {
            return Ok(id);
        }
        self.emit_before("integers", Op::Cast(Cast { to: CastTo::I64 }), &[id])
    }

    /// The type of a value.
    pub(crate) fn ty(&self, id: ValueId) -> &ValueType {
        self.importer.emission.ty(id)
    }

    /// The type of a value's elements.
    pub(crate) fn dtype(&self, id: ValueId) -> DType {
        self.ty(id).dtype()
    }

    /// The value of an input that must be there, quantized or not.
    pub(crate) fn any_operand(&mut self, index: usize) -> Result<ValueId, Error> {
        let name = self.input(index).ok_or_else(|| self.invalid(format!("lacks input {index}")))?;
        self.importer.value(name)?.ok_or_else(|| self.unknown(name))
    }

    /// The error of an input that nothing makes.
    pub(crate) fn unknown(&self, name: &str) -> Error {
        self.invalid(format!(
            "reads `{name}`, which nothing before it makes; nodes must stand in the order in which they run"
        ))
    }

    /// The constant of an input that may be left out.
    pub(crate) fn optional_constant(&mut self, index: usize) -> Result<Option<Tensor>, Error> {
        let Some(name) = self.input(index) else { return Ok(None) };
        match self.importer.constants.get(name)? {
            Some(constant) => Ok(Some(constant)),
            None if !self.importer.emission.is_bound(name) => Err(self.unknown(name)),
            None => Err(self.unsupported(format!("an input `{name}` that is not constant, as operand {index},"))),
        }
    }

    /// Whether an input is left out, or a constant of floats that are all 0: a bias that changes nothing, which some
    /// exporters leave out.
    pub(crate) fn adds_nothing(&mut self, index: usize) -> Result<bool, Error> {
        Ok(self.optional_constant(index)?.is_none_or(|bias| is_zero(&bias)))
    }

    /// The constant of an input that must be there.
    pub(crate) fn constant(&mut self, index: usize) -> Result<Tensor, Error> {
        self.optional_constant(index)?.ok_or_else(|| self.invalid(format!("lacks input {index}")))
    }

    /// The axes of a value.
    pub(crate) fn dims(&self, id: ValueId) -> Vec<Dim> {
        self.ty(id).dims().to_vec()
    }

    /// An axis counted from the last if it is negative; `past` allows the index after the last.
    pub(crate) fn axis(&self, axis: i64, rank: usize, past: bool) -> Result<usize, Error> {
        let absolute =
            if axis < 0 { i64::try_from(rank).ok().and_then(|rank| rank.checked_add(axis)) } else { Some(axis) };
        let found = absolute.and_then(|axis| usize::try_from(axis).ok());
        let limit = rank + usize::from(past);
        found
            .filter(|&axis| axis < limit)
            .ok_or_else(|| self.invalid(format!("axis {axis} of an input with {rank} axes")))
    }

    /// The name of the first output.
    pub(crate) fn output(&self) -> &'a str {
        self.proto.output.first().map_or("", String::as_str)
    }

    /// Adds the node; its result is the first output of the file's node.
    pub(crate) fn emit(&mut self, op: Op, inputs: &[ValueId]) -> Result<(), Error> {
        self.emit_as(self.output(), op, inputs)
    }

    /// Adds the node; its result has the given name of the file.
    pub(crate) fn emit_as(&mut self, output: &'a str, op: Op, inputs: &[ValueId]) -> Result<(), Error> {
        self.emit_quantized(output, op, inputs, None)
    }

    /// Adds the node; its result has the given name of the file, and parameters if it is quantized with parameters of
    /// its own.
    pub(crate) fn emit_quantized(
        &mut self,
        output: &'a str,
        op: Op,
        inputs: &[ValueId],
        params: Option<QuantParams>,
    ) -> Result<(), Error> {
        let id = self.importer.emission.add(NewNode { name: &self.name, output, op, inputs, params })?;
        self.importer.bind(output, Binding::Value(id))
    }

    /// Adds a node before this one, named after it.
    pub(crate) fn emit_before(&mut self, what: &str, op: Op, inputs: &[ValueId]) -> Result<ValueId, Error> {
        let name = self.importer.fresh_name(&format!("{}.{what}", self.name));
        self.importer.emission.node(&name, op, inputs)
    }

    /// A constant without axes.
    pub(crate) fn number(&mut self, what: &str, number: f32) -> Result<ValueId, Error> {
        let tensor = Tensor::from_slice(&[], &[number]).map_err(fourfold_graph::Error::from)?;
        let name = self.importer.fresh_name(&format!("{}.{what}", self.name));
        self.importer.emission.constant(&name, tensor)
    }

    /// A constant of floats that belongs to this node.
    pub(crate) fn floats(&mut self, what: &str, shape: &[usize], numbers: Vec<f32>) -> Result<ValueId, Error> {
        let tensor = Tensor::from_vec(shape, numbers).map_err(fourfold_graph::Error::from)?;
        let name = self.importer.fresh_name(&format!("{}.{what}", self.name));
        self.importer.emission.constant(&name, tensor)
    }

    /// The error of a node that the graph does not take: the file is valid where types alone or sizes that are not
    /// known are the reason.
    pub(crate) fn refused(&self, error: Error) -> Error {
        match error {
            Error::Graph(fourfold_graph::Error::Node { problem, .. }) => self.problem(*problem),
            other => other,
        }
    }

    /// The error of a problem that the graph has with the node.
    pub(crate) fn problem(&self, problem: Problem) -> Error {
        match problem {
            Problem::Limit(limit) => limit.into(),
            Problem::Open { .. } => self.unsupported(format!("sizes that are not known: {problem}; this")),
            Problem::Type { operand, actual, .. } => {
                let name = self.input(operand).map(|name| format!(" (`{name}`)")).unwrap_or_default();
                let float = "cast it to float, or compute it outside of the model";
                self.unsupported(format!("an operand {operand}{name} of type {actual} ({float})"))
            }
            Problem::OutputParams { .. } | Problem::Accumulator { .. } => self.unsupported(format!("{problem}; this")),
            _ => self.invalid(problem.to_string()),
        }
    }

    pub(crate) fn invalid(&self, reason: impl Into<String>) -> Error {
        Error::Node { node: self.name.clone(), operator: self.proto.op_type.clone(), reason: reason.into() }
    }

    pub(crate) fn unsupported(&self, what: impl Into<String>) -> Error {
        Error::Unsupported { node: self.name.clone(), operator: self.proto.op_type.clone(), what: what.into() }
    }
}

/// Whether a constant is floats that are all 0.
pub(crate) fn is_zero(constant: &Tensor) -> bool {
    constant.as_slice::<f32>().is_ok_and(|elements| elements.iter().all(|&element| element == 0.0))
}

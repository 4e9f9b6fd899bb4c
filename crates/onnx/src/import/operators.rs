//! Which operator becomes what.

use fourfold_graph::{Activation, Binary, Op, Reduction};
use fourfold_tensor::{DType, Tensor};

use super::function::PLAIN;
use super::node::Entry;
use crate::Error;

/// The operators that [`crate::import`] knows.
pub const OPERATORS: &[&str] = &[
    "Abs",
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Clip",
    "Constant",
    "Conv",
    "Div",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Flatten",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "MatMul",
    "Max",
    "MaxPool",
    "Min",
    "Mul",
    "Neg",
    "Pow",
    "Reciprocal",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Sqrt",
    "Sub",
    "Tanh",
    "Transpose",
];

impl Entry<'_, '_> {
    /// Takes the node in, by its operator.
    pub(super) fn import(&mut self) -> Result<(), Error> {
        match self.proto.op_type.as_str() {
            "Conv" => self.conv(),
            "MaxPool" => self.max_pool(),
            "AveragePool" => self.average_pool(),
            "GlobalAveragePool" => self.plain(Op::GlobalAveragePool),
            "Gemm" => self.gemm(),
            "MatMul" => self.matmul(),
            "BatchNormalization" => self.batch_norm(),
            "Relu" => self.plain(Op::Relu),
            "Clip" => self.clip(),
            "Add" => self.add(),
            "Flatten" => self.flatten(),
            "Reshape" => self.reshape(),
            "Transpose" => self.transpose(),
            "Softmax" => self.softmax(),
            "Identity" => self.plain(Op::Identity),
            "Dropout" => self.dropout(),
            "LeakyRelu" | "Elu" | "HardSigmoid" | "Gelu" => self.with_parameters(),
            "Sub" => self.binary(Binary::Sub),
            "Mul" => self.binary(Binary::Mul),
            "Div" => self.binary(Binary::Div),
            "Min" => self.extreme(Binary::Min),
            "Max" => self.extreme(Binary::Max),
            "Pow" => self.pow(),
            "LayerNormalization" => self.layer_norm(),
            "ReduceMean" => self.reduce(Reduction::Mean),
            "ReduceSum" => self.reduce(Reduction::Sum),
            "ReduceMax" => self.reduce(Reduction::Max),
            "ReduceMin" => self.reduce(Reduction::Min),
            "ReduceL2" => self.reduce(Reduction::L2),
            other => match PLAIN.iter().find(|(name, _)| *name == other) {
                Some((_, function)) => {
                    self.attributes(&[])?;
                    self.unary(*function)
                }
                None => Err(self.unsupported(format!("the operator {other}"))),
            },
        }
    }

    /// An operator with one input and no attributes.
    fn plain(&mut self, op: Op) -> Result<(), Error> {
        self.attributes(&[])?;
        self.expect_inputs(1, 1)?;
        let x = self.operand(0)?;
        self.emit(op, &[x])
    }

    fn add(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        self.expect_inputs(2, 2)?;
        let inputs = [self.operand(0)?, self.operand(1)?];
        self.emit(Op::Add { activation: Activation::None }, &inputs)
    }

    fn batch_norm(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["epsilon", "momentum", "training_mode", "spatial"])?;
        if attributes.flag("training_mode")? {
            return Err(self.unsupported("training mode"));
        }
        if attributes.int("spatial", 1)? != 1 {
            return Err(self.unsupported("statistics for each position (spatial 0)"));
        }
        let epsilon = attributes.float("epsilon", 1e-5)?;
        self.expect_inputs(5, 5)?;
        (1..5).try_for_each(|index| self.constant(index).map(|_| ()))?;
        let inputs = (0..5).map(|index| self.operand(index)).collect::<Result<Vec<_>, _>>()?;
        self.emit(Op::BatchNorm { epsilon }, &inputs)
    }

    fn clip(&mut self) -> Result<(), Error> {
        let (min, max) = if self.importer.opset < 11 {
            let attributes = self.attributes(&["min", "max"])?;
            self.expect_inputs(1, 1)?;
            (attributes.float("min", f32::MIN)?, attributes.float("max", f32::MAX)?)
        } else {
            self.attributes(&[])?;
            self.expect_inputs(1, 3)?;
            (self.bound(1)?.unwrap_or(f32::NEG_INFINITY), self.bound(2)?.unwrap_or(f32::INFINITY))
        };
        let x = self.operand(0)?;
        self.emit(Op::Clip { min, max }, &[x])
    }

    /// A constant number.
    fn bound(&self, index: usize) -> Result<Option<f32>, Error> {
        let Some(tensor) = self.optional_constant(index)? else { return Ok(None) };
        match tensor.as_slice::<f32>() {
            Ok([bound]) => Ok(Some(*bound)),
            _ => Err(self.invalid(format!("input {index} has shape {:?}, expected one float", tensor.shape()))),
        }
    }

    fn dropout(&mut self) -> Result<(), Error> {
        self.attributes(&["ratio", "seed"])?;
        self.expect_inputs(1, 3)?;
        let trains = |tensor: Tensor| tensor.dtype() != DType::F32 && tensor.bytes().iter().any(|&byte| byte != 0);
        if self.optional_constant(2)?.is_some_and(trains) {
            return Err(self.unsupported("training mode"));
        }
        let x = self.operand(0)?;
        self.emit(Op::Identity, &[x])
    }
}

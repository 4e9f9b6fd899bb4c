//! Which operator becomes what.

pub(crate) mod attention;
pub(crate) mod blocks;
pub(crate) mod clamp;
pub(crate) mod conv;
pub(crate) mod dynamic;
pub(crate) mod einsum;
pub(crate) mod gates;
pub(crate) mod gather;
pub(crate) mod matrix;
pub(crate) mod pooling;
pub(crate) mod products;
pub(crate) mod qlinear;
pub(crate) mod range;
pub(crate) mod recurrent;
pub(crate) mod resample;
pub(crate) mod selection;
pub(crate) mod shape;
pub(crate) mod sizes;
pub(crate) mod transposed;

use std::borrow::Cow;
use std::collections::BTreeMap;

use fourfold_graph::{Activation, Add, Binary, Comparison, Dim, LogSoftmax, Logic, Op, Reduction, Softmax, ValueId};
use fourfold_schemes::exact_depth;

use super::function::PLAIN;
use super::is_default;
use super::node::Entry;
use crate::Error;
use crate::proto::{GraphProto, NodeProto};

/// The operators that [`crate::import`] knows; those of ONNX Runtime with their domain. `ReduceProd` is known as shape
/// arithmetic only.
pub const OPERATORS: &[&str] = &[
    "Abs",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "Attention",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "CumSum",
    "DepthToSpace",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "DynamicQuantizeLinear",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "GRU",
    "Gather",
    "GatherElements",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LSTM",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "MatMul",
    "MatMulInteger",
    "Max",
    "MaxPool",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "PRelu",
    "Pad",
    "Pow",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
    "RMSNormalization",
    "RNN",
    "Range",
    "Reciprocal",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Resize",
    "Shape",
    "Sigmoid",
    "Size",
    "Slice",
    "Softmax",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Swish",
    "Tanh",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Upsample",
    "Where",
    "Xor",
    "com.microsoft.DequantizeLinear",
    "com.microsoft.DynamicQuantizeLSTM",
    "com.microsoft.DynamicQuantizeMatMul",
    "com.microsoft.MatMulIntegerToFloat",
    "com.microsoft.MatMulNBits",
    "com.microsoft.QGemm",
    "com.microsoft.QLinearAdd",
    "com.microsoft.QLinearAveragePool",
    "com.microsoft.QLinearConcat",
    "com.microsoft.QLinearGlobalAveragePool",
    "com.microsoft.QLinearLeakyRelu",
    "com.microsoft.QLinearMul",
    "com.microsoft.QLinearSigmoid",
    "com.microsoft.QLinearSoftmax",
    "com.microsoft.QuantizeLinear",
];

/// Fails with all operators that are not known.
pub(super) fn check(graph: &GraphProto) -> Result<(), Error> {
    let mut unknown: BTreeMap<Cow<'_, str>, usize> = BTreeMap::new();
    for node in &graph.node {
        let operator = operator(node);
        if !OPERATORS.contains(&&*operator) {
            *unknown.entry(operator).or_default() += 1;
        }
    }
    let operators: Vec<_> = unknown.into_iter().map(|(operator, count)| (operator.into_owned(), count)).collect();
    if operators.is_empty() { Ok(()) } else { Err(Error::Operators { operators }) }
}

/// The operator of a node, with its domain if that is not ONNX's own.
pub(super) fn operator(node: &NodeProto) -> Cow<'_, str> {
    if is_default(&node.domain) {
        Cow::Borrowed(&node.op_type)
    } else {
        Cow::Owned(format!("{}.{}", node.domain, node.op_type))
    }
}

impl Entry<'_, '_> {
    /// Imports the node by its operator.
    pub(super) fn import(&mut self) -> Result<(), Error> {
        match &*operator(self.proto) {
            "Conv" => self.conv(),
            "ConvTranspose" => self.conv_transpose(),
            "MaxPool" => self.max_pool(),
            "AveragePool" => self.average_pool(),
            "GlobalAveragePool" => self.global_average_pool(),
            "Gemm" => self.gemm(),
            "MatMul" => self.matmul(),
            "BatchNormalization" => self.batch_norm(),
            "Relu" => self.relu(),
            "Clip" => self.clip(),
            "Add" => self.add(),
            "Flatten" => self.flatten(),
            "Reshape" => self.reshape(),
            "Transpose" => self.transpose(),
            "Softmax" => self.softmax(|axis| Op::Softmax(Softmax { axis })),
            "Identity" => self.plain(Op::Identity),
            "Dropout" => self.dropout(),
            "LeakyRelu" | "Elu" | "HardSigmoid" | "Gelu" => self.with_parameters(),
            "Swish" => self.swish(),
            "Attention" => self.attention(),
            "RMSNormalization" => self.rms_norm(),
            "Trilu" => self.trilu(),
            "Sub" => self.binary(Binary::Sub),
            "Mul" => self.mul(),
            "Div" => self.binary(Binary::Div),
            "Mod" => self.modulo(),
            "Min" => self.in_pairs(&Op::Binary(Binary::Min)),
            "Max" => self.in_pairs(&Op::Binary(Binary::Max)),
            "Sum" if self.proto.input.len() == 2 => self.add(),
            "Sum" => self.in_pairs(&Op::Add(Add { activation: Activation::None })),
            "Mean" => self.mean(),
            "Pow" => self.pow(),
            "LayerNormalization" => self.layer_norm(),
            "ReduceMean" => self.reduce(Reduction::Mean),
            "ReduceSum" => self.reduce(Reduction::Sum),
            "ReduceMax" => self.reduce(Reduction::Max),
            "ReduceMin" => self.reduce(Reduction::Min),
            "ReduceL2" => self.reduce(Reduction::L2),
            "QuantizeLinear" | "com.microsoft.QuantizeLinear" => self.quantize_linear(),
            "DequantizeLinear" | "com.microsoft.DequantizeLinear" => self.dequantize_linear(),
            "QLinearConv" => self.qlinear_conv(),
            "QLinearMatMul" => self.qlinear_matmul(),
            "com.microsoft.QGemm" => self.qgemm(),
            "com.microsoft.QLinearAdd" => self.qlinear_add(),
            "com.microsoft.QLinearConcat" => self.qlinear_concat(),
            "com.microsoft.QLinearAveragePool" => self.qlinear_average_pool(),
            "com.microsoft.QLinearLeakyRelu" => self.qlinear_leaky_relu(),
            "com.microsoft.QLinearMul" => self.qlinear_mul(),
            "com.microsoft.QLinearSigmoid" => self.qlinear_sigmoid(),
            "com.microsoft.QLinearSoftmax" => self.qlinear_softmax(),
            "com.microsoft.QLinearGlobalAveragePool" => self.qlinear_global_average_pool(),
            "DynamicQuantizeLinear" => self.dynamic_quantize_linear(),
            "MatMulInteger" => self.matmul_integer(),
            "ConvInteger" => self.conv_integer(),
            "com.microsoft.DynamicQuantizeMatMul" => self.dynamic_quantize_matmul(),
            "com.microsoft.MatMulIntegerToFloat" => self.matmul_integer_to_float(),
            "com.microsoft.MatMulNBits" => self.matmul_bits(),
            "Cast" => self.cast(),
            "Concat" => self.concat(),
            "Split" => self.split(),
            "Slice" => self.slice(),
            "Gather" => self.gather(),
            "GatherElements" => self.gather_elements(),
            "Expand" => self.expand(),
            "Tile" => self.tile(),
            "Squeeze" => self.squeeze(),
            "Unsqueeze" => self.unsqueeze(),
            "ConstantOfShape" => self.constant_of_shape(),
            "DepthToSpace" => self.depth_and_space(true),
            "SpaceToDepth" => self.depth_and_space(false),
            "Pad" => self.pad(),
            "Resize" | "Upsample" => self.resize(),
            "Where" => self.choose(),
            "Equal" => self.compare(Comparison::Equal),
            "Less" => self.compare(Comparison::Less),
            "LessOrEqual" => self.compare(Comparison::LessOrEqual),
            "Greater" => self.compare(Comparison::Greater),
            "GreaterOrEqual" => self.compare(Comparison::GreaterOrEqual),
            "And" => self.logic(Logic::And),
            "Or" => self.logic(Logic::Or),
            "Xor" => self.logic(Logic::Xor),
            "Not" => self.not(),
            "ArgMax" => self.arg_extreme(true),
            "ArgMin" => self.arg_extreme(false),
            "TopK" => self.top_k(),
            "CumSum" => self.cum_sum(),
            "InstanceNormalization" => self.instance_norm(),
            "GroupNormalization" => self.group_norm(),
            "PRelu" => self.prelu(),
            "GlobalMaxPool" => self.global_max_pool(),
            "LogSoftmax" => self.softmax(|axis| Op::LogSoftmax(LogSoftmax { axis })),
            "LSTM" | "GRU" | "RNN" => self.recurrent(),
            "com.microsoft.DynamicQuantizeLSTM" => self.dynamic_quantize_lstm(),
            "Einsum" => self.einsum(),
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
        let x = self.moved(0)?;
        self.emit_moved(op, x)
    }

    fn add(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        self.own_of_two(&Op::Add(Add { activation: Activation::None }), true)
    }

    /// An operator with one input, whose result has parameters of its own when the input is quantized.
    pub(super) fn own(&mut self, op: impl FnOnce(&Self, ValueId) -> Result<Op, Error>) -> Result<(), Error> {
        let target = self.target(false)?;
        let codes = if target.is_some() { self.quantized(0)? } else { None };
        match target.zip(codes) {
            Some((target, x)) => {
                let op = op(self, x)?;
                self.emit_on_quantized(target, &op, &[x])
            }
            None => {
                let x = self.operand(0)?;
                let op = op(self, x)?;
                self.emit(op, &[x])
            }
        }
    }

    /// The same with two operands; `fuses` says that the operator can take in a clamp.
    pub(super) fn own_of_two(&mut self, op: &Op, fuses: bool) -> Result<(), Error> {
        let target = self.target(fuses)?;
        let codes = if target.is_some() { self.quantized(0)?.zip(self.quantized(1)?) } else { None };
        match target.zip(codes.filter(|&codes| self.is_exact(op, codes))) {
            Some((target, (a, b))) => self.emit_on_quantized(target, op, &[a, b]),
            None => {
                let inputs = [self.operand(0)?, self.operand(1)?];
                self.emit(op.clone(), &inputs)
            }
        }
    }

    /// Whether sums of products of two activations fit, as far as their depth is known.
    fn is_exact(&self, op: &Op, (a, b): (ValueId, ValueId)) -> bool {
        let [a, b] = [a, b].map(|id| self.ty(id));
        let depth = a.dims().last().and_then(Dim::fixed).unwrap_or(0);
        let limit = a.params().zip(b.params()).map_or(0, |(a, b)| exact_depth(a, b));
        *op != Op::MatMul || depth <= limit
    }
}

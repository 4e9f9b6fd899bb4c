//! Which operator becomes what.

pub(crate) mod attention;
pub(crate) mod blocks;
pub(crate) mod clamp;
pub(crate) mod conv;
pub(crate) mod dynamic;
pub(crate) mod einsum;
pub(crate) mod function;
pub(crate) mod gates;
pub(crate) mod gather;
pub(crate) mod logic;
pub(crate) mod matrix;
pub(crate) mod normalization;
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
use std::sync::LazyLock;

use fourfold_graph::{Activation, Add, Binary, Dim, LogSoftmax, Op, OutputParams, Reduction, Softmax, ValueId};
use fourfold_schemes::exact_depth;

use super::attributes::Attributes;
use super::emission::node::Entry;
use super::is_default;
use crate::Error;
use crate::operators::READ;
use crate::proto::{GraphProto, NodeProto};

/// Reads a node by code.
type Read = fn(&mut Entry<'_, '_>) -> Result<(), Error>;

/// The operators that code reads; those of ONNX Runtime with their domain. The others are rows of [`crate::operators`].
const READ_BY_CODE: &[(&str, Read)] = &[
    ("Attention", |entry| entry.attention()),
    ("AveragePool", |entry| entry.average_pool()),
    ("BatchNormalization", |entry| entry.batch_norm()),
    ("Cast", |entry| entry.cast()),
    ("Clip", |entry| entry.clip()),
    ("Concat", |entry| entry.concat()),
    ("ConstantOfShape", |entry| entry.constant_of_shape()),
    ("Conv", |entry| entry.conv()),
    ("ConvInteger", |entry| entry.conv_integer()),
    ("ConvTranspose", |entry| entry.conv_transpose()),
    ("CumSum", |entry| entry.cum_sum()),
    ("DepthToSpace", |entry| entry.depth_and_space(true)),
    ("DequantizeLinear", |entry| entry.dequantize_linear()),
    ("Dropout", |entry| entry.dropout()),
    ("DynamicQuantizeLinear", |entry| entry.dynamic_quantize_linear()),
    ("Einsum", |entry| entry.einsum()),
    ("Expand", |entry| entry.expand()),
    ("GRU", |entry| entry.recurrent()),
    ("Gather", |entry| entry.gather()),
    ("GatherElements", |entry| entry.gather_elements()),
    ("Gelu", |entry| entry.gelu()),
    ("Gemm", |entry| entry.gemm()),
    ("GlobalMaxPool", |entry| entry.global_max_pool()),
    ("GroupNormalization", |entry| entry.group_norm()),
    ("InstanceNormalization", |entry| entry.instance_norm()),
    ("LSTM", |entry| entry.recurrent()),
    ("LayerNormalization", |entry| entry.layer_norm()),
    ("LogSoftmax", |entry| entry.softmax(|axis| Op::LogSoftmax(LogSoftmax { axis }))),
    ("MatMul", |entry| entry.matmul()),
    ("MatMulInteger", |entry| entry.matmul_integer()),
    ("Max", |entry| entry.in_pairs(&Op::Binary(Binary::Max))),
    ("MaxPool", |entry| entry.max_pool()),
    ("Mean", |entry| entry.mean()),
    ("Min", |entry| entry.in_pairs(&Op::Binary(Binary::Min))),
    ("Mod", |entry| entry.modulo()),
    ("Mul", |entry| entry.mul()),
    ("PRelu", |entry| entry.prelu()),
    ("Pad", |entry| entry.pad()),
    ("Pow", |entry| entry.pow()),
    ("QLinearConv", |entry| entry.qlinear_conv()),
    ("QLinearMatMul", |entry| entry.qlinear_matmul()),
    ("QuantizeLinear", |entry| entry.quantize_linear()),
    ("RMSNormalization", |entry| entry.rms_norm()),
    ("RNN", |entry| entry.recurrent()),
    ("ReduceL2", |entry| entry.reduce(Reduction::L2)),
    ("ReduceMax", |entry| entry.reduce(Reduction::Max)),
    ("ReduceMean", |entry| entry.reduce(Reduction::Mean)),
    ("ReduceMin", |entry| entry.reduce(Reduction::Min)),
    ("ReduceSum", |entry| entry.reduce(Reduction::Sum)),
    ("Relu", |entry| entry.relu()),
    ("Reshape", |entry| entry.reshape()),
    ("Resize", |entry| entry.resize()),
    ("Slice", |entry| entry.slice()),
    ("Softmax", |entry| entry.softmax(|axis| Op::Softmax(Softmax { axis }))),
    ("SpaceToDepth", |entry| entry.depth_and_space(false)),
    ("Split", |entry| entry.split()),
    ("Squeeze", |entry| entry.squeeze()),
    ("Sum", |entry| entry.in_pairs(&Op::Add(Add { activation: Activation::None }))),
    ("Swish", |entry| entry.swish()),
    ("Tile", |entry| entry.tile()),
    ("TopK", |entry| entry.top_k()),
    ("Transpose", |entry| entry.transpose()),
    ("Trilu", |entry| entry.trilu()),
    ("Unsqueeze", |entry| entry.unsqueeze()),
    ("Upsample", |entry| entry.resize()),
    ("Where", |entry| entry.choose()),
    ("com.microsoft.DequantizeLinear", |entry| entry.dequantize_linear()),
    ("com.microsoft.DynamicQuantizeLSTM", |entry| entry.dynamic_quantize_lstm()),
    ("com.microsoft.DynamicQuantizeMatMul", |entry| entry.dynamic_quantize_matmul()),
    ("com.microsoft.MatMulIntegerToFloat", |entry| entry.matmul_integer_to_float()),
    ("com.microsoft.MatMulNBits", |entry| entry.matmul_bits()),
    ("com.microsoft.QGemm", |entry| entry.qgemm()),
    ("com.microsoft.QLinearAdd", |entry| entry.qlinear_add()),
    ("com.microsoft.QLinearAveragePool", |entry| entry.qlinear_average_pool()),
    ("com.microsoft.QLinearConcat", |entry| entry.qlinear_concat()),
    ("com.microsoft.QLinearGlobalAveragePool", |entry| entry.qlinear_global_average_pool()),
    ("com.microsoft.QLinearLeakyRelu", |entry| entry.qlinear_leaky_relu()),
    ("com.microsoft.QLinearMul", |entry| entry.qlinear_mul()),
    ("com.microsoft.QLinearSigmoid", |entry| entry.qlinear_sigmoid()),
    ("com.microsoft.QLinearSoftmax", |entry| entry.qlinear_softmax()),
    ("com.microsoft.QuantizeLinear", |entry| entry.quantize_linear()),
];

/// The operators that are read where constants are collected, and those of shape arithmetic only.
const READ_ELSEWHERE: [&str; 5] = ["Constant", "Range", "ReduceProd", "Shape", "Size"];

/// The operators that [`crate::import`] knows, sorted; those of ONNX Runtime with their domain. `ReduceProd` is known
/// as shape arithmetic only.
pub static OPERATORS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let by_code = READ_BY_CODE.iter().map(|(name, _)| *name);
    let mut all: Vec<&str> = READ.keys().copied().chain(by_code).chain(READ_ELSEWHERE).collect();
    all.sort_unstable();
    all
});

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
        let name = operator(self.proto);
        if let Some((_, read)) = READ_BY_CODE.iter().find(|(known, _)| *known == name) {
            return read(self);
        }
        match READ.get(&*name) {
            Some(op) => self.read_row(op.clone()),
            None => Err(self.unsupported(format!("the operator {name}"))),
        }
    }

    /// An operator of a row, on as many operands as the node has.
    pub(crate) fn read_row(&mut self, mut op: Op) -> Result<(), Error> {
        let kind = op.kind();
        match (kind.output_params(), self.proto.input.len()) {
            (OutputParams::Own, 1) => {
                Attributes::read_row(self.proto, &self.name, &mut op, 0)?;
                self.own(|_, _| Ok(op))
            }
            (OutputParams::Own, _) => {
                Attributes::read_row(self.proto, &self.name, &mut op, 0)?;
                let fuses = op.with_activation(Activation::None).is_some();
                self.own_of_two(&op, fuses)
            }
            (OutputParams::Shared, _) => {
                let x = self.moved(0)?;
                Attributes::read_row(self.proto, &self.name, &mut op, self.dims(x.id()).len())?;
                self.emit_moved(op, x)
            }
            (OutputParams::Float, count) => {
                let inputs = (0..count).map(|index| self.operand(index)).collect::<Result<Vec<_>, _>>()?;
                let rank = inputs.first().map_or(0, |&x| self.dims(x).len());
                Attributes::read_row(self.proto, &self.name, &mut op, rank)?;
                self.emit(op, &inputs)
            }
        }
    }

    /// An operator with one input, whose result has parameters of its own when the input is quantized.
    pub(super) fn own(&mut self, op: impl FnOnce(&Self, ValueId) -> Result<Op, Error>) -> Result<(), Error> {
        let target = self.target(false)?;
        let quantized = if target.is_some() { self.quantized(0)? } else { None };
        match target.zip(quantized) {
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
        let quantized = if target.is_some() { self.quantized(0)?.zip(self.quantized(1)?) } else { None };
        match target.zip(quantized.filter(|&quantized| self.is_exact(op, quantized))) {
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

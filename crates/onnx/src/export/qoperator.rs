//! Quantized operators: those of ONNX and ONNX Runtime whose names begin with Q, and those that move quantized values.

use std::collections::HashSet;

use fourfold_graph::{
    Activation, AveragePool, Binary, Clip, Concat, Conv, Flatten, Graph, Interpolation, Linear, Node, Op, PadMode,
    Softmax, Transpose, Unary, ValueId, ValueType,
};
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Tensor};

use super::attributes::window_attributes;
use super::message::{float, int, ints};
use super::movement::is_movement;
use super::sizes::Size;
use super::{Exporter, MICROSOFT};
use crate::Error;
use crate::proto::AttributeProto;

/// A quantized operator before it is written.
struct QOperator {
    operator: &'static str,
    /// Whether it is one of ONNX Runtime.
    is_microsoft: bool,
    inputs: Vec<String>,
    attributes: Vec<AttributeProto>,
}

impl Exporter<'_> {
    /// Writes a node as a quantized operator; `false` if it has no such form.
    pub(super) fn qoperator(&mut self, node: &Node) -> Result<bool, Error> {
        let (inputs, output) = (node.inputs(), node.output());
        let (Some(x), Some(y)) = (self.activation_params(inputs[0]), self.activation_params(output)) else {
            return Ok(false);
        };
        let (x, y) = (x.clone(), y.clone());
        if x.dtype() != y.dtype() {
            return Ok(false);
        }
        match node.op() {
            Op::Relu => self.quantized_clip(node, &y, Activation::Relu).map(|()| true),
            Op::Clip(Clip { min, max }) => {
                self.quantized_clip(node, &y, Activation::Clamp { min: *min, max: *max }).map(|()| true)
            }
            Op::Concat(_) if inputs.iter().all(|&id| self.activation_params(id) == Some(&y)) => {
                self.moved(node).map(|()| true)
            }
            op if is_moving(op) => self.moved(node).map(|()| true),
            Op::Linear(_) if !self.takes_weight(node, false) => Ok(false),
            Op::Linear(Linear { dynamic: None, .. }) if inputs.len() == 3 && self.ty(inputs[0]).rank() != 2 => {
                self.linear_of_rows(node, &y).map(|()| true)
            }
            _ => match self.computed(node, &y)? {
                Some(form) => self.push_result(node, &y, form).map(|()| true),
                None => Ok(false),
            },
        }
    }

    /// The parameters of a quantized activation: 8 bits, per tensor.
    fn activation_params(&self, id: ValueId) -> Option<&QuantParams> {
        self.ty(id).params().filter(|params| params.as_per_tensor().is_some() && params.dtype() != DType::I32)
    }

    /// Whether ONNX Runtime accepts these types of operand and weight together, and the weight's zero points;
    /// `has_one_zero_point` if the operator takes a single one.
    fn takes_weight(&self, node: &Node, has_one_zero_point: bool) -> bool {
        let [x, weight] = [0, 1].map(|operand: usize| self.ty(node.inputs()[operand]));
        let zero_points = weight.params().map_or(&[][..], QuantParams::zero_points);
        let is_one = zero_points.windows(2).all(|pair| pair[0] == pair[1]);
        (x.dtype() == DType::U8 || weight.dtype() == DType::I8) && (is_one || !has_one_zero_point)
    }

    /// The form of an operator whose result has parameters of its own; they follow those of the operands.
    fn computed(&mut self, node: &Node, y: &QuantParams) -> Result<Option<QOperator>, Error> {
        let ids = node.inputs();
        let form =
            |operator, is_microsoft, inputs, attributes| Some(QOperator { operator, is_microsoft, inputs, attributes });
        let microsoft = |operator, inputs, attributes| form(operator, true, inputs, attributes);
        let have_one_type = ids.iter().all(|&id| self.ty(id).dtype() == y.dtype());
        Ok(match node.op() {
            Op::Conv(Conv { window, groups, .. }) if self.takes_weight(node, true) => {
                let mut inputs = [self.quantized(ids[0])?, self.quantized(ids[1])?].concat();
                inputs.extend(self.result_parameters(node)?);
                if let Some(&bias) = ids.get(2) {
                    inputs.push(self.quantized_constant(bias)?);
                }
                let mut attributes = window_attributes(window);
                attributes.push(int("group", *groups));
                form("QLinearConv", false, inputs, attributes)
            }
            Op::Linear(Linear { dynamic: None, .. }) if self.ty(ids[0]).rank() == 2 => {
                let x = self.quantized(ids[0])?;
                Some(self.gemm_of(node, x)?)
            }
            Op::Linear(Linear { dynamic: None, .. }) if ids.len() == 2 => {
                let mut inputs = [self.quantized(ids[0])?, self.transposed_constant(ids[1])?].concat();
                inputs.extend(self.result_parameters(node)?);
                form("QLinearMatMul", false, inputs, Vec::new())
            }
            Op::MatMul if have_one_type => form("QLinearMatMul", false, self.operands_and_result(node)?, Vec::new()),
            Op::Add(_) if have_one_type => microsoft("QLinearAdd", self.operands_and_result(node)?, Vec::new()),
            Op::Binary(Binary::Mul) if have_one_type => {
                microsoft("QLinearMul", self.operands_and_result(node)?, Vec::new())
            }
            Op::Unary(Unary::Sigmoid) => microsoft("QLinearSigmoid", self.operands_and_result(node)?, Vec::new()),
            Op::Unary(Unary::LeakyRelu { slope }) => {
                microsoft("QLinearLeakyRelu", self.operands_and_result(node)?, vec![float("alpha", *slope)])
            }
            Op::Concat(Concat { axis }) if have_one_type => {
                let mut inputs = self.result_parameters(node)?.to_vec();
                for &id in ids {
                    inputs.extend(self.quantized(id)?);
                }
                microsoft("QLinearConcat", inputs, vec![int("axis", *axis)])
            }
            Op::AveragePool(AveragePool { window, count_include_pad })
                if window.dilation.iter().all(|&dilation| dilation == 1) =>
            {
                let mut attributes = window_attributes(window);
                attributes.retain(|attribute| attribute.name != "dilations");
                attributes.push(int("count_include_pad", usize::from(*count_include_pad)));
                microsoft("QLinearAveragePool", self.operands_and_result(node)?, attributes)
            }
            Op::GlobalAveragePool => {
                microsoft("QLinearGlobalAveragePool", self.operands_and_result(node)?, vec![int("channels_last", 0)])
            }
            _ => None,
        })
    }

    /// Quantized tensors, scales and zero points of all operands, then the parameters of the result.
    fn operands_and_result(&mut self, node: &Node) -> Result<Vec<String>, Error> {
        let operands = node.inputs().iter().map(|&id| self.quantized(id)).collect::<Result<Vec<_>, _>>()?;
        Ok([&operands.concat()[..], &self.result_parameters(node)?].concat())
    }

    /// The QGemm of quantized rows and a weight `[out, in]`.
    fn gemm_of(&mut self, node: &Node, rows: [String; 3]) -> Result<QOperator, Error> {
        let ids = node.inputs();
        let mut inputs = [rows, self.quantized(ids[1])?].concat();
        let bias = ids.get(2).map(|&bias| self.quantized_constant(bias)).transpose()?;
        inputs.push(bias.unwrap_or_default());
        inputs.extend(self.result_parameters(node)?);
        Ok(QOperator { operator: "QGemm", is_microsoft: true, inputs, attributes: vec![int("transB", 1)] })
    }

    /// A Linear with a bias and an operand of any rank. Only QGemm takes a bias, but it takes two axes only, so it
    /// stands between two Reshapes.
    fn linear_of_rows(&mut self, node: &Node, y: &QuantParams) -> Result<(), Error> {
        let name = node.name();
        let (x, weight) = (node.inputs()[0], self.ty(node.inputs()[1]));
        let depth = weight.dims().get(1).map_or(Size::Number(-1), Size::from);
        let [quantized, scale, zero_point] = self.quantized(x)?;
        let shape = self.sizes(&format!("{name}.rows.shape"), &[Size::Number(-1), depth])?;
        let rows = self.push_fresh("Reshape", &format!("{name}.rows"), &[&quantized, &shape], Vec::new());
        let form = self.gemm_of(node, [rows, scale, zero_point])?;
        let product = self.fresh(&format!("{name}.product"));
        self.push_form(node, y, form, &product)?;
        let dims = self.ty(node.output()).dims();
        let is_open = |dim: &&fourfold_graph::Dim| dim.fixed().is_none();
        let is_single = dims.iter().filter(is_open).count() == 1;
        let size = |dim| if is_single && is_open(&dim) { Size::Number(-1) } else { dim.into() };
        let sizes: Vec<Size> = dims.iter().map(size).collect();
        let shape = self.sizes(&format!("{name}.shape"), &sizes)?;
        let reshape = self.fresh(&format!("{name}.reshape"));
        self.push("Reshape", &reshape, &[&product, &shape], self.graph.value(node.output()).name(), Vec::new());
        Ok(())
    }

    /// Writes Dequantize, Softmax and Quantize (`node`) as one QLinearSoftmax, if [`softmaxes`] has found them; else
    /// `false`.
    pub(super) fn quantized_softmax(&mut self, node: &Node) -> Result<bool, Error> {
        let producer = |id: ValueId| self.graph.value(id).producer().map(|id| self.graph.node(id));
        let soft = producer(node.inputs()[0]).filter(|soft| self.softmaxes.contains(&soft.output()));
        let Some((&Op::Softmax(Softmax { axis }), dequantize)) =
            soft.map(Node::op).zip(soft.and_then(|soft| producer(soft.inputs()[0])))
        else {
            return Ok(false);
        };
        let Some(y) = self.ty(node.output()).params() else { return Ok(false) };
        let inputs = [&self.quantized(dequantize.inputs()[0])?[..], &self.result_parameters(node)?].concat();
        // The axis has the meaning of opset 13 and later.
        let attributes = vec![int("axis", axis), int("opset", 13)];
        self.push_result(node, y, QOperator { operator: "QLinearSoftmax", is_microsoft: true, inputs, attributes })?;
        Ok(true)
    }

    /// Writes the parameters of a node's result.
    fn result_parameters(&mut self, node: &Node) -> Result<[String; 2], Error> {
        let value = self.graph.value(node.output());
        let Some(params) = value.ty().params() else { return Ok([String::new(), String::new()]) };
        let [scale, zero_point] = self.parameters(value.name(), params)?;
        self.quantized_names.insert(node.output(), [value.name().to_owned(), scale.clone(), zero_point.clone()]);
        Ok([scale, zero_point])
    }

    /// Writes a weight `[out, in]` transposed; names of the tensor `[in, out]`, its scales and zero points.
    fn transposed_constant(&mut self, id: ValueId) -> Result<[String; 3], Error> {
        let value = self.graph.value(id);
        let (Some(constant), Some(params)) = (value.constant(), value.ty().params()) else {
            return Err(Error::Export {
                value: value.name().to_owned(),
                reason: "a weight that is not a quantized constant",
            });
        };
        let quantized = constant.permute(&[1, 0]).map_err(fourfold_graph::Error::from)?;
        let quantized = self.initializer(&format!("{}.turned", value.name()), &quantized);
        let [scale, zero_point] = self.parameters(value.name(), params)?;
        Ok([quantized, scale, zero_point])
    }

    /// Adds a node's operator; its output has the name of the node's result.
    fn push_result(&mut self, node: &Node, y: &QuantParams, form: QOperator) -> Result<(), Error> {
        self.push_form(node, y, form, self.graph.value(node.output()).name())
    }

    /// Adds the operator, and a Clip if the range of the result is narrower than its type.
    fn push_form(&mut self, node: &Node, y: &QuantParams, form: QOperator, name: &str) -> Result<(), Error> {
        let bounds = node.op().activation().quantized_bounds(y);
        let is_bounded = Some(bounds) != y.dtype().byte_range();
        let computed = if is_bounded { self.fresh(&format!("{name}.unclamped")) } else { name.to_owned() };
        let inputs: Vec<&str> = form.inputs.iter().map(String::as_str).collect();
        self.push(form.operator, node.name(), &inputs, &computed, form.attributes);
        if let Some(node) = self.nodes.last_mut().filter(|_| form.is_microsoft) {
            MICROSOFT.clone_into(&mut node.domain);
        }
        if is_bounded {
            let clip = self.fresh(&format!("{name}.clip"));
            self.push_clip(&clip, &computed, y, bounds, name)?;
        }
        Ok(())
    }

    /// A clamp of quantized values, which keep their parameters.
    fn quantized_clip(&mut self, node: &Node, y: &QuantParams, activation: Activation) -> Result<(), Error> {
        let [x, scale, zero_point] = self.quantized(node.inputs()[0])?;
        let name = self.graph.value(node.output()).name();
        self.push_clip(node.name(), &x, y, activation.quantized_bounds(y), name)?;
        self.quantized_names.insert(node.output(), [name.to_owned(), scale, zero_point]);
        Ok(())
    }

    fn push_clip(
        &mut self,
        node: &str,
        x: &str,
        params: &QuantParams,
        (low, high): (i32, i32),
        output: &str,
    ) -> Result<(), Error> {
        let mut inputs = vec![x.to_owned()];
        for (suffix, bound) in [("low", low), ("high", high)] {
            let bound = Tensor::from_le_bytes(params.dtype(), &[], &bound.to_le_bytes()[..1]);
            let bound = bound.map_err(fourfold_graph::Error::from)?;
            inputs.push(self.initializer(&format!("{node}.{suffix}"), &bound));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.push("Clip", node, &inputs, output, Vec::new());
        Ok(())
    }

    /// An operator that moves elements without reading them.
    fn moved(&mut self, node: &Node) -> Result<(), Error> {
        let names = node.inputs().iter().take(if is_movement(node.op()) { 1 } else { usize::MAX });
        let quantized = names.map(|&id| self.quantized(id)).collect::<Result<Vec<_>, _>>()?;
        let output = self.graph.value(node.output()).name();
        let Some([x, scale, zero_point]) = quantized.first().cloned() else { return Ok(()) };
        let (operator, attributes) = match node.op() {
            Op::MaxPool(window) => ("MaxPool", window_attributes(window)),
            Op::Flatten(Flatten { axis }) => ("Flatten", vec![int("axis", *axis)]),
            Op::Transpose(Transpose { axes }) => ("Transpose", vec![ints("perm", axes)]),
            Op::Concat(Concat { axis }) => ("Concat", vec![int("axis", *axis)]),
            _ => ("Identity", Vec::new()),
        };
        if is_movement(node.op()) {
            self.movement(node, &x, output)?;
        } else {
            let names: Vec<&str> = quantized.iter().map(|[quantized, ..]| quantized.as_str()).collect();
            self.push(operator, node.name(), &names, output, attributes);
        }
        self.quantized_names.insert(node.output(), [output.to_owned(), scale, zero_point]);
        Ok(())
    }
}

/// The values inside each Dequantize, Softmax, Quantize that can be one operator: results of Dequantize and Softmax
/// that nothing else reads.
pub(super) fn softmaxes(graph: &Graph) -> HashSet<ValueId> {
    let one_scale = |ty: &ValueType| ty.params().filter(|params| params.as_per_tensor().is_some()).map(|_| ty.dtype());
    let is_between = |node: &&Node| {
        let before = graph.value(node.inputs()[0]).producer().map(|id| graph.node(id));
        let before = before.filter(|before| matches!(before.op(), Op::Dequantize));
        match before.zip(graph.sole_consumer(node.output())) {
            Some((before, behind)) if matches!(behind.op(), Op::Quantize) => {
                let ty = graph.value(before.inputs()[0]).ty();
                let types = [ty, graph.value(behind.output()).ty()].map(one_scale);
                ty.is_quantized() && types[0].is_some() && types[0] == types[1]
            }
            _ => false,
        }
    };
    let soft = graph.nodes().iter().filter(|node| matches!(node.op(), Op::Softmax(_))).filter(is_between);
    let mut found: HashSet<ValueId> = soft.map(Node::output).collect();
    let before = graph.nodes().iter().filter(|node| matches!(node.op(), Op::Dequantize)).map(Node::output);
    let is_for_softmax = |&id: &ValueId| {
        let mut readers = graph.consumers(id).peekable();
        !graph.is_output(id) && readers.peek().is_some() && readers.all(|reader| found.contains(&reader.output()))
    };
    let before: Vec<ValueId> = before.filter(is_for_softmax).collect();
    found.extend(before);
    found
}

/// Whether the operator moves quantized values without using their parameters.
fn is_moving(op: &Op) -> bool {
    match op {
        Op::MaxPool(_) | Op::Flatten(_) | Op::Transpose(_) | Op::Identity => true,
        Op::Pad(pad) => !matches!(pad.mode, PadMode::Constant(_)),
        Op::Resize(resize) => matches!(resize.interpolation, Interpolation::Nearest(_)),
        op => is_movement(op),
    }
}

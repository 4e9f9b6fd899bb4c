//! Operators on codes: those of ONNX and of ONNX Runtime, whose names begin with Q, and those that move codes as they
//! are.

use std::collections::HashSet;

use fourfold_graph::{
    Activation, AveragePool, Binary, Clip, Concat, Conv, Flatten, Graph, Interpolation, Linear, Node, Op, PadMode,
    Softmax, Transpose, Unary, ValueId, ValueType,
};
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Tensor};

use super::attributes::window;
use super::message::{float, int, ints};
use super::movement::is_movement;
use super::sizes::Size;
use super::{Exporter, MICROSOFT};
use crate::Error;
use crate::proto::AttributeProto;

/// An operator on codes before it is written.
struct Form {
    operator: &'static str,
    /// Whether it is one of ONNX Runtime.
    is_microsoft: bool,
    inputs: Vec<String>,
    attributes: Vec<AttributeProto>,
}

impl Exporter<'_> {
    /// Writes a node as an operator on codes; `false` if it has no such form.
    pub(super) fn on_codes(&mut self, node: &Node) -> Result<bool, Error> {
        let (inputs, output) = (node.inputs(), node.output());
        let (Some(x), Some(y)) = (self.activation_params(inputs[0]), self.activation_params(output)) else {
            return Ok(false);
        };
        let (x, y) = (x.clone(), y.clone());
        if x.dtype() != y.dtype() {
            return Ok(false);
        }
        match node.op() {
            Op::Relu => self.clip_codes(node, &y, Activation::Relu).map(|()| true),
            Op::Clip(Clip { min, max }) => {
                self.clip_codes(node, &y, Activation::Clamp { min: *min, max: *max }).map(|()| true)
            }
            Op::Concat(_) if inputs.iter().all(|&id| self.activation_params(id) == Some(&y)) => {
                self.moved_codes(node).map(|()| true)
            }
            op if is_moving(op) => self.moved_codes(node).map(|()| true),
            Op::Linear(_) if !self.takes_weight(node, false) => Ok(false),
            Op::Linear(Linear { dynamic: None, .. }) if inputs.len() == 3 && self.ty(inputs[0]).rank() != 2 => {
                self.linear_of_rows(node, &y).map(|()| true)
            }
            _ => match self.computed_codes(node, &y)? {
                Some(form) => self.push_on_codes(node, &y, form).map(|()| true),
                None => Ok(false),
            },
        }
    }

    /// The parameters of a value of codes that has one scale.
    fn activation_params(&self, id: ValueId) -> Option<&QuantParams> {
        self.ty(id).params().filter(|params| params.as_per_tensor().is_some() && params.dtype() != DType::I32)
    }

    /// Whether ONNX Runtime takes the types of operand and weight together and, for a convolution, one zero point for
    /// all channels.
    fn takes_weight(&self, node: &Node, has_one_zero_point: bool) -> bool {
        let [x, weight] = [0, 1].map(|operand: usize| self.ty(node.inputs()[operand]));
        let zero_points = weight.params().map_or(&[][..], QuantParams::zero_points);
        let is_one = zero_points.windows(2).all(|pair| pair[0] == pair[1]);
        (x.dtype() == DType::U8 || weight.dtype() == DType::I8) && (is_one || !has_one_zero_point)
    }

    /// The form of an operator whose result has parameters of its own, which are written behind the operands'.
    fn computed_codes(&mut self, node: &Node, y: &QuantParams) -> Result<Option<Form>, Error> {
        let ids = node.inputs();
        let form =
            |operator, is_microsoft, inputs, attributes| Some(Form { operator, is_microsoft, inputs, attributes });
        let microsoft = |operator, inputs, attributes| form(operator, true, inputs, attributes);
        let have_one_type = ids.iter().all(|&id| self.ty(id).dtype() == y.dtype());
        Ok(match node.op() {
            Op::Conv(Conv { window: place, groups, .. }) if self.takes_weight(node, true) => {
                let mut inputs = [self.codes_of(ids[0])?, self.codes_of(ids[1])?].concat();
                inputs.extend(self.result_parameters(node)?);
                if let Some(&bias) = ids.get(2) {
                    inputs.push(self.constant_codes(bias)?);
                }
                let mut attributes = window(place);
                attributes.push(int("group", *groups));
                form("QLinearConv", false, inputs, attributes)
            }
            Op::Linear(Linear { dynamic: None, .. }) if self.ty(ids[0]).rank() == 2 => {
                let x = self.codes_of(ids[0])?;
                Some(self.gemm_of(node, x)?)
            }
            Op::Linear(Linear { dynamic: None, .. }) if ids.len() == 2 => {
                let mut inputs = [self.codes_of(ids[0])?, self.turned_codes(ids[1])?].concat();
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
                    inputs.extend(self.codes_of(id)?);
                }
                microsoft("QLinearConcat", inputs, vec![int("axis", *axis)])
            }
            Op::AveragePool(AveragePool { window: place, count_include_pad })
                if place.dilation.iter().all(|&dilation| dilation == 1) =>
            {
                let mut attributes = window(place);
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

    /// The codes, scales and zero points of all operands, then the parameters of the result.
    fn operands_and_result(&mut self, node: &Node) -> Result<Vec<String>, Error> {
        let operands = node.inputs().iter().map(|&id| self.codes_of(id)).collect::<Result<Vec<_>, _>>()?;
        Ok([&operands.concat()[..], &self.result_parameters(node)?].concat())
    }

    /// The product of rows of codes and a weight `[out, in]`.
    fn gemm_of(&mut self, node: &Node, rows: [String; 3]) -> Result<Form, Error> {
        let ids = node.inputs();
        let mut inputs = [rows, self.codes_of(ids[1])?].concat();
        let bias = ids.get(2).map(|&bias| self.constant_codes(bias)).transpose()?;
        inputs.push(bias.unwrap_or_default());
        inputs.extend(self.result_parameters(node)?);
        Ok(Form { operator: "QGemm", is_microsoft: true, inputs, attributes: vec![int("transB", 1)] })
    }

    /// A product with a bias, for which there is QGemm alone, of any number of axes: they become one, and come back
    /// behind it.
    fn linear_of_rows(&mut self, node: &Node, y: &QuantParams) -> Result<(), Error> {
        let name = node.name();
        let (x, weight) = (node.inputs()[0], self.ty(node.inputs()[1]));
        let depth = weight.dims().get(1).map_or(Size::Number(-1), Size::from);
        let [codes, scale, zero_point] = self.codes_of(x)?;
        let shape = self.sizes(&format!("{name}.rows.shape"), &[Size::Number(-1), depth])?;
        let rows = self.push_fresh("Reshape", &format!("{name}.rows"), &[&codes, &shape], Vec::new());
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

    /// Writes a Quantize behind a softmax of codes, both of which [`softmaxes`] has found, and the Dequantize before,
    /// as one operator.
    pub(super) fn softmax_on_codes(&mut self, node: &Node) -> Result<bool, Error> {
        let producer = |id: ValueId| self.graph.value(id).producer().map(|id| self.graph.node(id));
        let soft = producer(node.inputs()[0]).filter(|soft| self.softmaxes.contains(&soft.output()));
        let Some((&Op::Softmax(Softmax { axis }), dequantize)) =
            soft.map(Node::op).zip(soft.and_then(|soft| producer(soft.inputs()[0])))
        else {
            return Ok(false);
        };
        let Some(y) = self.ty(node.output()).params() else { return Ok(false) };
        let inputs = [&self.codes_of(dequantize.inputs()[0])?[..], &self.result_parameters(node)?].concat();
        // The meaning of the axis is that since opset 13.
        let attributes = vec![int("axis", axis), int("opset", 13)];
        self.push_on_codes(node, y, Form { operator: "QLinearSoftmax", is_microsoft: true, inputs, attributes })?;
        Ok(true)
    }

    /// Writes the parameters of a node's result.
    fn result_parameters(&mut self, node: &Node) -> Result<[String; 2], Error> {
        let value = self.graph.value(node.output());
        let Some(params) = value.ty().params() else { return Ok([String::new(), String::new()]) };
        let [scale, zero_point] = self.parameters(value.name(), params)?;
        self.codes.insert(node.output(), [value.name().to_owned(), scale.clone(), zero_point.clone()]);
        Ok([scale, zero_point])
    }

    /// The names of the codes `[in, out]`, scales and zero points of a weight `[out, in]`.
    fn turned_codes(&mut self, id: ValueId) -> Result<[String; 3], Error> {
        let value = self.graph.value(id);
        let (Some(constant), Some(params)) = (value.constant(), value.ty().params()) else {
            return Err(Error::Export {
                value: value.name().to_owned(),
                reason: "a weight that is not constant codes",
            });
        };
        let codes = constant.permute(&[1, 0]).map_err(fourfold_graph::Error::from)?;
        let codes = self.initializer(&format!("{}.turned", value.name()), &codes);
        let [scale, zero_point] = self.parameters(value.name(), params)?;
        Ok([codes, scale, zero_point])
    }

    /// Adds the operator that makes a node's result.
    fn push_on_codes(&mut self, node: &Node, y: &QuantParams, form: Form) -> Result<(), Error> {
        self.push_form(node, y, form, self.graph.value(node.output()).name())
    }

    /// Adds the operator and, where it may give codes that the result may not have, a Clip.
    fn push_form(&mut self, node: &Node, y: &QuantParams, form: Form, name: &str) -> Result<(), Error> {
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

    /// A clamp of codes, which keep their parameters.
    fn clip_codes(&mut self, node: &Node, y: &QuantParams, activation: Activation) -> Result<(), Error> {
        let [x, scale, zero_point] = self.codes_of(node.inputs()[0])?;
        let name = self.graph.value(node.output()).name();
        self.push_clip(node.name(), &x, y, activation.quantized_bounds(y), name)?;
        self.codes.insert(node.output(), [name.to_owned(), scale, zero_point]);
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
        for (part, code) in [("low", low), ("high", high)] {
            let code = Tensor::from_le_bytes(params.dtype(), &[], &code.to_le_bytes()[..1]);
            let code = code.map_err(fourfold_graph::Error::from)?;
            inputs.push(self.initializer(&format!("{node}.{part}"), &code));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.push("Clip", node, &inputs, output, Vec::new());
        Ok(())
    }

    /// An operator that moves codes as it moves any elements.
    fn moved_codes(&mut self, node: &Node) -> Result<(), Error> {
        let names = node.inputs().iter().take(if is_movement(node.op()) { 1 } else { usize::MAX });
        let codes = names.map(|&id| self.codes_of(id)).collect::<Result<Vec<_>, _>>()?;
        let output = self.graph.value(node.output()).name();
        let Some([x, scale, zero_point]) = codes.first().cloned() else { return Ok(()) };
        let (operator, attributes) = match node.op() {
            Op::MaxPool(place) => ("MaxPool", window(place)),
            Op::Flatten(Flatten { axis }) => ("Flatten", vec![int("axis", *axis)]),
            Op::Transpose(Transpose { axes }) => ("Transpose", vec![ints("perm", axes)]),
            Op::Concat(Concat { axis }) => ("Concat", vec![int("axis", *axis)]),
            _ => ("Identity", Vec::new()),
        };
        if is_movement(node.op()) {
            self.movement(node, &x, output)?;
        } else {
            let names: Vec<&str> = codes.iter().map(|[codes, ..]| codes.as_str()).collect();
            self.push(operator, node.name(), &names, output, attributes);
        }
        self.codes.insert(node.output(), [output.to_owned(), scale, zero_point]);
        Ok(())
    }
}

/// The values between the Dequantize before a softmax and the Quantize behind it that nothing else reads.
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

/// Whether the operator moves codes without a look at what they stand for.
fn is_moving(op: &Op) -> bool {
    match op {
        Op::MaxPool(_) | Op::Flatten(_) | Op::Transpose(_) | Op::Identity => true,
        Op::Pad(pad) => !matches!(pad.mode, PadMode::Constant(_)),
        Op::Resize(resize) => matches!(resize.interpolation, Interpolation::Nearest(_)),
        op => is_movement(op),
    }
}

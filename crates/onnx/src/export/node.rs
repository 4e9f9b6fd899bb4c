//! One node of the graph on its way into the file.

use fourfold_graph::{
    Activation, AveragePool, BatchNorm, Clip, Flatten, GroupNorm, LayerNorm, Linear, LogSoftmax, Node, Op, Reduce,
    Softmax, Transpose, Window,
};

use super::choice::plain;
use super::function::binary;
use super::message::{float, int, ints};
use super::movement::is_movement;
use super::{Exporter, Form};
use crate::Error;
use crate::proto::AttributeProto;

impl Exporter<'_> {
    /// Writes a node, its clamp, and the quantization of its result.
    pub(super) fn node(&mut self, node: &Node) -> Result<(), Error> {
        let output = node.output();
        if self.cuts.contains(&output) || self.softmaxes.contains(&output) {
            return Ok(());
        }
        let name = self.graph.value(output).name();
        match node.op() {
            Op::Quantize if self.softmax_on_codes(node)? => return Ok(()),
            Op::Quantize => {
                let real = self.real(node.inputs()[0])?;
                return self.quantize(node.name(), &real, output);
            }
            Op::Dequantize => {
                self.dequantize(node.inputs()[0], node.name(), name)?;
                self.reals.insert(output, name.to_owned());
                return Ok(());
            }
            _ => {}
        }
        let is_codes = self.ty(output).params().is_some();
        if self.form == Form::QOperator && self.on_codes(node)? {
            return Ok(());
        }
        let activation = node.op().activation();
        // The last operator's result has the value's name, unless its codes have.
        let last = if is_codes { self.fresh(&format!("{name}.unquantized")) } else { name.to_owned() };
        let computed = match activation {
            Activation::None => last.clone(),
            _ => self.fresh(&format!("{name}.unclamped")),
        };
        self.operator(node, &computed)?;
        self.clamp(activation, name, &computed, &last)?;
        if is_codes {
            let quantize = self.fresh(&format!("{name}.quantize"));
            return self.quantize(&quantize, &last, output);
        }
        self.reals.insert(output, last);
        Ok(())
    }

    fn clamp(&mut self, activation: Activation, name: &str, x: &str, output: &str) -> Result<(), Error> {
        match activation {
            Activation::None => {}
            Activation::Relu => {
                let node = self.fresh(&format!("{name}.relu"));
                self.push("Relu", &node, &[x], output, Vec::new());
            }
            Activation::Clamp { min, max } => {
                let node = self.fresh(&format!("{name}.clip"));
                self.clip(&node, x, (min, max), output)?;
            }
        }
        Ok(())
    }

    fn clip(&mut self, node: &str, x: &str, (min, max): (f32, f32), output: &str) -> Result<(), Error> {
        let mut bound = |part: &str, bound: f32| match bound.is_infinite() {
            true => Ok(String::new()),
            false => self.floats(&format!("{node}.{part}"), &[], &[bound]),
        };
        let (min, max) = (bound("min", min)?, bound("max", max)?);
        let inputs: Vec<&str> = if max.is_empty() { vec![x, &min] } else { vec![x, &min, &max] };
        let inputs = if min.is_empty() && max.is_empty() { vec![x] } else { inputs };
        self.push("Clip", node, &inputs, output, Vec::new());
        Ok(())
    }

    /// Writes the operator alone, on real numbers.
    fn operator(&mut self, node: &Node, output: &str) -> Result<(), Error> {
        let name = node.name();
        if is_movement(node.op()) {
            let x = self.real(node.inputs()[0])?;
            return self.movement(node, &x, output);
        }
        let (operator, attributes): (&str, Vec<AttributeProto>) = match node.op() {
            _ if self.gives_sums(node) => return self.sums(node, output),
            Op::Linear(linear) => return self.linear(node, linear, output),
            Op::Clip(Clip { min, max }) => {
                let x = self.real(node.inputs()[0])?;
                return self.clip(name, &x, (*min, *max), output);
            }
            Op::Conv(conv) if conv.dynamic.is_some() => return self.dynamic_conv(node, conv, output),
            Op::Conv(conv) => {
                let mut attributes = window(&conv.window);
                attributes.push(int("group", conv.groups));
                ("Conv", attributes)
            }
            Op::MaxPool(pool) => ("MaxPool", window(pool)),
            Op::AveragePool(AveragePool { window: pool, count_include_pad }) => {
                let mut attributes = window(pool);
                // Before opset 19 an average has no dilation.
                attributes.retain(|attribute| attribute.name != "dilations" || self.opset >= 19);
                attributes.push(int("count_include_pad", usize::from(*count_include_pad)));
                ("AveragePool", attributes)
            }
            Op::BatchNorm(BatchNorm { epsilon }) => ("BatchNormalization", vec![float("epsilon", *epsilon)]),
            Op::Flatten(Flatten { axis }) => ("Flatten", vec![int("axis", *axis)]),
            Op::Transpose(Transpose { axes }) => ("Transpose", vec![ints("perm", axes)]),
            Op::LayerNorm(LayerNorm { axis, epsilon }) => {
                ("LayerNormalization", vec![int("axis", *axis), float("epsilon", *epsilon)])
            }
            Op::Unary(function) => return self.unary(node, *function, output),
            Op::Recurrent(layer) => return self.recurrent(node, layer, output),
            Op::FakeQuantize(params) => return self.fake_quantize(node, params, output),
            Op::Binary(function) => {
                let reason = "its operator has no ONNX form";
                let dtype = self.ty(node.inputs()[0]).dtype();
                binary(*function, dtype).ok_or(Error::Export { value: output.to_owned(), reason })?
            }
            Op::Reduce(Reduce { reduction, axes, keep }) => {
                return self.reduce(node, (*reduction, axes, *keep), output);
            }
            Op::Softmax(Softmax { axis }) => ("Softmax", vec![int("axis", *axis)]),
            Op::MatMul => ("MatMul", Vec::new()),
            Op::Relu => ("Relu", Vec::new()),
            Op::GlobalAveragePool => ("GlobalAveragePool", Vec::new()),
            Op::Add(_) => ("Add", Vec::new()),
            Op::Identity | Op::QuantStub | Op::DeQuantStub => ("Identity", Vec::new()),
            Op::ConvTranspose(conv) => return self.conv_transpose(node, conv, output),
            Op::GroupNorm(GroupNorm { groups, epsilon }) => return self.group_norm(node, (*groups, *epsilon), output),
            Op::LogSoftmax(LogSoftmax { axis }) => ("LogSoftmax", vec![int("axis", *axis)]),
            Op::TopK(top) => return self.top_k(node, *top, output),
            Op::CumSum(sum) => return self.cum_sum(node, *sum, output),
            other => {
                let reason = "its operator has no ONNX form";
                plain(other).ok_or_else(|| Error::Export { value: output.to_owned(), reason })?
            }
        };
        let inputs = node.inputs().iter().map(|&id| self.real(id)).collect::<Result<Vec<_>, _>>()?;
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.push(operator, name, &inputs, output, attributes);
        Ok(())
    }

    /// A Gemm for two axes, else a MatMul and an Add; dynamic quantization in integers.
    fn linear(&mut self, node: &Node, linear: &Linear, output: &str) -> Result<(), Error> {
        if linear.dynamic.is_some() {
            return self.dynamic_linear(node, output);
        }
        let name = node.name();
        let inputs = node.inputs();
        if self.ty(inputs[0]).rank() == 2 {
            let names = inputs.iter().map(|&id| self.real(id)).collect::<Result<Vec<_>, _>>()?;
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.push("Gemm", name, &names, output, vec![int("transB", 1)]);
            return Ok(());
        }
        let (x, weight) = (self.real(inputs[0])?, self.real(inputs[1])?);
        let turned = self.push_fresh("Transpose", &format!("{name}.weight"), &[&weight], vec![ints("perm", &[1, 0])]);
        let bias = inputs.get(2).map(|&id| self.real(id)).transpose()?;
        self.product("MatMul", name, &[&x, &turned], bias.as_deref(), output);
        Ok(())
    }

    /// Adds a product and, if there is one, its bias.
    pub(super) fn product(&mut self, operator: &str, name: &str, inputs: &[&str], bias: Option<&str>, output: &str) {
        match bias {
            None => self.push(operator, name, inputs, output, Vec::new()),
            Some(bias) => {
                let product = self.fresh(&format!("{output}.product"));
                self.push(operator, name, inputs, &product, Vec::new());
                let node = self.fresh(&format!("{name}.bias"));
                self.push("Add", &node, &[&product, bias], output, Vec::new());
            }
        }
    }
}

pub(super) fn window(window: &Window) -> Vec<AttributeProto> {
    let pads = [window.pad_begin.as_slice(), &window.pad_end].concat();
    vec![
        ints("kernel_shape", &window.kernel),
        ints("strides", &window.stride),
        ints("dilations", &window.dilation),
        ints("pads", &pads),
    ]
}

//! Writes one node of the graph.

use fourfold_graph::{Activation, AveragePool, Binary, Clip, Linear, Node, Op};

use super::attributes::{Writer, window_attributes};
use super::message::{int, ints};
use super::movement::is_movement;
use super::{Exporter, Form};
use crate::Error;
use crate::operators::row;
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
            Op::Quantize if self.quantized_softmax(node)? => return Ok(()),
            Op::Quantize => {
                let float = self.float(node.inputs()[0])?;
                return self.quantize(node.name(), &float, output);
            }
            Op::Dequantize => {
                self.dequantize(node.inputs()[0], node.name(), name)?;
                self.float_names.insert(output, name.to_owned());
                return Ok(());
            }
            _ => {}
        }
        let is_quantized = self.ty(output).params().is_some();
        if self.form == Form::QOperator && self.qoperator(node)? {
            return Ok(());
        }
        let activation = node.op().activation();
        // The last result has the value's name, unless the quantized tensor has it.
        let last = if is_quantized { self.fresh(&format!("{name}.unquantized")) } else { name.to_owned() };
        let computed = match activation {
            Activation::None => last.clone(),
            _ => self.fresh(&format!("{name}.unclamped")),
        };
        self.operator(node, &computed)?;
        self.clamp(activation, name, &computed, &last)?;
        if is_quantized {
            let quantize = self.fresh(&format!("{name}.quantize"));
            return self.quantize(&quantize, &last, output);
        }
        self.float_names.insert(output, last);
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
        let mut bound = |suffix: &str, bound: f32| match bound.is_infinite() {
            true => Ok(String::new()),
            false => self.floats(&format!("{node}.{suffix}"), &[], &[bound]),
        };
        let (min, max) = (bound("min", min)?, bound("max", max)?);
        let inputs: Vec<&str> = if max.is_empty() { vec![x, &min] } else { vec![x, &min, &max] };
        let inputs = if min.is_empty() && max.is_empty() { vec![x] } else { inputs };
        self.push("Clip", node, &inputs, output, Vec::new());
        Ok(())
    }

    /// Writes the float operator alone.
    fn operator(&mut self, node: &Node, output: &str) -> Result<(), Error> {
        let name = node.name();
        if is_movement(node.op()) {
            let x = self.float(node.inputs()[0])?;
            return self.movement(node, &x, output);
        }
        if self.gives_sums(node) {
            return self.sums(node, output);
        }
        let mut attributes = Writer::default();
        if let Some(operator) = row(&mut node.op().clone(), &mut attributes)? {
            return self.push_operands(operator, node, output, attributes.0);
        }
        match node.op() {
            Op::Linear(linear) => self.linear(node, linear, output),
            Op::Clip(Clip { min, max }) => {
                let x = self.float(node.inputs()[0])?;
                self.clip(name, &x, (*min, *max), output)
            }
            Op::Conv(conv) => self.dynamic_conv(node, conv, output),
            Op::AveragePool(pool) => self.average_pool(node, pool, output),
            Op::Unary(function) => self.unary(node, *function, output),
            Op::Binary(function) => self.modulo(node, *function, output),
            Op::Recurrent(layer) => self.recurrent(node, layer, output),
            Op::FakeQuantize(params) => self.fake_quantize(node, params, output),
            Op::Reduce(reduce) => self.reduce(node, reduce, output),
            Op::GroupNorm(norm) => self.group_norm(node, norm, output),
            Op::TopK(top) => self.top_k(node, *top, output),
            Op::CumSum(sum) => self.cum_sum(node, *sum, output),
            _ => Err(Error::Export { value: output.to_owned(), reason: "its operator has no ONNX form" }),
        }
    }

    /// Adds a node whose operands are those of the graph's node.
    fn push_operands(
        &mut self,
        operator: &str,
        node: &Node,
        output: &str,
        attributes: Vec<AttributeProto>,
    ) -> Result<(), Error> {
        let inputs = node.inputs().iter().map(|&id| self.float(id)).collect::<Result<Vec<_>, _>>()?;
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.push(operator, node.name(), &inputs, output, attributes);
        Ok(())
    }

    fn average_pool(&mut self, node: &Node, pool: &AveragePool, output: &str) -> Result<(), Error> {
        let mut attributes = window_attributes(&pool.window);
        // Before opset 19 an average has no dilation.
        attributes.retain(|attribute| attribute.name != "dilations" || self.opset >= 19);
        attributes.push(int("count_include_pad", usize::from(pool.count_include_pad)));
        self.push_operands("AveragePool", node, output, attributes)
    }

    /// ONNX's `Mod` takes floats only with `fmod`, where the result has the sign of the dividend.
    fn modulo(&mut self, node: &Node, function: Binary, output: &str) -> Result<(), Error> {
        let is_integer = self.ty(node.inputs()[0]).dtype().is_integer();
        match function {
            Binary::Mod if !is_integer => {
                Err(Error::Export { value: output.to_owned(), reason: "its operator has no ONNX form" })
            }
            Binary::Fmod => self.push_operands("Mod", node, output, vec![int("fmod", 1)]),
            _ => self.push_operands("Mod", node, output, Vec::new()),
        }
    }

    /// A Gemm if the operand has two axes, else a MatMul and an Add.
    fn linear(&mut self, node: &Node, linear: &Linear, output: &str) -> Result<(), Error> {
        if linear.dynamic.is_some() {
            return self.dynamic_linear(node, output);
        }
        let name = node.name();
        let inputs = node.inputs();
        if self.ty(inputs[0]).rank() == 2 {
            let names = inputs.iter().map(|&id| self.float(id)).collect::<Result<Vec<_>, _>>()?;
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.push("Gemm", name, &names, output, vec![int("transB", 1)]);
            return Ok(());
        }
        let (x, weight) = (self.float(inputs[0])?, self.float(inputs[1])?);
        let transposed =
            self.push_fresh("Transpose", &format!("{name}.weight"), &[&weight], vec![ints("perm", &[1, 0])]);
        let bias = inputs.get(2).map(|&id| self.float(id)).transpose()?;
        self.product("MatMul", name, &[&x, &transposed], bias.as_deref(), output);
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

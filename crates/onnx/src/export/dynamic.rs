//! Dynamically quantized Linear and Conv.

use fourfold_graph::{Conv, Node, ValueId};
use fourfold_schemes::QuantParams;
use fourfold_tensor::Tensor;

use super::Exporter;
use super::attributes::window_attributes;
use super::message::int;
use crate::Error;
use crate::proto::{AttributeProto, data_type};

impl<'g> Exporter<'g> {
    /// `Cast(MatMulInteger(x, w)) * (s_x * s_w) + bias`.
    pub(super) fn dynamic_linear(&mut self, node: &Node, output: &str) -> Result<(), Error> {
        let inputs = node.inputs();
        let [quantized, zero_point] = self.transposed_weight(inputs[1])?;
        let (_, params) = self.weight(inputs[1])?;
        let scale = self.scales(self.graph.value(inputs[1]).name(), params)?;
        let bias = inputs.get(2).map(|&id| self.float(id)).transpose()?;
        self.scaled(node, ("MatMulInteger", Vec::new()), [&quantized, &scale, &zero_point], bias.as_deref(), output)
    }

    /// `Cast(ConvInteger(x, w)) * (s_x * s_w) + bias`; scales and bias have an axis of size 1 for each spatial axis.
    pub(super) fn dynamic_conv(&mut self, node: &Node, conv: &Conv, output: &str) -> Result<(), Error> {
        let inputs = node.inputs();
        let (quantized, params) = self.weight(inputs[1])?;
        let (name, channels) = (self.graph.value(inputs[1]).name(), quantized.shape()[0]);
        let quantized = self.initializer(name, quantized);
        let ones = vec![1; conv.window.rank()];
        let scales: Vec<f32> = params.scales().iter().map(|scale| scale.get()).collect();
        let shape = if scales.len() == 1 { Vec::new() } else { [&[channels], &ones[..]].concat() };
        let scale = self.floats(&format!("{name}.scale"), &shape, &scales)?;
        let bias = match inputs.get(2).map(|&id| self.graph.value(id)) {
            None => None,
            Some(value) => {
                let fail = |reason| Error::Export { value: value.name().to_owned(), reason };
                let bias = value.constant().ok_or_else(|| fail("a bias that is not constant"))?;
                let floats = bias.as_slice::<f32>().map_err(fourfold_graph::Error::from)?;
                Some(self.floats(value.name(), &[&[1, channels], &ones[..]].concat(), floats)?)
            }
        };
        let zero_point = self.own_zero_points(name, params)?;
        let mut attributes = window_attributes(&conv.window);
        attributes.push(int("group", conv.groups));
        self.scaled(node, ("ConvInteger", attributes), [&quantized, &scale, &zero_point], bias.as_deref(), output)
    }

    /// Quantizes the operand, multiplies in integers, and scales the sums.
    fn scaled(
        &mut self,
        node: &Node,
        (operator, attributes): (&str, Vec<AttributeProto>),
        [weight, scale, weight_zero_point]: [&str; 3],
        bias: Option<&str>,
        output: &str,
    ) -> Result<(), Error> {
        let name = node.name();
        let x = self.float(node.inputs()[0])?;
        let [quantized, input_scale, zero_point] =
            ["codes", "scale", "zero_point"].map(|suffix| self.fresh(&format!("{name}.input.{suffix}")));
        self.push("DynamicQuantizeLinear", &format!("{name}.quantize"), &[&x], &quantized, Vec::new());
        if let Some(node) = self.nodes.last_mut() {
            node.output.extend([input_scale.clone(), zero_point.clone()]);
        }
        let mut inputs = vec![quantized.as_str(), weight, &zero_point];
        inputs.extend(Some(weight_zero_point).filter(|name| !name.is_empty()));
        let sums = self.push_fresh(operator, &format!("{name}.sums"), &inputs, attributes);
        let to = int("to", usize::try_from(data_type::FLOAT).unwrap_or(1));
        let floats = self.push_fresh("Cast", &format!("{name}.reals"), &[&sums], vec![to]);
        let scales = self.push_fresh("Mul", &format!("{name}.scales"), &[&input_scale, scale], Vec::new());
        self.product("Mul", name, &[&floats, &scales], bias, output);
        Ok(())
    }

    /// The name of the zero points of a weight; empty if all are 0.
    pub(super) fn own_zero_points(&mut self, name: &str, params: &QuantParams) -> Result<String, Error> {
        match params.zero_points().iter().all(|&zero_point| zero_point == 0) {
            true => Ok(String::new()),
            false => self.zero_points(name, params),
        }
    }

    /// A quantized weight and its parameters.
    pub(super) fn weight(&self, id: ValueId) -> Result<(&'g Tensor, &'g QuantParams), Error> {
        let value = self.graph.value(id);
        let fail = |reason| Error::Export { value: value.name().to_owned(), reason };
        let constant = value.constant().ok_or_else(|| fail("a weight that is not constant"))?;
        Ok((constant, value.ty().params().ok_or_else(|| fail("a weight without parameters"))?))
    }
}

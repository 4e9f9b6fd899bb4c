//! Quantized products that give their `i32` sums: MatMulInteger and ConvInteger.

use fourfold_graph::{Conv, Node, Op, ValueId};

use super::Exporter;
use super::attributes::window_attributes;
use super::message::int;
use crate::Error;

impl Exporter<'_> {
    /// Whether a node is a quantized product that gives its sums.
    pub(super) fn gives_sums(&self, node: &Node) -> bool {
        let is_product = matches!(node.op(), Op::Conv(_) | Op::Linear(_) | Op::MatMul);
        is_product && self.ty(node.inputs()[0]).is_quantized() && self.ty(node.output()).params().is_none()
    }

    /// `MatMulInteger(x, w, z_x, z_w) [+ bias]`, or ConvInteger.
    pub(super) fn sums(&mut self, node: &Node, output: &str) -> Result<(), Error> {
        let ids = node.inputs();
        let [x, _, zero_point] = self.quantized(ids[0])?;
        let bias = ids.get(2).map(|&bias| self.integer_bias(node, bias)).transpose()?;
        let (operator, weight, weight_zero_point, attributes) = match node.op() {
            Op::Conv(Conv { window, groups, .. }) => {
                let (quantized, params) = self.weight(ids[1])?;
                let name = self.graph.value(ids[1]).name();
                let (quantized, zero_point) = (self.initializer(name, quantized), self.own_zero_points(name, params)?);
                let mut attributes = window_attributes(window);
                attributes.push(int("group", *groups));
                ("ConvInteger", quantized, zero_point, attributes)
            }
            Op::Linear(_) => {
                let [quantized, zero_point] = self.transposed_weight(ids[1])?;
                ("MatMulInteger", quantized, zero_point, Vec::new())
            }
            _ => {
                let [quantized, _, zero_point] = self.quantized(ids[1])?;
                ("MatMulInteger", quantized, zero_point, Vec::new())
            }
        };
        let mut inputs = vec![x.as_str(), &weight, &zero_point];
        inputs.extend(Some(weight_zero_point.as_str()).filter(|name| !name.is_empty()));
        let Some(bias) = bias else {
            self.push(operator, node.name(), &inputs, output, attributes);
            return Ok(());
        };
        let product = self.fresh(&format!("{output}.product"));
        self.push(operator, node.name(), &inputs, &product, attributes);
        let add = self.fresh(&format!("{}.bias", node.name()));
        self.push("Add", &add, &[&product, &bias], output, Vec::new());
        Ok(())
    }

    /// An integer bias, with an axis of size 1 for each spatial axis.
    fn integer_bias(&mut self, node: &Node, bias: ValueId) -> Result<String, Error> {
        let value = self.graph.value(bias);
        let reason = "a bias that is not constant";
        let constant = value.constant().ok_or_else(|| Error::Export { value: value.name().to_owned(), reason })?;
        let Op::Conv(conv) = node.op() else { return Ok(self.initializer(value.name(), constant)) };
        let shape = [&[constant.len()], &vec![1; conv.window.rank()][..]].concat();
        let shaped = constant.reshape(&shape).map_err(fourfold_graph::Error::from)?;
        Ok(self.initializer(value.name(), &shaped))
    }

    /// Writes a weight `[out, in]` transposed; names of the tensor `[in, out]` and of its zero points (empty if all are
    /// 0).
    pub(super) fn transposed_weight(&mut self, id: ValueId) -> Result<[String; 2], Error> {
        let (quantized, params) = self.weight(id)?;
        let name = self.graph.value(id).name();
        let quantized = quantized.permute(&[1, 0]).map_err(fourfold_graph::Error::from)?;
        Ok([self.initializer(&format!("{name}.turned"), &quantized), self.own_zero_points(name, params)?])
    }
}

//! Products of codes whose result is the sums: MatMulInteger and ConvInteger.

use fourfold_graph::{Conv, Node, Op, ValueId};

use super::Exporter;
use super::attributes::window;
use super::message::int;
use crate::Error;

impl Exporter<'_> {
    /// Whether a node gives the sums of products of codes.
    pub(super) fn gives_sums(&self, node: &Node) -> bool {
        let is_product = matches!(node.op(), Op::Conv(_) | Op::Linear(_) | Op::MatMul);
        is_product && self.ty(node.inputs()[0]).is_quantized() && self.ty(node.output()).params().is_none()
    }

    /// `MatMulInteger(x, w, z_x, z_w) [+ bias]`, or ConvInteger.
    pub(super) fn sums(&mut self, node: &Node, output: &str) -> Result<(), Error> {
        let ids = node.inputs();
        let [x, _, zero_point] = self.codes_of(ids[0])?;
        let bias = ids.get(2).map(|&bias| self.integer_bias(node, bias)).transpose()?;
        let (operator, weight, weight_zero_point, attributes) = match node.op() {
            Op::Conv(Conv { window: place, groups, .. }) => {
                let (codes, params) = self.weight(ids[1])?;
                let name = self.graph.value(ids[1]).name();
                let (codes, zero_point) = (self.initializer(name, codes), self.own_zero_points(name, params)?);
                let mut attributes = window(place);
                attributes.push(int("group", *groups));
                ("ConvInteger", codes, zero_point, attributes)
            }
            Op::Linear(_) => {
                let [codes, zero_point] = self.turned_weight(ids[1])?;
                ("MatMulInteger", codes, zero_point, Vec::new())
            }
            _ => {
                let [codes, _, zero_point] = self.codes_of(ids[1])?;
                ("MatMulInteger", codes, zero_point, Vec::new())
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

    /// A bias of integers, with an axis of size 1 for each spatial one.
    fn integer_bias(&mut self, node: &Node, bias: ValueId) -> Result<String, Error> {
        let value = self.graph.value(bias);
        let reason = "a bias that is not constant";
        let constant = value.constant().ok_or_else(|| Error::Export { value: value.name().to_owned(), reason })?;
        let Op::Conv(conv) = node.op() else { return Ok(self.initializer(value.name(), constant)) };
        let shape = [&[constant.len()], &vec![1; conv.window.rank()][..]].concat();
        let shaped = constant.reshape(&shape).map_err(fourfold_graph::Error::from)?;
        Ok(self.initializer(value.name(), &shaped))
    }

    /// The names of the codes `[in, out]` of a weight `[out, in]` and of its zero points, which is empty if all are 0.
    pub(super) fn turned_weight(&mut self, id: ValueId) -> Result<[String; 2], Error> {
        let (codes, params) = self.weight(id)?;
        let name = self.graph.value(id).name();
        let codes = codes.permute(&[1, 0]).map_err(fourfold_graph::Error::from)?;
        Ok([self.initializer(&format!("{name}.turned"), &codes), self.own_zero_points(name, params)?])
    }
}

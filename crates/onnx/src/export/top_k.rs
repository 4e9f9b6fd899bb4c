//! TopK and CumSum.

use fourfold_graph::{CumSum, Node, TopK, TopKResult};
use fourfold_tensor::Tensor;

use super::Exporter;
use super::message::{int, wide};
use crate::Error;

impl Exporter<'_> {
    /// The graph's TopK gives one result, ONNX's gives both; the other one is written too, and unused.
    pub(super) fn top_k(&mut self, node: &Node, top: TopK, output: &str) -> Result<(), Error> {
        let (name, x) = (node.name(), self.float(node.inputs()[0])?);
        let count = self.integers(&format!("{name}.k"), &[wide(top.count)])?;
        let attributes = vec![int("axis", top.axis), int("largest", usize::from(top.largest)), int("sorted", 1)];
        let is_values = top.result == TopKResult::Values;
        let other = self.fresh(&format!("{name}.{}", if is_values { "indices" } else { "values" }));
        let (first, second) = if is_values { (output, other.as_str()) } else { (other.as_str(), output) };
        self.push("TopK", name, &[&x, &count], first, attributes);
        if let Some(node) = self.nodes.last_mut() {
            node.output.push(second.to_owned());
        }
        Ok(())
    }

    pub(super) fn cum_sum(&mut self, node: &Node, sum: CumSum, output: &str) -> Result<(), Error> {
        let (name, x) = (node.name(), self.float(node.inputs()[0])?);
        let axis = Tensor::from_slice(&[], &[wide(sum.axis)]).map_err(fourfold_graph::Error::from)?;
        let axis = self.initializer(&format!("{name}.axis"), &axis);
        let attributes = vec![int("exclusive", usize::from(sum.exclusive)), int("reverse", usize::from(sum.reverse))];
        self.push("CumSum", name, &[&x, &axis], output, attributes);
        Ok(())
    }
}

//! Normalization of groups of channels, and transposed convolution.

use fourfold_graph::{ConvTranspose, Node};

use super::Exporter;
use super::message::{float, int, ints};
use super::node::window;
use super::sizes::Size;
use crate::Error;

impl Exporter<'_> {
    /// An InstanceNormalization, of the groups as if each were a channel where channels share one.
    pub(super) fn group_norm(
        &mut self,
        node: &Node,
        (groups, epsilon): (usize, f32),
        output: &str,
    ) -> Result<(), Error> {
        let name = node.name();
        let inputs = node.inputs();
        let [x, scale, bias] = [self.real(inputs[0])?, self.real(inputs[1])?, self.real(inputs[2])?];
        let dims = self.ty(inputs[0]).dims();
        let channels = dims.get(1).and_then(fourfold_graph::Dim::fixed).unwrap_or(groups);
        let epsilon = vec![float("epsilon", epsilon)];
        if channels == groups {
            self.push("InstanceNormalization", name, &[&x, &scale, &bias], output, epsilon);
            return Ok(());
        }
        let grouped = self.integers(&format!("{name}.groups"), &[0, i64::try_from(groups).unwrap_or(0), -1])?;
        let grouped = self.push_fresh("Reshape", &format!("{name}.grouped"), &[&x, &grouped], Vec::new());
        let ones = self.floats(&format!("{name}.ones"), &[groups], &vec![1.0; groups])?;
        let zeros = self.floats(&format!("{name}.zeros"), &[groups], &vec![0.0; groups])?;
        let inputs = [grouped.as_str(), &ones, &zeros];
        let normal = self.push_fresh("InstanceNormalization", &format!("{name}.normal"), &inputs, epsilon);
        let sizes: Vec<Size> = dims.iter().map(Size::from).collect();
        let shape = self.sizes(&format!("{name}.shape"), &sizes)?;
        let normal = self.push_fresh("Reshape", &format!("{name}.ungrouped"), &[&normal, &shape], Vec::new());
        let axes: Vec<i64> = (1..).take(dims.len().saturating_sub(2)).collect();
        let axes = self.integers(&format!("{name}.axes"), &axes)?;
        let scale = self.push_fresh("Unsqueeze", &format!("{name}.scale"), &[&scale, &axes], Vec::new());
        let bias = self.push_fresh("Unsqueeze", &format!("{name}.bias"), &[&bias, &axes], Vec::new());
        let scaled = self.push_fresh("Mul", &format!("{name}.scaled"), &[&normal, &scale], Vec::new());
        self.push("Add", name, &[&scaled, &bias], output, Vec::new());
        Ok(())
    }

    pub(super) fn conv_transpose(&mut self, node: &Node, conv: &ConvTranspose, output: &str) -> Result<(), Error> {
        let names = node.inputs().iter().map(|&id| self.real(id)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut attributes = window(&conv.window);
        attributes.extend([ints("output_padding", &conv.output_padding), int("group", conv.groups)]);
        self.push("ConvTranspose", node.name(), &names, output, attributes);
        Ok(())
    }
}

//! Elementwise functions and reductions that no row of [`crate::operators`] describes.

use fourfold_graph::{Node, Reduce, Reduction, Unary};

use super::Exporter;
use super::message::{int, ints, wide};
use crate::Error;

impl Exporter<'_> {
    pub(super) fn unary(&mut self, node: &Node, function: Unary, output: &str) -> Result<(), Error> {
        let (name, x) = (node.name(), self.float(node.inputs()[0])?);
        match function {
            Unary::Silu => {
                let gate = self.push_fresh("Sigmoid", &format!("{name}.gate"), &[&x], Vec::new());
                self.push("Mul", name, &[&x, &gate], output, Vec::new());
                Ok(())
            }
            Unary::Gelu => {
                let scaled = self.with_number("Div", &format!("{name}.scaled"), &x, core::f32::consts::SQRT_2)?;
                let erf = self.push_fresh("Erf", &format!("{name}.erf"), &[&scaled], Vec::new());
                self.gate(name, &x, &erf, output)
            }
            Unary::GeluTanh => {
                let square = self.push_fresh("Mul", &format!("{name}.square"), &[&x, &x], Vec::new());
                let cube = self.push_fresh("Mul", &format!("{name}.cube"), &[&square, &x], Vec::new());
                let part = self.with_number("Mul", &format!("{name}.part"), &cube, 0.044_715)?;
                let sum = self.push_fresh("Add", &format!("{name}.sum"), &[&x, &part], Vec::new());
                let scaled = self.with_number("Mul", &format!("{name}.scaled"), &sum, 0.797_884_6)?;
                let tanh = self.push_fresh("Tanh", &format!("{name}.tanh"), &[&scaled], Vec::new());
                self.gate(name, &x, &tanh, output)
            }
            _ => Err(Error::Export { value: output.to_owned(), reason: "its operator has no ONNX form" }),
        }
    }

    /// `x * (1 + y) / 2`.
    fn gate(&mut self, name: &str, x: &str, y: &str, output: &str) -> Result<(), Error> {
        let sum = self.with_number("Add", &format!("{name}.gate"), y, 1.0)?;
        let product = self.push_fresh("Mul", &format!("{name}.twice"), &[x, &sum], Vec::new());
        let half = self.floats(&format!("{name}.half"), &[], &[0.5])?;
        self.push("Mul", name, &[&product, &half], output, Vec::new());
        Ok(())
    }

    fn with_number(&mut self, operator: &str, base: &str, x: &str, number: f32) -> Result<String, Error> {
        let number = self.floats(&format!("{base}.number"), &[], &[number])?;
        Ok(self.push_fresh(operator, base, &[x, &number], Vec::new()))
    }

    /// Before opset 18, axes are an attribute, except those of ReduceSum, which are an input.
    pub(super) fn reduce(&mut self, node: &Node, reduce: &Reduce, output: &str) -> Result<(), Error> {
        let Reduce { reduction, axes, keep } = reduce;
        let (name, x) = (node.name(), self.float(node.inputs()[0])?);
        let keep = int("keepdims", usize::from(*keep));
        let operator = match reduction {
            Reduction::Mean => "ReduceMean",
            Reduction::Max => "ReduceMax",
            Reduction::Min => "ReduceMin",
            Reduction::L2 => "ReduceL2",
            Reduction::Sum => "ReduceSum",
        };
        if operator != "ReduceSum" && self.opset < 18 {
            self.push(operator, name, &[&x], output, vec![ints("axes", axes), keep]);
            return Ok(());
        }
        let axes: Vec<i64> = axes.iter().map(|&axis| wide(axis)).collect();
        let axes = self.integers(&format!("{name}.axes"), &axes)?;
        self.push(operator, name, &[&x, &axes], output, vec![keep]);
        Ok(())
    }
}

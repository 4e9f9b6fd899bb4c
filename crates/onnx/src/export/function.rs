//! Functions of one and two numbers, and reductions, in the operators of the opset that is written.

use fourfold_graph::{Binary, Node, Reduction, Unary};
use fourfold_tensor::DType;

use super::Exporter;
use super::message::{float, int, ints, wide};
use crate::Error;
use crate::proto::AttributeProto;

impl Exporter<'_> {
    pub(super) fn unary(&mut self, node: &Node, function: Unary, output: &str) -> Result<(), Error> {
        let (name, x) = (node.name(), self.real(node.inputs()[0])?);
        let (operator, attributes): (&str, Vec<AttributeProto>) = match function {
            Unary::Exp => ("Exp", Vec::new()),
            Unary::Log => ("Log", Vec::new()),
            Unary::Sqrt => ("Sqrt", Vec::new()),
            Unary::Reciprocal => ("Reciprocal", Vec::new()),
            Unary::Neg => ("Neg", Vec::new()),
            Unary::Abs => ("Abs", Vec::new()),
            Unary::Tanh => ("Tanh", Vec::new()),
            Unary::Erf => ("Erf", Vec::new()),
            Unary::Sigmoid => ("Sigmoid", Vec::new()),
            Unary::HardSwish => ("HardSwish", Vec::new()),
            Unary::HardSigmoid { alpha, beta } => ("HardSigmoid", vec![float("alpha", alpha), float("beta", beta)]),
            Unary::LeakyRelu { slope } => ("LeakyRelu", vec![float("alpha", slope)]),
            Unary::Elu { alpha } => ("Elu", vec![float("alpha", alpha)]),
            Unary::Silu => {
                let gate = self.push_fresh("Sigmoid", &format!("{name}.gate"), &[&x], Vec::new());
                self.push("Mul", name, &[&x, &gate], output, Vec::new());
                return Ok(());
            }
            Unary::Gelu => {
                let scaled = self.with_number("Div", &format!("{name}.scaled"), &x, core::f32::consts::SQRT_2)?;
                let erf = self.push_fresh("Erf", &format!("{name}.erf"), &[&scaled], Vec::new());
                return self.gate(name, &x, &erf, output);
            }
            Unary::GeluTanh => {
                let square = self.push_fresh("Mul", &format!("{name}.square"), &[&x, &x], Vec::new());
                let cube = self.push_fresh("Mul", &format!("{name}.cube"), &[&square, &x], Vec::new());
                let part = self.with_number("Mul", &format!("{name}.part"), &cube, 0.044_715)?;
                let sum = self.push_fresh("Add", &format!("{name}.sum"), &[&x, &part], Vec::new());
                let scaled = self.with_number("Mul", &format!("{name}.scaled"), &sum, 0.797_884_6)?;
                let tanh = self.push_fresh("Tanh", &format!("{name}.tanh"), &[&scaled], Vec::new());
                return self.gate(name, &x, &tanh, output);
            }
        };
        self.push(operator, name, &[&x], output, attributes);
        Ok(())
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

    /// The axes of a sum are an input, those of the others an attribute before opset 18.
    pub(super) fn reduce(
        &mut self,
        node: &Node,
        (reduction, axes, keep): (Reduction, &[usize], bool),
        output: &str,
    ) -> Result<(), Error> {
        let (name, x) = (node.name(), self.real(node.inputs()[0])?);
        let keep = int("keepdims", usize::from(keep));
        let operator = match reduction {
            Reduction::Mean => "ReduceMean",
            Reduction::Max => "ReduceMax",
            Reduction::Min => "ReduceMin",
            Reduction::L2 => "ReduceL2",
            _ => "ReduceSum",
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

/// The operator of a function of two numbers, and its attributes. `Mod` is for integers, unless it gives the sign of
/// the dividend.
pub(super) fn binary(function: Binary, dtype: DType) -> Option<(&'static str, Vec<AttributeProto>)> {
    let operator = match function {
        Binary::Mod if dtype.is_integer() => "Mod",
        Binary::Fmod => return Some(("Mod", vec![int("fmod", 1)])),
        Binary::Sub => "Sub",
        Binary::Mul => "Mul",
        Binary::Div => "Div",
        Binary::Min => "Min",
        Binary::Max => "Max",
        Binary::Pow => "Pow",
        _ => return None,
    };
    Some((operator, Vec::new()))
}

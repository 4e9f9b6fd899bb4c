//! The operators that ONNX and the graph have in common. One row each serves both reading and writing.
//!
//! A row is an arm of [`row`]: the ONNX name, and for each attribute its ONNX name and default. To add an operator, add
//! its arm, and add it to [`READ`] with arbitrary attribute values, which reading overwrites. Opsets, types and arity
//! come from the table of the specification, `data/operators.txt`.
//!
//! Operators that no row can describe are written by code in `export/` and read by code that `import/operators.rs`
//! lists. A row that is not in [`READ`] is only written.

use std::collections::HashMap;
use std::sync::LazyLock;

use fourfold_graph::{
    Activation, Add, ArgExtreme, BatchNorm, Binary, Cast, CastTo, Comparison, Concat, Conv, ConvTranspose, Flatten,
    Gather, GatherElements, LayerNorm, LogSoftmax, Logic, Op, Softmax, Transpose, Unary, Window,
};

use crate::Error;

/// An attribute of a row: its default, and the field of the graph's operator.
pub(crate) enum Attribute<'v> {
    Float(f32, &'v mut f32),
    /// A number that is not negative.
    Size(i64, &'v mut usize),
    /// An axis of the first operand, negative from the end.
    Axis(i64, &'v mut usize),
    /// An axis that may also be the number of axes, as of Flatten.
    SplitAxis(i64, &'v mut usize),
    /// 1 for true, 0 for false.
    Flag(bool, &'v mut bool),
    /// Numbers that are not negative.
    Sizes(&'v mut Vec<usize>),
    ElementType(&'v mut CastTo),
}

/// Reads or writes the attributes of a row.
pub(crate) trait Attributes: Sized {
    fn attribute(&mut self, name: &'static str, attribute: Attribute<'_>) -> Result<(), Error>;

    fn with(&mut self, name: &'static str, attribute: Attribute<'_>) -> Result<&mut Self, Error> {
        self.attribute(name, attribute)?;
        Ok(self)
    }

    fn float(&mut self, name: &'static str, default: f32, value: &mut f32) -> Result<&mut Self, Error> {
        self.with(name, Attribute::Float(default, value))
    }

    fn size(&mut self, name: &'static str, default: i64, value: &mut usize) -> Result<&mut Self, Error> {
        self.with(name, Attribute::Size(default, value))
    }

    fn axis(&mut self, name: &'static str, default: i64, axis: &mut usize) -> Result<&mut Self, Error> {
        self.with(name, Attribute::Axis(default, axis))
    }

    fn split_axis(&mut self, name: &'static str, default: i64, axis: &mut usize) -> Result<&mut Self, Error> {
        self.with(name, Attribute::SplitAxis(default, axis))
    }

    fn flag(&mut self, name: &'static str, default: bool, value: &mut bool) -> Result<&mut Self, Error> {
        self.with(name, Attribute::Flag(default, value))
    }

    fn sizes(&mut self, name: &'static str, values: &mut Vec<usize>) -> Result<&mut Self, Error> {
        self.with(name, Attribute::Sizes(values))
    }

    fn element_type(&mut self, name: &'static str, to: &mut CastTo) -> Result<&mut Self, Error> {
        self.with(name, Attribute::ElementType(to))
    }

    /// The window of a convolution or pooling.
    fn window(&mut self, window: &mut Window) -> Result<&mut Self, Error> {
        let Window { kernel, stride, dilation, pad_begin, pad_end } = window;
        self.sizes("kernel_shape", kernel)?.sizes("strides", stride)?.sizes("dilations", dilation)?;
        let mut pads = [pad_begin.as_slice(), pad_end].concat();
        self.sizes("pads", &mut pads)?;
        *pad_end = pads.split_off(pads.len() / 2);
        *pad_begin = pads;
        Ok(self)
    }
}

/// Ignores all attributes, to get the name of a row.
struct Name;

impl Attributes for Name {
    fn attribute(&mut self, _: &'static str, _: Attribute<'_>) -> Result<(), Error> {
        Ok(())
    }
}

/// Passes the attributes of an operator to `attributes`, and returns its ONNX name; `None` if it has no row.
pub(crate) fn row<A: Attributes>(op: &mut Op, attributes: &mut A) -> Result<Option<&'static str>, Error> {
    Ok(Some(match op {
        Op::Add(_) => "Add",
        Op::Identity | Op::QuantStub | Op::DeQuantStub => "Identity",
        Op::Relu => "Relu",
        Op::MatMul => "MatMul",
        Op::GlobalAveragePool => "GlobalAveragePool",
        Op::Where => "Where",
        Op::Not => "Not",
        Op::Unary(function) => match function {
            Unary::Exp => "Exp",
            Unary::Log => "Log",
            Unary::Sqrt => "Sqrt",
            Unary::Reciprocal => "Reciprocal",
            Unary::Neg => "Neg",
            Unary::Abs => "Abs",
            Unary::Tanh => "Tanh",
            Unary::Erf => "Erf",
            Unary::Sigmoid => "Sigmoid",
            Unary::HardSwish => "HardSwish",
            Unary::HardSigmoid { alpha, beta } => {
                attributes.float("alpha", 0.2, alpha)?.float("beta", 0.5, beta)?;
                "HardSigmoid"
            }
            Unary::LeakyRelu { slope } => {
                attributes.float("alpha", 0.01, slope)?;
                "LeakyRelu"
            }
            Unary::Elu { alpha } => {
                attributes.float("alpha", 1.0, alpha)?;
                "Elu"
            }
            Unary::Silu | Unary::Gelu | Unary::GeluTanh => return Ok(None),
        },
        Op::Binary(function) => match function {
            Binary::Sub => "Sub",
            Binary::Mul => "Mul",
            Binary::Div => "Div",
            Binary::Min => "Min",
            Binary::Max => "Max",
            Binary::Pow => "Pow",
            Binary::Mod | Binary::Fmod => return Ok(None),
        },
        Op::Compare(comparison) => match comparison {
            Comparison::Equal => "Equal",
            Comparison::Less => "Less",
            Comparison::LessOrEqual => "LessOrEqual",
            Comparison::Greater => "Greater",
            Comparison::GreaterOrEqual => "GreaterOrEqual",
        },
        Op::Logic(function) => match function {
            Logic::And => "And",
            Logic::Or => "Or",
            Logic::Xor => "Xor",
        },
        Op::Flatten(Flatten { axis }) => {
            attributes.split_axis("axis", 1, axis)?;
            "Flatten"
        }
        Op::Transpose(Transpose { axes }) => {
            attributes.sizes("perm", axes)?;
            "Transpose"
        }
        Op::Concat(Concat { axis }) => {
            attributes.axis("axis", 1, axis)?;
            "Concat"
        }
        Op::Gather(Gather { axis }) => {
            attributes.axis("axis", 0, axis)?;
            "Gather"
        }
        Op::GatherElements(GatherElements { axis }) => {
            attributes.axis("axis", 0, axis)?;
            "GatherElements"
        }
        Op::Softmax(Softmax { axis }) => {
            attributes.axis("axis", -1, axis)?;
            "Softmax"
        }
        Op::LogSoftmax(LogSoftmax { axis }) => {
            attributes.axis("axis", -1, axis)?;
            "LogSoftmax"
        }
        Op::ArgExtreme(ArgExtreme { axis, keep, largest, last }) => {
            attributes.axis("axis", 0, axis)?.flag("keepdims", true, keep)?.flag("select_last_index", false, last)?;
            if *largest { "ArgMax" } else { "ArgMin" }
        }
        Op::Cast(Cast { to }) => {
            attributes.element_type("to", to)?;
            "Cast"
        }
        Op::BatchNorm(BatchNorm { epsilon }) => {
            attributes.float("epsilon", 1e-5, epsilon)?;
            "BatchNormalization"
        }
        Op::LayerNorm(LayerNorm { axis, epsilon }) => {
            attributes.axis("axis", -1, axis)?.float("epsilon", 1e-5, epsilon)?;
            "LayerNormalization"
        }
        Op::MaxPool(window) => {
            attributes.window(window)?;
            "MaxPool"
        }
        Op::Conv(Conv { window, groups, activation: _, dynamic: None }) => {
            attributes.window(window)?.size("group", 1, groups)?;
            "Conv"
        }
        Op::ConvTranspose(ConvTranspose { window, output_padding, groups, activation: _ }) => {
            attributes.window(window)?.sizes("output_padding", output_padding)?.size("group", 1, groups)?;
            "ConvTranspose"
        }
        Op::Conv(_) | Op::Linear(_) | Op::Recurrent(_) | Op::GroupNorm(_) => return Ok(None),
        Op::Clip(_) | Op::AveragePool(_) | Op::Reduce(_) | Op::TopK(_) | Op::CumSum(_) => return Ok(None),
        Op::Reshape(_) | Op::Expand(_) | Op::Slice(_) | Op::Pad(_) | Op::Resize(_) => return Ok(None),
        Op::Quantize | Op::Dequantize | Op::FakeQuantize(_) => return Ok(None),
    }))
}

/// The operators that are read by their rows, by ONNX name.
pub(crate) static READ: LazyLock<HashMap<&str, Op>> = LazyLock::new(|| {
    let unary = [
        Unary::Exp,
        Unary::Log,
        Unary::Sqrt,
        Unary::Reciprocal,
        Unary::Neg,
        Unary::Abs,
        Unary::Tanh,
        Unary::Erf,
        Unary::Sigmoid,
        Unary::HardSwish,
        Unary::HardSigmoid { alpha: 0.0, beta: 0.0 },
        Unary::LeakyRelu { slope: 0.0 },
        Unary::Elu { alpha: 0.0 },
    ];
    let comparisons =
        [Comparison::Equal, Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual];
    let arg_extreme = |largest| Op::ArgExtreme(ArgExtreme { axis: 0, keep: false, largest, last: false });
    let others = [
        Op::Add(Add { activation: Activation::None }),
        Op::Identity,
        Op::GlobalAveragePool,
        Op::Not,
        Op::Binary(Binary::Sub),
        Op::Binary(Binary::Div),
        Op::Flatten(Flatten { axis: 0 }),
        arg_extreme(true),
        arg_extreme(false),
    ];
    let logic = [Logic::And, Logic::Or, Logic::Xor].map(Op::Logic);
    let all = unary.map(Op::Unary).into_iter().chain(comparisons.map(Op::Compare)).chain(logic).chain(others);
    all.filter_map(|mut op| Some((row(&mut op, &mut Name).ok()??, op))).collect()
});

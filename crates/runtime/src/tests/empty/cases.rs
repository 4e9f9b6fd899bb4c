//! One case or more for each operator. Sizes are letters: equal letters are equal sizes, digits are sizes themselves.

use core::fmt;

use fourfold_graph::{
    Activation, Add, ArgExtreme, AveragePool, BatchNorm, Binary, Cast, CastTo, Cell, Clip, Comparison, Concat, Conv,
    ConvTranspose, Coordinates, CumSum, Dim, Direction, Expand, Flatten, Gather, GatherElements, GroupNorm,
    Interpolation, LayerNorm, Linear, LogSoftmax, Logic, Op, Pad, PadMode, Recurrent, Reduce, Reduction, Reshape,
    Resize, Rounding, Slice, Softmax, TopK, TopKResult, Transpose, Unary, Window,
};
use fourfold_schemes::DynamicScheme;
use fourfold_tensor::DType;

use crate::tests::quantized::{on_axis, per_tensor};

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Holds {
    Floats,
    Integers,
    /// Integers by which others may be divided.
    Ones,
    Bools,
}

/// An operator, by the sizes of letters.
pub(super) type OpOf = dyn Fn(&dyn Fn(char) -> Dim) -> Op;

/// An operator with the shapes of its operands.
pub(super) struct Case {
    pub(super) op: Box<OpOf>,
    pub(super) inputs: Vec<(&'static str, Holds)>,
    pub(super) constants: Vec<&'static str>,
    /// Whether the last constant is a bias.
    pub(super) has_bias: bool,
    /// Whether float inputs meet quantized weights.
    pub(super) dynamic: bool,
    /// The letters of sizes that must be known when the graph is built.
    pub(super) fixed: &'static str,
    /// The letters for which 0 is an error: something would be made of nothing.
    pub(super) refuses: &'static str,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inputs, constants, dynamic, .. } = self;
        let op = (self.op)(&|letter| Dim::symbol(&letter.to_string()));
        write!(f, "{op:?} of {inputs:?} and {constants:?} (dynamic: {dynamic})")
    }
}

impl Case {
    fn new(op: impl Fn(&dyn Fn(char) -> Dim) -> Op + 'static, inputs: &[&'static str]) -> Self {
        let inputs = inputs.iter().map(|&letters| (letters, Holds::Floats)).collect();
        Self {
            op: Box::new(op),
            inputs,
            constants: Vec::new(),
            has_bias: false,
            dynamic: false,
            fixed: "",
            refuses: "",
        }
    }

    fn of(op: Op, inputs: &[&'static str]) -> Self {
        Self::new(move |_| op.clone(), inputs)
    }

    fn holding(mut self, holds: Holds) -> Self {
        self.inputs.iter_mut().for_each(|(_, held)| *held = holds);
        self
    }

    fn weights(mut self, constants: &[&'static str]) -> Self {
        self.constants = constants.to_vec();
        self
    }

    fn bias(mut self, letters: &'static str) -> Self {
        self.constants.push(letters);
        Self { has_bias: true, ..self }
    }

    fn knowing(self, fixed: &'static str) -> Self {
        Self { fixed, ..self }
    }

    fn refusing(self, refuses: &'static str) -> Self {
        Self { refuses, ..self }
    }
}

fn dynamic(op: Op, inputs: &[&'static str], weights: &[&'static str], bias: &'static str) -> Case {
    Case { dynamic: true, ..Case::of(op, inputs).weights(weights).bias(bias) }
}

fn window() -> Window {
    Window::new(&[1, 2])
}

/// Layers with weights.
fn layers() -> Vec<Case> {
    let conv = || Op::Conv(Conv::new(window(), 1));
    let padded = || Op::Conv(Conv::new(window().with_padding(1), 1));
    let linear = || Op::Linear(Linear { activation: Activation::Relu, ..Linear::default() });
    let transposed = || {
        let (groups, output_padding) = (1, vec![0, 0]);
        Op::ConvTranspose(ConvTranspose { window: window(), output_padding, groups, activation: Activation::None })
    };
    let mut cases = vec![
        Case::of(conv(), &["nchw"]).weights(&["oc12"]).refusing("w"),
        Case::of(conv(), &["nchw"]).weights(&["oc12"]).bias("o").refusing("w"),
        Case::of(padded(), &["nchw"]).weights(&["oc12"]).bias("o").refusing("hw"),
        Case::of(transposed(), &["nchw"]).weights(&["co12"]).bias("o").refusing("w"),
        Case::of(linear(), &["nxk"]).weights(&["ok"]),
        Case::of(linear(), &["nxk"]).weights(&["ok"]).bias("o"),
        Case::of(Op::MatMul, &["nmk", "nkp"]),
        Case::of(Op::MatMul, &["mk", "nkp"]),
        Case::of(Op::BatchNorm(BatchNorm { epsilon: 1e-5 }), &["nchw"]).weights(&["c", "c", "c", "c"]),
        Case::of(Op::LayerNorm(LayerNorm { axis: 1, epsilon: 1e-5 }), &["nc"]).weights(&["c", "c"]),
        Case::of(Op::GroupNorm(GroupNorm { groups: 1, epsilon: 1e-5 }), &["nchw"]).weights(&["c", "c"]),
    ];
    for scheme in [DynamicScheme::PerRow, DynamicScheme::TorchPerTensor, DynamicScheme::OnnxPerTensor] {
        let conv = Op::Conv(Conv { dynamic: Some(scheme), ..Conv::new(window(), 1) });
        cases.push(dynamic(conv, &["nchw"], &["oc12"], "o").refusing("w"));
        let linear = Op::Linear(Linear { dynamic: Some(scheme), ..Linear::default() });
        cases.push(dynamic(linear, &["nxk"], &["ok"], "o"));
    }
    let recurrent = |cell, with_cell_state, dynamic| {
        Op::Recurrent(Recurrent { cell, direction: Direction::Bidirectional, with_cell_state, dynamic })
    };
    for scheme in [None, Some(DynamicScheme::PerRow)] {
        let of =
            |cell, with_cell_state, inputs: &[&'static str]| Case::of(recurrent(cell, with_cell_state, scheme), inputs);
        let all = [
            of(Cell::Tanh, false, &["snk"]).weights(&["4k", "42"]).bias("24"),
            of(Cell::Gru, false, &["snk"]).weights(&["6k", "61"]).bias("26"),
            of(Cell::GruResetBefore, false, &["snk"]).weights(&["6k", "61"]).bias("26"),
            of(Cell::Lstm, true, &["snk"]).weights(&["8k", "81"]).bias("28"),
        ];
        cases.extend(all.map(|case| Case { dynamic: scheme.is_some(), ..case }));
    }
    cases
}

/// Operators with windows and those that make one number of many.
fn gathering() -> Vec<Case> {
    let average = |count_include_pad| Op::AveragePool(AveragePool { window: window(), count_include_pad });
    let mut cases = vec![
        Case::of(Op::MaxPool(window()), &["nchw"]).knowing("c").refusing("w"),
        Case::of(average(false), &["nchw"]).knowing("c").refusing("w"),
        Case::of(average(true), &["nchw"]).knowing("c").refusing("w"),
        Case::of(Op::GlobalAveragePool, &["nchw"]).knowing("c").refusing("hw"),
        Case::of(Op::Softmax(Softmax { axis: 1 }), &["nch"]),
        Case::of(Op::Softmax(Softmax { axis: 2 }), &["nch"]),
        Case::of(Op::LogSoftmax(LogSoftmax { axis: 1 }), &["nch"]),
    ];
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::Max, Reduction::Min, Reduction::L2] {
        for keep in [false, true] {
            cases.push(Case::of(Op::Reduce(Reduce { reduction, axes: vec![1], keep }), &["ncw"]));
        }
    }
    for largest in [false, true] {
        let found = ArgExtreme { axis: 1, keep: false, largest, last: false };
        cases.push(Case::of(Op::ArgExtreme(found), &["ncw"]).refusing("c"));
    }
    for result in [TopKResult::Values, TopKResult::Indices] {
        cases.push(Case::of(Op::TopK(TopK { axis: 1, count: 1, largest: true, result }), &["ncw"]).refusing("c"));
        cases.push(Case::of(Op::TopK(TopK { axis: 1, count: 0, largest: true, result }), &["ncw"]));
    }
    let sums = CumSum { axis: 1, exclusive: true, reverse: true };
    cases.push(Case::of(Op::CumSum(sums), &["ncw"]));
    cases.push(Case::of(Op::CumSum(sums), &["ncw"]).holding(Holds::Integers));
    cases
}

/// Operators that treat elements by themselves.
fn elements() -> Vec<Case> {
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
        Unary::Silu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Unary::HardSwish,
        Unary::LeakyRelu { slope: 0.1 },
        Unary::Elu { alpha: 1.0 },
    ];
    let ops = [
        Op::Relu,
        Op::Clip(Clip { min: -1.0, max: 1.0 }),
        Op::Identity,
        Op::QuantStub,
        Op::DeQuantStub,
        Op::Quantize,
        Op::Dequantize,
    ];
    let mut cases: Vec<Case> = ops.into_iter().chain(unary.map(Op::Unary)).map(|op| Case::of(op, &["nc"])).collect();
    for params in [per_tensor(DType::U8, 0.1, 3), on_axis(1, DType::I8, (-8, 7), &[0.1, 0.2, 0.3])] {
        cases.push(Case::of(Op::FakeQuantize(params), &["n3c"]));
    }
    let binary = [Binary::Sub, Binary::Mul, Binary::Div, Binary::Min, Binary::Max, Binary::Pow];
    let pairs = || binary.map(Op::Binary).into_iter().chain([Op::Add(Add { activation: Activation::None })]);
    for (a, b) in [("nc", "nc"), ("nc", "c"), ("n1", "1c"), ("nc", "1")] {
        cases.extend(pairs().map(|op| Case::of(op, &[a, b])));
    }
    let whole = [Binary::Sub, Binary::Mul, Binary::Min, Binary::Max].map(Op::Binary);
    cases.extend(whole.map(|op| Case::of(op, &["n1", "1c"]).holding(Holds::Integers)));
    for function in [Binary::Mod, Binary::Fmod] {
        let inputs = vec![("n1", Holds::Integers), ("1c", Holds::Ones)];
        cases.push(Case { inputs, ..Case::of(Op::Binary(function), &[]) });
    }
    let comparisons =
        [Comparison::Equal, Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual];
    cases.extend(comparisons.map(|comparison| Case::of(Op::Compare(comparison), &["n1", "1c"])));
    let logic = [Logic::And, Logic::Or, Logic::Xor];
    cases.extend(logic.map(|function| Case::of(Op::Logic(function), &["n1", "1c"]).holding(Holds::Bools)));
    cases.push(Case::of(Op::Not, &["nc"]).holding(Holds::Bools));
    for to in [CastTo::F32, CastTo::I64, CastTo::I32, CastTo::Bool, CastTo::F16, CastTo::F64] {
        cases.push(Case::of(Op::Cast(Cast { to }), &["nc"]));
    }
    let choice = vec![("n1", Holds::Bools), ("1c", Holds::Floats), ("nc", Holds::Floats)];
    cases.push(Case { inputs: choice, ..Case::of(Op::Where, &[]) });
    cases
}

/// Operators that move elements.
fn moving() -> Vec<Case> {
    let mut cases = vec![
        Case::of(Op::Flatten(Flatten { axis: 1 }), &["nc2"]),
        Case::new(|dim| Op::Reshape(Reshape { dims: vec![dim('c'), dim('n')] }), &["nc"]),
        Case::of(Op::Transpose(Transpose { axes: vec![1, 2, 0] }), &["ncw"]),
        Case::of(Op::Concat(Concat { axis: 1 }), &["naw", "nbw", "ncw"]),
        Case::new(|dim| Op::Slice(Slice { axis: 1, start: 0, step: 1, length: dim('c') }), &["ncw"]),
        Case::new(|_| Op::Slice(Slice { axis: 1, start: -1, step: -1, length: Dim::Fixed(0) }), &["ncw"]),
        Case::new(|dim| Op::Expand(Expand { dims: vec![2.into(), 3.into(), dim('c')] }), &["1c"]),
    ];
    let chosen = |letters, indices| vec![(letters, Holds::Floats), (indices, Holds::Integers)];
    cases.push(Case { inputs: chosen("ncw", "i"), ..Case::of(Op::Gather(Gather { axis: 2 }), &[]).refusing("w") });
    cases.push(Case {
        inputs: chosen("nc", "ni"),
        ..Case::of(Op::GatherElements(GatherElements { axis: 1 }), &[]).refusing("c")
    });
    for (mode, refuses) in
        [(PadMode::Constant(1.0), ""), (PadMode::Edge, "c"), (PadMode::Reflect, "c"), (PadMode::Wrap, "c")]
    {
        let pad = Pad { begin: vec![0, 1], end: vec![0, 1], mode };
        cases.push(Case::of(Op::Pad(pad), &["nc"]).knowing("c").refusing(refuses));
    }
    for interpolation in [Interpolation::Nearest(Rounding::Floor), Interpolation::Linear] {
        let resize = |size| Resize {
            scales: vec![1.0, 1.0, 2.0],
            sizes: vec![None, None, size],
            interpolation,
            coordinates: Coordinates::HalfPixel,
        };
        cases.push(Case::of(Op::Resize(resize(None)), &["ncw"]));
        cases.push(Case::of(Op::Resize(resize(Some(5))), &["ncw"]).knowing("w").refusing("w"));
    }
    cases
}

pub(super) fn cases() -> Vec<Case> {
    [layers(), gathering(), elements(), moving()].into_iter().flatten().collect()
}

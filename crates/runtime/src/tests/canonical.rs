//! Functions in steps and as one operator.

use std::slice::from_ref;

use fourfold_graph::{
    Activation, Add, Binary, Clip, Conv, Expand, Graph, GraphBuilder, Op, OpKind, Pad, PadMode, Reduce, Reduction,
    Reshape, Unary, ValueId, Window,
};
use fourfold_tensor::Tensor;

use super::{assert_close, fixed, noise, run};

/// A graph in steps.
struct Steps(GraphBuilder, usize);

impl Steps {
    fn node(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.1 += 1;
        self.0.node(&format!("step.{}", self.1), op, inputs).expect("valid")
    }

    fn number(&mut self, number: f32) -> ValueId {
        self.constant(&[], vec![number])
    }

    fn constant(&mut self, shape: &[usize], numbers: Vec<f32>) -> ValueId {
        self.1 += 1;
        let tensor = Tensor::from_vec(shape, numbers).expect("as many");
        self.0.constant(&format!("number.{}", self.1), tensor).expect("valid")
    }

    fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.node(Op::Add(Add { activation: Activation::None }), &[a, b])
    }

    fn plus(&mut self, a: ValueId, number: f32) -> ValueId {
        let number = self.number(number);
        self.add(number, a)
    }

    fn of_two(&mut self, function: Binary, a: ValueId, b: ValueId) -> ValueId {
        self.node(Op::Binary(function), &[a, b])
    }

    fn times(&mut self, a: ValueId, number: f32) -> ValueId {
        let number = self.number(number);
        self.of_two(Binary::Mul, a, number)
    }

    fn over(&mut self, a: ValueId, number: f32) -> ValueId {
        let number = self.number(number);
        self.of_two(Binary::Div, a, number)
    }

    fn of_one(&mut self, function: Unary, x: ValueId) -> ValueId {
        self.node(Op::Unary(function), &[x])
    }

    fn clip(&mut self, x: ValueId, max: f32) -> ValueId {
        self.node(Op::Clip(Clip { min: 0.0, max }), &[x])
    }

    fn mean(&mut self, x: ValueId) -> ValueId {
        self.node(Op::Reduce(Reduce { reduction: Reduction::Mean, axes: vec![2], keep: true }), &[x])
    }
}

const SHAPE: [usize; 3] = [2, 3, 8];

/// The graph of what `f` makes of its input.
fn graph(f: impl FnOnce(&mut Steps, ValueId) -> ValueId) -> Graph {
    let mut builder = GraphBuilder::new("steps");
    let x = builder.input("x", fixed(&SHAPE)).expect("valid");
    let mut steps = Steps(builder, 0);
    let y = f(&mut steps, x);
    steps.0.output(y);
    steps.0.finish().expect("valid")
}

type Write = fn(&mut Steps, ValueId) -> ValueId;

fn erf_gelu(steps: &mut Steps, x: ValueId) -> ValueId {
    let scaled = steps.over(x, std::f32::consts::SQRT_2);
    let erf = steps.of_one(Unary::Erf, scaled);
    let sum = steps.plus(erf, 1.0);
    let product = steps.of_two(Binary::Mul, x, sum);
    steps.times(product, 0.5)
}

fn half_first_gelu(steps: &mut Steps, x: ValueId) -> ValueId {
    let half = steps.over(x, 2.0);
    let scaled = steps.times(x, std::f32::consts::FRAC_1_SQRT_2);
    let erf = steps.of_one(Unary::Erf, scaled);
    let sum = steps.plus(erf, 1.0);
    steps.of_two(Binary::Mul, half, sum)
}

fn tanh_of(steps: &mut Steps, x: ValueId, inside: ValueId) -> ValueId {
    let scaled = steps.times(inside, 0.797_884_6);
    let tanh = steps.of_one(Unary::Tanh, scaled);
    let sum = steps.plus(tanh, 1.0);
    let half = steps.times(x, 0.5);
    steps.of_two(Binary::Mul, half, sum)
}

fn cubic_gelu(steps: &mut Steps, x: ValueId) -> ValueId {
    let square = steps.of_two(Binary::Mul, x, x);
    let cube = steps.of_two(Binary::Mul, square, x);
    let small = steps.times(cube, 0.044_715);
    let inside = steps.add(x, small);
    tanh_of(steps, x, inside)
}

fn squared_gelu(steps: &mut Steps, x: ValueId) -> ValueId {
    let square = steps.of_two(Binary::Mul, x, x);
    let small = steps.times(square, 0.044_715);
    let sum = steps.plus(small, 1.0);
    let inside = steps.of_two(Binary::Mul, x, sum);
    tanh_of(steps, x, inside)
}

fn silu(steps: &mut Steps, x: ValueId) -> ValueId {
    let gate = steps.of_one(Unary::Sigmoid, x);
    steps.of_two(Binary::Mul, gate, x)
}

fn gate(steps: &mut Steps, x: ValueId) -> ValueId {
    let sum = steps.plus(x, 3.0);
    let clipped = steps.clip(sum, 6.0);
    steps.over(clipped, 6.0)
}

fn scaled_gate(steps: &mut Steps, x: ValueId) -> ValueId {
    let scaled = steps.times(x, 0.25);
    let sum = steps.plus(scaled, 0.5);
    steps.clip(sum, 1.0)
}

fn swish(steps: &mut Steps, x: ValueId) -> ValueId {
    let gate = gate(steps, x);
    steps.of_two(Binary::Mul, x, gate)
}

fn swish_divided_last(steps: &mut Steps, x: ValueId) -> ValueId {
    let sum = steps.plus(x, 3.0);
    let clipped = steps.clip(sum, 6.0);
    let product = steps.of_two(Binary::Mul, clipped, x);
    steps.times(product, 1.0 / 6.0)
}

fn swish_of_gate(steps: &mut Steps, x: ValueId) -> ValueId {
    let gate = steps.of_one(Unary::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 }, x);
    steps.of_two(Binary::Mul, x, gate)
}

fn reciprocal(steps: &mut Steps, x: ValueId) -> ValueId {
    let one = steps.number(1.0);
    steps.of_two(Binary::Div, one, x)
}

fn clamp(steps: &mut Steps, x: ValueId, min: f32, max: f32) -> ValueId {
    let (min, max) = (steps.number(min), steps.number(max));
    let above = steps.of_two(Binary::Max, x, min);
    steps.of_two(Binary::Min, max, above)
}

fn gate_of_min_and_max(steps: &mut Steps, x: ValueId) -> ValueId {
    let sum = steps.plus(x, 3.0);
    let clamped = clamp(steps, sum, 0.0, 6.0);
    steps.over(clamped, 6.0)
}

/// `(x - mean) / sqrt(variance + epsilon)`, the difference computed twice, and multiplied by the reciprocal, if so
/// asked.
fn normalized(steps: &mut Steps, x: ValueId, twice: bool, by_reciprocal: bool) -> ValueId {
    let mean = steps.mean(x);
    let centred = steps.of_two(Binary::Sub, x, mean);
    let other = if twice { steps.of_two(Binary::Sub, x, mean) } else { centred };
    let square = steps.of_two(Binary::Mul, other, other);
    let variance = steps.mean(square);
    let sum = steps.plus(variance, 1e-3);
    let deviation = steps.of_one(Unary::Sqrt, sum);
    if by_reciprocal {
        let quotient = reciprocal(steps, deviation);
        steps.of_two(Binary::Mul, quotient, centred)
    } else {
        steps.of_two(Binary::Div, centred, deviation)
    }
}

fn layer_norm(steps: &mut Steps, x: ValueId) -> ValueId {
    let normal = normalized(steps, x, false, false);
    let scale = steps.constant(&[8], noise(&[8], 3).as_slice().expect("f32").to_vec());
    let scaled = steps.of_two(Binary::Mul, normal, scale);
    let bias = steps.constant(&[1, 1, 8], noise(&[8], 4).as_slice().expect("f32").to_vec());
    steps.add(bias, scaled)
}

fn scaled_layer_norm(steps: &mut Steps, x: ValueId) -> ValueId {
    let normal = normalized(steps, x, true, true);
    let scale = steps.constant(&[1, 8], noise(&[8], 3).as_slice().expect("f32").to_vec());
    let scaled = steps.of_two(Binary::Mul, scale, normal);
    let nothing = steps.constant(&[8], vec![0.0; 8]);
    steps.add(scaled, nothing)
}

#[test]
fn a_function_in_steps_is_one_operator_that_computes_the_same() {
    let cases: [(Write, OpKind, usize); 18] = [
        (erf_gelu, OpKind::Gelu, 1),
        (half_first_gelu, OpKind::Gelu, 1),
        (cubic_gelu, OpKind::GeluTanh, 1),
        (squared_gelu, OpKind::GeluTanh, 1),
        (silu, OpKind::Silu, 1),
        (gate, OpKind::HardSigmoid, 1),
        (scaled_gate, OpKind::HardSigmoid, 1),
        (swish, OpKind::HardSwish, 1),
        (swish_divided_last, OpKind::HardSwish, 1),
        (swish_of_gate, OpKind::HardSwish, 1),
        (reciprocal, OpKind::Reciprocal, 1),
        (|steps, x| clamp(steps, x, -1.5, 2.0), OpKind::Clip, 1),
        // Crossed bounds: the last one holds.
        (|steps, x| clamp(steps, x, 2.0, -1.0), OpKind::Clip, 1),
        (|steps, x| clamp(steps, x, 0.0, f32::INFINITY), OpKind::Relu, 1),
        (gate_of_min_and_max, OpKind::HardSigmoid, 1),
        (layer_norm, OpKind::LayerNorm, 3),
        (scaled_layer_norm, OpKind::LayerNorm, 2),
        (|steps, x| normalized(steps, x, false, true), OpKind::LayerNorm, 2),
    ];
    let wide: Vec<f32> = noise(&SHAPE, 1).as_slice::<f32>().expect("f32").iter().map(|x| 5.0 * x).collect();
    let x = Tensor::from_vec(&SHAPE, wide).expect("as many");
    for (index, (write, kind, operands)) in cases.into_iter().enumerate() {
        let long = graph(write);
        let whole = long.canonical().expect("valid");
        let nodes: Vec<_> = whole.nodes().iter().map(|node| (node.op().kind(), node.inputs().len())).collect();
        assert_eq!(nodes, [(kind, operands)], "case {index}");
        let names = [&long, &whole].map(|graph| graph.value(graph.outputs()[0]).name());
        assert_eq!(names[0], names[1]);
        assert_close(&run(&whole, from_ref(&x)), &run(&long, from_ref(&x)), &format!("case {index}"));
        // The result of a step that the caller gets stays.
        let mut both = None;
        let read = graph(|steps, x| {
            let y = write(steps, x);
            both = Some(y);
            y
        });
        let Some(inner) = read.nodes().iter().rev().nth(1) else { continue };
        let fixed = with_output(&read, inner.output());
        assert_eq!(fixed.canonical().expect("valid").outputs().len(), 2, "case {index}");
        assert_close(&run(&fixed.canonical().expect("valid"), from_ref(&x)), &run(&fixed, from_ref(&x)), "two outputs");
    }
}

/// The graph with one output more.
fn with_output(graph: &Graph, output: ValueId) -> Graph {
    let mut builder = GraphBuilder::new(graph.name());
    let mut ids = Vec::new();
    for value in graph.values() {
        let id = match (value.constant(), value.producer()) {
            (Some(constant), _) => builder.constant(value.name(), constant.clone()),
            (None, None) => builder.input(value.name(), value.ty().clone()),
            (None, Some(node)) => {
                let node = graph.node(node);
                let inputs: Vec<ValueId> = node.inputs().iter().map(|id| ids[id.index()]).collect();
                builder.node(node.name(), node.op().clone(), &inputs)
            }
        };
        ids.push(id.expect("valid"));
    }
    graph.outputs().iter().chain([&output]).for_each(|id| builder.output(ids[id.index()]));
    builder.finish().expect("valid")
}

#[test]
fn what_only_looks_like_a_function_stays() {
    let cases: [Write; 6] = [
        // Another number.
        |steps, x| {
            let scaled = steps.over(x, 1.4);
            let erf = steps.of_one(Unary::Erf, scaled);
            let sum = steps.plus(erf, 1.0);
            let product = steps.of_two(Binary::Mul, x, sum);
            steps.times(product, 0.5)
        },
        // The sigmoid of another value.
        |steps, x| {
            let scaled = steps.times(x, 1.702);
            let gate = steps.of_one(Unary::Sigmoid, scaled);
            steps.of_two(Binary::Mul, gate, x)
        },
        // A clamp of a sum.
        |steps, x| {
            let sum = steps.plus(x, 0.5);
            steps.clip(sum, 1.0)
        },
        // A clamp at another bound than the divisor.
        |steps, x| {
            let sum = steps.plus(x, 3.0);
            let clipped = steps.clip(sum, 5.0);
            steps.over(clipped, 6.0)
        },
        // A mean over another axis.
        |steps, x| {
            let mean = steps.node(Op::Reduce(Reduce { reduction: Reduction::Mean, axes: vec![1], keep: true }), &[x]);
            let centred = steps.of_two(Binary::Sub, x, mean);
            let square = steps.of_two(Binary::Mul, centred, centred);
            let variance = steps.mean(square);
            let sum = steps.plus(variance, 1e-3);
            let deviation = steps.of_one(Unary::Sqrt, sum);
            steps.of_two(Binary::Div, centred, deviation)
        },
        // Numbers that give the result more axes.
        |steps, x| {
            let one = steps.constant(&[1, 1, 1, 1], vec![1.0]);
            steps.of_two(Binary::Div, one, x)
        },
    ];
    for (index, write) in cases.into_iter().enumerate() {
        let graph = graph(write);
        assert_eq!(graph.canonical().expect("valid"), graph, "case {index}");
    }
}

#[test]
fn a_mean_over_an_image_does_not_mind_the_shape_of_its_positions() {
    let graph = graph(|steps, x| {
        let wide = steps.node(Op::Reshape(Reshape { dims: vec![2.into(), 3.into(), 1.into(), 8.into()] }), &[x]);
        let mean = steps.node(Op::GlobalAveragePool, &[wide]);
        steps.node(Op::Reshape(Reshape { dims: vec![2.into(), 3.into()] }), &[mean])
    });
    let short = graph.canonical().expect("valid");
    let kinds: Vec<OpKind> = short.nodes().iter().map(|node| node.op().kind()).collect();
    assert_eq!(kinds, [OpKind::GlobalAveragePool, OpKind::Flatten]);
    let x = noise(&SHAPE, 2);
    assert_eq!(run(&short, from_ref(&x)), run(&graph, from_ref(&x)));
}

#[test]
fn axes_put_back_behind_a_reduction_stay_there() {
    let graph = graph(|steps, x| {
        let sum = steps.node(Op::Reduce(Reduce { reduction: Reduction::Sum, axes: vec![1], keep: false }), &[x]);
        let back = steps.node(Op::Reshape(Reshape { dims: vec![2.into(), 1.into(), 8.into()] }), &[sum]);
        let same = steps.node(Op::Expand(Expand { dims: vec![2.into(), 1.into(), 8.into()] }), &[back]);
        let largest = steps.node(Op::Reduce(Reduce { reduction: Reduction::Max, axes: vec![2], keep: true }), &[same]);
        steps.node(Op::Reshape(Reshape { dims: vec![2.into(), 1.into()] }), &[largest])
    });
    let short = graph.canonical().expect("valid");
    let keep: Vec<bool> =
        short.nodes().iter().map(|node| matches!(node.op(), Op::Reduce(Reduce { keep: true, .. }))).collect();
    assert_eq!(keep, [true, false]);
    let x = noise(&SHAPE, 2);
    assert_eq!(run(&short, from_ref(&x)), run(&graph, from_ref(&x)));
}

#[test]
fn zeros_around_the_operand_of_a_convolution_are_its_padding() {
    let padded = |begin: [usize; 3], mode: PadMode| {
        graph(|steps, x| {
            let pad = steps.node(Op::Pad(Pad { begin: begin.to_vec(), end: vec![0, 0, 2], mode }), &[x]);
            let weight = steps.constant(&[4, 3, 3], noise(&[36], 5).as_slice().expect("f32").to_vec());
            let window = Window { pad_begin: vec![1], ..Window::new(&[3]) };
            steps.node(Op::Conv(Conv::new(window, 1)), &[pad, weight])
        })
    };
    let graph = padded([0, 0, 1], PadMode::Constant(0.0));
    let short = graph.canonical().expect("valid");
    assert!(matches!(short.nodes(), [only] if matches!(only.op(), Op::Conv(conv) if conv.window.pad_begin == [2])));
    let x = noise(&SHAPE, 2);
    assert_eq!(run(&short, from_ref(&x)), run(&graph, from_ref(&x)));
    for (begin, mode) in
        [([1, 0, 1], PadMode::Constant(0.0)), ([0, 0, 1], PadMode::Constant(1.0)), ([0, 0, 1], PadMode::Edge)]
    {
        let graph = padded(begin, mode);
        assert_eq!(graph.canonical().expect("valid"), graph);
    }
}

//! Containers that come back, and files that do not.

mod codes;
mod damaged;
mod floats;
mod packed;
mod sizes;

use fourfold_graph::{
    Activation, Add, ArgExtreme, AveragePool, BatchNorm, Binary, Cast, CastTo, Cell, Clip, Comparison, Concat, Conv,
    ConvTranspose, Coordinates, CumSum, Dim, Direction, Expand, Flatten, Gather, GatherElements, GraphBuilder,
    GroupNorm, Interpolation, LayerNorm, Linear, LogSoftmax, Logic, NewNode, Op, Pad, PadMode, Recurrent, Reduce,
    Reduction, Reshape, Resize, Rounding, Slice, Softmax, TopK, TopKResult, Transpose, Unary, ValueType, Window,
};
use fourfold_schemes::{DynamicScheme, Granularity, QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use super::*;

fn read(bytes: &[u8]) -> Result<Graph, Error> {
    from_bytes(bytes, &Limits::default())
}

fn per_tensor(scale: f32, zero_point: i32) -> QuantParams {
    QuantParams::per_tensor(DType::U8, (0, 255), Scale::new(scale).expect("normal"), zero_point).expect("valid")
}

fn per_channel(dtype: DType, codes: (i32, i32), scales: &[f32]) -> QuantParams {
    let scales: Vec<Scale> = scales.iter().map(|&scale| Scale::new(scale).expect("normal")).collect();
    let zero_points = vec![0; scales.len()];
    QuantParams::new(dtype, codes, Granularity::PerChannel { axis: 0, scales, zero_points }).expect("valid")
}

/// Every function of one number, with parameters that none has by default.
const FUNCTIONS: [Unary; 16] = [
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
    Unary::HardSigmoid { alpha: 0.3, beta: 0.7 },
    Unary::HardSwish,
    Unary::LeakyRelu { slope: -0.1 },
    Unary::Elu { alpha: 2.0 },
];

/// A graph with every operator, every kind of parameters and every type.
fn everything() -> Graph {
    everything_of(2)
}

/// Operators of minor version 2 that keep the shape `[batch, 3, 3]`, or give it back in the end.
fn newest() -> Vec<Op> {
    let [batch, three]: [Dim; 2] = [Dim::symbol("batch"), 3.into()];
    let pad = |mode| Op::Pad(Pad { begin: vec![0, 0, 1], end: vec![0; 3], mode });
    let cut = Op::Slice(Slice { axis: 2, start: -1, step: -1, length: three.clone() });
    let shape = vec![batch.clone(), three.clone(), three.clone()];
    let resize = Resize {
        scales: vec![1.0; 3],
        sizes: vec![None, None, Some(3)],
        interpolation: Interpolation::Nearest(Rounding::Ceil),
        coordinates: Coordinates::AlignCorners,
    };
    let top = TopK { axis: 1, count: 3, largest: false, result: TopKResult::Values };
    let flat = Reshape::resolve(&[-1], &shape).map(Op::Reshape).expect("9 * batch");
    let all = [9.into(), batch].map(|dim: Dim| dim.polynomial().expect("small"));
    let all = Dim::computed(all[0].mul(&all[1]).expect("small")).expect("positive");
    vec![
        Op::Expand(Expand { dims: shape.clone() }),
        pad(PadMode::Constant(0.5)),
        cut.clone(),
        pad(PadMode::Reflect),
        cut,
        Op::Concat(Concat { axis: 1 }),
        Op::LogSoftmax(LogSoftmax { axis: 1 }),
        Op::GroupNorm(GroupNorm { groups: 3, epsilon: 0.5 }),
        Op::Resize(resize),
        Op::TopK(top),
        Op::CumSum(CumSum { axis: 2, exclusive: true, reverse: false }),
        flat,
        Op::Expand(Expand { dims: vec![all] }),
        Op::Reshape(Reshape { dims: shape }),
        Op::Cast(Cast { to: CastTo::F32 }),
    ]
}

/// Tables with at most 16 quantized values.
fn few() -> [(&'static str, (Tensor, QuantParams)); 2] {
    let unsigned = Tensor::from_vec(&[2, 5], vec![0_u8, 15, 1, 14, 7, 8, 9, 10, 11, 12]).expect("ten");
    let signed = Tensor::from_vec(&[3, 3], vec![-8_i8, 6, -1, 0, 5, 1, -7, 3, 2]).expect("nine");
    [
        ("unsigned", (unsigned, per_channel(DType::U8, (0, 15), &[0.1, 0.2]))),
        ("signed", (signed, per_channel(DType::I8, (-8, 6), &[0.1, 0.2, 0.3]))),
    ]
}

/// As [`everything`], up to a minor version.
fn everything_of(minor: u16) -> Graph {
    let mut builder = GraphBuilder::new("everything");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("batch"), 2.into(), 6.into(), 6.into()])).expect("valid");
    let unused = builder.input("unused", ValueType::plain(DType::I64, &[3.into()])).expect("valid");
    let empty = Tensor::zeros(DType::F32, &[0, 4]).expect("nothing");
    builder.constant("empty", empty).expect("valid");
    let mut last = x;
    let mut chain = |builder: &mut GraphBuilder, name: &str, op: Op, more: &[_], params: Option<QuantParams>| {
        let inputs: Vec<_> = [last].into_iter().chain(more.iter().copied()).collect();
        let output = format!("{name}.out");
        last = builder.add(NewNode { name, output: &output, op, inputs: &inputs, params }).expect("a valid node");
        last
    };
    let four: Vec<_> = (0..4)
        .map(|index| {
            let tensor = Tensor::from_vec(&[2], vec![1.0_f32, 2.0]).expect("two");
            builder.constant(&format!("statistics.{index}"), tensor).expect("valid")
        })
        .collect();
    chain(&mut builder, "stub", Op::QuantStub, &[], None);
    chain(&mut builder, "bn", Op::BatchNorm(BatchNorm { epsilon: 1e-5 }), &four, None);
    chain(&mut builder, "relu", Op::Relu, &[], None);
    chain(&mut builder, "clip", Op::Clip(Clip { min: -0.5, max: f32::INFINITY }), &[], None);
    chain(&mut builder, "same", Op::Identity, &[], None);
    chain(&mut builder, "end", Op::DeQuantStub, &[], None);
    chain(&mut builder, "quantize", Op::Quantize, &[], Some(per_tensor(0.1, 3)));
    let weight = Tensor::from_vec(&[4, 1, 3, 3], vec![5_i8; 36]).expect("36");
    let params = per_channel(DType::I8, (-127, 127), &[0.1, 0.2, 0.3, 0.4]);
    let weight = builder.quantized_constant("weight", weight, params).expect("valid");
    let bias = Tensor::from_vec(&[4], vec![1_i32, -2, 3, -4]).expect("four");
    let params = per_channel(DType::I32, (i32::MIN, i32::MAX), &[0.01, 0.02, 0.03, 0.04]);
    let bias = builder.quantized_constant("bias", bias, params).expect("valid");
    let window = Window::new(&[3, 3]).with_padding(1);
    let conv = Conv { window: window.clone(), groups: 2, activation: Activation::Relu, dynamic: None };
    chain(&mut builder, "conv", Op::Conv(conv), &[weight, bias], Some(per_tensor(0.2, 0)));
    chain(&mut builder, "max", Op::MaxPool(window.clone()), &[], None);
    let pool = AveragePool { window, count_include_pad: true };
    let pooled = chain(&mut builder, "mean", Op::AveragePool(pool), &[], Some(per_tensor(0.3, 7)));
    let clamp = Activation::Clamp { min: 0.0, max: 6.0 };
    chain(&mut builder, "sum", Op::Add(Add { activation: clamp }), &[pooled], Some(per_tensor(0.4, 9)));
    chain(&mut builder, "all", Op::GlobalAveragePool, &[], Some(per_tensor(0.5, 1)));
    chain(&mut builder, "dequantize", Op::Dequantize, &[], None);
    chain(&mut builder, "flat", Op::Flatten(Flatten { axis: 1 }), &[], None);
    let weight = Tensor::from_vec(&[3, 4], vec![-7_i8; 12]).expect("twelve");
    let weight =
        builder.quantized_constant("fc.weight", weight, per_channel(DType::I8, (-128, 127), &[0.1; 3])).expect("valid");
    let linear = Linear { activation: Activation::None, dynamic: Some(DynamicScheme::TorchPerTensor) };
    chain(&mut builder, "fc", Op::Linear(linear), &[weight], None);
    chain(
        &mut builder,
        "reshaped",
        Op::Reshape(Reshape { dims: vec![Dim::symbol("batch"), 3.into(), 1.into()] }),
        &[],
        None,
    );
    chain(&mut builder, "turned", Op::Transpose(Transpose { axes: vec![0, 2, 1] }), &[], None);
    let square = builder.constant("square", Tensor::from_vec(&[3, 3], vec![0.5_f32; 9]).expect("nine")).expect("valid");
    chain(&mut builder, "product", Op::MatMul, &[square], None);
    if minor >= 1 {
        let codes = Tensor::from_vec(&[3, 3], vec![1_i8; 9]).expect("nine");
        let codes = builder.quantized_constant("onnx.weight", codes, per_channel(DType::I8, (-128, 127), &[0.1; 3]));
        let linear = Linear { activation: Activation::None, dynamic: Some(DynamicScheme::OnnxPerTensor) };
        chain(&mut builder, "onnx", Op::Linear(linear), &[codes.expect("valid")], None);
        for function in FUNCTIONS {
            chain(&mut builder, &Op::Unary(function).kind().to_string(), Op::Unary(function), &[], None);
        }
        for function in [Binary::Sub, Binary::Mul, Binary::Div, Binary::Min, Binary::Max] {
            chain(&mut builder, &Op::Binary(function).kind().to_string(), Op::Binary(function), &[square], None);
        }
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::Max, Reduction::Min, Reduction::L2] {
            let op = Op::Reduce(Reduce { reduction, axes: vec![0], keep: true });
            chain(&mut builder, &op.kind().to_string(), op, &[], None);
        }
        let ones =
            builder.constant("ones", Tensor::from_slice(&[3], &[1.0_f32; 3]).expect("three numbers")).expect("new");
        chain(&mut builder, "norm", Op::LayerNorm(LayerNorm { axis: 2, epsilon: 1e-5 }), &[ones, ones], None);
    }
    if minor >= 2 {
        let three = builder.constant("three", Tensor::from_slice(&[3], &[1.0_f32; 3]).expect("three")).expect("new");
        for (index, op) in newest().into_iter().enumerate() {
            let more: &[_] = if matches!(op, Op::GroupNorm(_)) { &[three, three] } else { &[] };
            chain(&mut builder, &format!("newest.{index}"), op, more, None);
        }
        let pow = chain(&mut builder, "pow", Op::Binary(Binary::Pow), &[square], None);
        let least = Op::ArgExtreme(ArgExtreme { axis: 2, keep: true, largest: false, last: true });
        let place = builder.node("place", least, &[pow]).expect("integers");
        let chosen =
            builder.node("chosen", Op::GatherElements(GatherElements { axis: 2 }), &[pow, place]).expect("floats");
        let is_less = builder.node("less", Op::Compare(Comparison::LessOrEqual), &[pow, chosen]).expect("truth");
        let is_either = builder.node("either", Op::Logic(Logic::Xor), &[is_less, is_less]).expect("truth");
        let is_not = builder.node("not", Op::Not, &[is_either]).expect("truth");
        let either = builder.node("where", Op::Where, &[is_not, pow, chosen]).expect("floats");
        builder.output(either);
        let integers = builder.constant("integers", Tensor::from_slice(&[2], &[0_i64, -1]).expect("two")).expect("new");
        let rows = builder.node("rows", Op::Gather(Gather { axis: 2 }), &[pow, integers]).expect("floats");
        let weight = Tensor::zeros(DType::F32, &[3, 2, 2]).expect("small");
        let weight = builder.constant("transposed.weight", weight).expect("new");
        let transposed = ConvTranspose {
            window: Window::new(&[2]).with_stride(2),
            output_padding: vec![1],
            groups: 1,
            activation: Activation::Relu,
        };
        let wide = builder.node("transposed", Op::ConvTranspose(transposed), &[rows, weight]).expect("valid");
        builder.output(wide);
        let rows = builder.constant("numbers", Tensor::from_slice(&[2], &[1_i64, 0]).expect("two")).expect("new");
        for (name, table) in few() {
            let table = builder.quantized_constant(&format!("{name}.table"), table.0, table.1).expect("new");
            let chosen = builder.node(name, Op::Gather(Gather { axis: 0 }), &[table, rows]).expect("floats");
            builder.output(chosen);
        }
        let rows = Tensor::from_vec(&[16, 3], vec![0.5_f32; 48]).expect("48");
        let rows = builder.constant("lstm.weight", rows).expect("valid");
        let hidden = Tensor::from_vec(&[16, 4], vec![0.5_f32; 64]).expect("64");
        let hidden = builder.constant("lstm.recurrent", hidden).expect("valid");
        let bias = builder.constant("lstm.bias", Tensor::zeros(DType::F32, &[2, 16]).expect("32")).expect("valid");
        let (cell, direction) = (Cell::Lstm, Direction::Reverse);
        let lstm = Recurrent { cell, direction, with_cell_state: true, dynamic: None };
        chain(&mut builder, "lstm", Op::Recurrent(lstm), &[rows, hidden, bias], None);
        let eight = [8.into(), Dim::symbol("batch"), 3.into()];
        chain(
            &mut builder,
            "eight",
            Reshape::resolve(&[8, -1, 3], &eight).map(Op::Reshape).expect("24 numbers"),
            &[],
            None,
        );
    }
    let y = chain(&mut builder, "softmax", Op::Softmax(Softmax { axis: 2 }), &[], None);
    builder.output(y);
    builder.output(unused);
    builder.finish().expect("a valid graph")
}

/// A small graph: few enough bytes to damage each of them.
fn small() -> Graph {
    let mut builder = GraphBuilder::new("g");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 2.into()])).expect("valid");
    let weight = Tensor::from_vec(&[1, 2], vec![1.0_f32, -1.0]).expect("two");
    let bias = Tensor::from_vec(&[1], vec![0.5_f32]).expect("one");
    let y = builder.linear("fc", x, weight, Some(bias)).expect("valid");
    builder.output(y);
    builder.finish().expect("a valid graph")
}

#[test]
fn the_minor_version_is_that_of_the_newest_operator() {
    assert_eq!(to_bytes(&small()).expect("a graph")[10..12], [0, 0]);
    for minor in 0..3 {
        assert_eq!(to_bytes(&everything_of(minor)).expect("a graph")[10..12], minor.to_le_bytes());
    }
}

#[test]
fn every_operator_comes_back() {
    let graph = everything();
    let bytes = to_bytes(&graph).expect("a known graph");
    assert!(is_container(&bytes));
    assert_eq!(read(&bytes).as_ref(), Ok(&graph));
    assert_eq!(to_bytes(&graph).as_ref(), Ok(&bytes), "the same bytes every time");
}

#[test]
fn limits_hold() {
    let bytes = to_bytes(&small()).expect("a known graph");
    let limited = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        match from_bytes(&bytes, &limits) {
            Err(Error::Limit(limit) | Error::Graph(fourfold_graph::Error::Limit(limit))) => limit.name,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(limited(|limits| limits.header_bytes = 10), "header-bytes");
    assert_eq!(limited(|limits| limits.values = 3), "values");
    assert_eq!(limited(|limits| limits.nodes = 0), "nodes");
    assert_eq!(limited(|limits| limits.elements = 1), "elements");
    assert_eq!(limited(|limits| limits.name_bytes = 1), "name-bytes");
}

#[test]
fn the_first_version_is_read_for_ever() {
    let file = include_bytes!("../../tests/data/version_1.fourfold");
    assert_eq!(read(file), Ok(everything_of(0)));
}

//! The graphs that are written.

use fourfold_graph::{
    Activation, Add, AveragePool, Binary, Concat, Conv, Dim, Graph, GraphBuilder, GroupNorm, Linear, NewNode, Op,
    Reduce, Reduction, Softmax, Transpose, Unary, ValueId, ValueType, Window,
};
use fourfold_schemes::{Granularity, QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use crate::Form;

/// A graph with a form and inputs.
pub(super) struct Exported {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) graph: Graph,
    pub(super) inputs: Vec<Tensor>,
}

/// Whole numbers below `below` with no pattern in them.
fn noise(count: usize, below: u32) -> Vec<u32> {
    let mut state = 12_345_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    core::iter::repeat_with(next).take(count).collect()
}

/// Numbers between -2 and 2.
fn reals(shape: &[usize]) -> Tensor {
    let list = noise(shape.iter().product(), 4001).into_iter();
    let list = list.map(|number| f32::from(u16::try_from(number).expect("small")) / 1000.0 - 2.0);
    Tensor::from_vec(shape, list.collect::<Vec<f32>>()).expect("as many")
}

/// Codes between -63 and 63, whose products with others ONNX Runtime adds without saturating on every CPU.
fn weight(shape: &[usize]) -> Tensor {
    let list = noise(shape.iter().product(), 127).into_iter();
    let list = list.map(|number| i8::try_from(number).expect("small") - 63);
    Tensor::from_vec(shape, list.collect::<Vec<i8>>()).expect("as many")
}

fn bias(count: usize) -> Tensor {
    let list = noise(count, 4001).into_iter().map(|number| i32::try_from(number).expect("small") - 2000);
    Tensor::from_vec(&[count], list.collect::<Vec<i32>>()).expect("as many")
}

fn scale(scale: f32) -> Scale {
    Scale::new(scale).expect("normal")
}

/// Parameters of an activation; the zero point is given for `u8`.
fn params(dtype: DType, step: f32, zero_point: i32) -> QuantParams {
    let zero_point = if dtype == DType::I8 { zero_point - 128 } else { zero_point };
    QuantParams::per_tensor(dtype, dtype.byte_range().expect("codes"), scale(step), zero_point).expect("valid")
}

/// Parameters with one scale for each channel.
fn channels(dtype: DType, scales: Vec<f32>) -> QuantParams {
    let scales: Vec<Scale> = scales.into_iter().map(scale).collect();
    let granularity = Granularity::PerChannel { axis: 0, zero_points: vec![0; scales.len()], scales };
    let range = if dtype == DType::I8 { (-127, 127) } else { (i32::MIN, i32::MAX) };
    QuantParams::new(dtype, range, granularity).expect("valid")
}

struct Builder(GraphBuilder);

impl Builder {
    fn new(name: &str) -> Self {
        Self(GraphBuilder::new(name))
    }

    /// A float input and its quantized values.
    fn input(&mut self, name: &str, shape: &[Dim], params: QuantParams) -> ValueId {
        let x = self.0.input(name, ValueType::f32(shape)).expect("valid");
        self.add(&format!("{name}.q"), Op::Quantize, &[x], Some(params))
    }

    fn add(&mut self, name: &str, op: Op, inputs: &[ValueId], params: Option<QuantParams>) -> ValueId {
        self.0.add(NewNode { name, output: name, op, inputs, params }).expect("valid")
    }

    /// A quantized product with a scale for each row of the weight and, where `s_x` is given, a bias.
    fn linear(&mut self, name: &str, x: ValueId, sizes: [usize; 2], s_x: Option<f32>, y: QuantParams) -> ValueId {
        let scales = |s_x: f32| (0..sizes[0]).map(|row| [0.011_f32, 0.007, 0.013][row % 3] * s_x).collect();
        let codes = self.0.quantized_constant(&format!("{name}.w"), weight(&sizes), channels(DType::I8, scales(1.0)));
        let mut inputs = vec![x, codes.expect("valid")];
        if let Some(s_x) = s_x {
            let params = channels(DType::I32, scales(s_x));
            inputs.push(self.0.quantized_constant(&format!("{name}.b"), bias(sizes[0]), params).expect("valid"));
        }
        self.add(name, Op::Linear(Linear::default()), &inputs, Some(y))
    }

    /// The graph with some quantized values, dequantized, as outputs.
    fn finish(mut self, codes: &[ValueId]) -> Graph {
        for (index, &id) in codes.iter().enumerate() {
            let name = format!("y{index}");
            let y = self.add(&name, Op::Dequantize, &[id], None);
            self.0.output(y);
        }
        self.0.finish().expect("valid")
    }
}

fn sizes(list: &[&str]) -> Vec<Dim> {
    list.iter().map(|name| name.parse().map_or_else(|_| Dim::symbol(name), Dim::Fixed)).collect()
}

fn functions(name: &'static str, dtype: DType) -> Exported {
    let mut builder = Builder::new(name);
    let params = |step, zero_point| Some(params(dtype, step, zero_point));
    let a = builder.input("a", &sizes(&["n", "3", "5"]), params(0.0163, 120).expect("some"));
    let b = builder.input("b", &sizes(&["3", "1"]), params(0.0171, 131).expect("some"));
    let sigmoid = builder.add("sigmoid", Op::Unary(Unary::Sigmoid), &[a], params(1.0 / 256.0, 0));
    let leaky = builder.add("leaky", Op::Unary(Unary::LeakyRelu { slope: 0.1 }), &[a], params(0.0123, 40));
    let product = builder.add("product", Op::Binary(Binary::Mul), &[leaky, b], params(0.0271, 99));
    let sum =
        builder.add("sum", Op::Add(Add { activation: Activation::Relu }), &[product, sigmoid], params(0.0291, 60));
    // A function for which ONNX Runtime has no operator.
    let tanh = builder.add("tanh", Op::Unary(Unary::Tanh), &[sum], params(0.0093, 128));
    let graph = builder.finish(&[sigmoid, leaky, product, sum, tanh]);
    Exported { name, form: Form::QOperator, graph, inputs: vec![reals(&[4, 3, 5]), reals(&[3, 1])] }
}

/// One head of attention.
fn attention() -> Exported {
    let mut builder = Builder::new("attention");
    let of = |step, zero_point| params(DType::U8, step, zero_point);
    let x = builder.input("x", &sizes(&["n", "length", "8"]), of(0.0171, 117));
    let [q, k, v] = ["q", "k", "v"].map(|name| builder.linear(name, x, [8, 8], Some(0.0171), of(0.0313, 128)));
    let turned = builder.add("turned", Op::Transpose(Transpose { axes: vec![0, 2, 1] }), &[k], None);
    let scores = builder.add("scores", Op::MatMul, &[q, turned], Some(of(0.21, 125)));
    let real = builder.add("real", Op::Dequantize, &[scores], None);
    let soft = builder.add("soft", Op::Softmax(Softmax { axis: 2 }), &[real], None);
    let soft = builder.add("weights", Op::Quantize, &[soft], Some(of(1.0 / 256.0, 0)));
    let mixed = builder.add("mixed", Op::MatMul, &[soft, v], Some(of(0.0301, 127)));
    let graph = builder.finish(&[scores, soft, mixed]);
    Exported { name: "attention_u8", form: Form::QOperator, graph, inputs: vec![reals(&[2, 5, 8])] }
}

fn pooled(name: &'static str, form: Form, shape: &[&str]) -> Exported {
    let mut builder = Builder::new(name);
    let of = |step, zero_point| params(DType::U8, step, zero_point);
    let x = builder.input("x", &sizes(shape), of(0.0163, 121));
    let scales = |s_x: f32| [0.011_f32, 0.007, 0.013].map(|s_w| s_w * s_x).to_vec();
    let codes = builder.0.quantized_constant("w", weight(&[3, 2, 3, 3]), channels(DType::I8, scales(1.0)));
    let bias = builder.0.quantized_constant("b", bias(3), channels(DType::I32, scales(0.0163)));
    let mut conv = Conv::new(Window::new(&[3, 3]).with_padding(1), 1);
    conv.activation = Activation::Clamp { min: 0.0, max: 6.0 };
    let inputs = [x, codes.expect("valid"), bias.expect("valid")];
    let conv = builder.add("conv", Op::Conv(conv), &inputs, Some(of(0.0411, 30)));
    let joined = builder.add("joined", Op::Concat(Concat { axis: 1 }), &[conv, x], Some(of(0.0403, 55)));
    let window = Window::new(&[3, 2]).with_stride(2);
    let average = Op::AveragePool(AveragePool { window, count_include_pad: false });
    let average = builder.add("average", average, &[joined], Some(of(0.0297, 44)));
    let global = builder.add("global", Op::GlobalAveragePool, &[average], Some(of(0.0201, 33)));
    let graph = builder.finish(&[conv, joined, average, global]);
    Exported { name, form, graph, inputs: vec![reals(&[2, 2, 6, 6])] }
}

fn group_norm() -> Exported {
    let mut builder = GraphBuilder::new("group_norm");
    let x = builder.input("x", ValueType::f32(&sizes(&["n", "6", "4", "3"]))).expect("valid");
    let [scale, bias] = ["scale", "bias"].map(|name| builder.constant(name, reals(&[6])).expect("valid"));
    let grouped = Op::GroupNorm(GroupNorm { groups: 2, epsilon: 1e-4 });
    let grouped = builder.node("grouped", grouped, &[x, scale, bias]).expect("valid");
    let each = builder
        .node("each", Op::GroupNorm(GroupNorm { groups: 6, epsilon: 1e-5 }), &[grouped, bias, scale])
        .expect("valid");
    // Operators whose form depends on the version.
    let mean = Op::Reduce(Reduce { reduction: Reduction::Mean, axes: vec![2], keep: true });
    let mean = builder.node("mean", mean, &[each]).expect("valid");
    [grouped, each, mean].into_iter().for_each(|id| builder.output(id));
    let graph = builder.finish().expect("valid");
    Exported { name: "group_norm", form: Form::Qdq, graph, inputs: vec![reals(&[2, 6, 4, 3])] }
}

/// Codes from the caller and to the caller.
fn codes(name: &'static str, form: Form) -> Exported {
    let mut builder = Builder::new(name);
    let of = |step, zero_point| params(DType::U8, step, zero_point);
    let ty = ValueType::quantized(&sizes(&["n", "9"]), of(0.0171, 117));
    let x = builder.0.input("x", ty).expect("valid");
    let y = builder.linear("y", x, [5, 9], Some(0.0171), of(0.0313, 128));
    let relu = builder.add("relu", Op::Relu, &[y], None);
    [y, relu].into_iter().for_each(|id| builder.0.output(id));
    let list = noise(4 * 9, 256).into_iter().map(|code| u8::try_from(code).expect("a byte"));
    let input = Tensor::from_vec(&[4, 9], list.collect::<Vec<u8>>()).expect("as many");
    Exported { name, form, graph: builder.0.finish().expect("valid"), inputs: vec![input] }
}

/// All of them.
pub(super) fn exported() -> Vec<Exported> {
    vec![
        functions("functions_u8", DType::U8),
        functions("functions_i8", DType::I8),
        attention(),
        pooled("pooled_u8", Form::QOperator, &["n", "2", "6", "6"]),
        pooled("pooled_free_qdq", Form::Qdq, &["n", "2", "h", "w"]),
        pooled("pooled_free_qoperator", Form::QOperator, &["n", "2", "h", "w"]),
        group_norm(),
        codes("codes_qdq", Form::Qdq),
        codes("codes_qoperator", Form::QOperator),
    ]
}

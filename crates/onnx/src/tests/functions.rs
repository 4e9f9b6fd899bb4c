//! Functions of one and two numbers, reductions and normalizations.

use fourfold_graph::{Binary, Graph, LayerNorm, Op, Reduce, Reduction, Unary};
use fourfold_tensor::Tensor;

use super::{float, floats, int, ints, model, node, read, text};
use crate::Error;
use crate::proto::{AttributeProto, NodeProto};

fn of_one(opset: i64, operator: &str, attributes: Vec<AttributeProto>) -> Result<Op, Error> {
    let graph = read(&model(opset, &[-1, 4], &[], vec![node(operator, &["x"], "y", attributes)]))?;
    Ok(graph.nodes()[0].op().clone())
}

#[test]
fn functions_have_their_parameters() {
    let function = |opset, operator: &str, attributes| match of_one(opset, operator, attributes) {
        Ok(Op::Unary(function)) => Ok(function),
        other => Err(other),
    };
    assert_eq!(function(17, "Erf", vec![]), Ok(Unary::Erf));
    assert_eq!(function(17, "HardSwish", vec![]), Ok(Unary::HardSwish));
    assert_eq!(function(17, "LeakyRelu", vec![]), Ok(Unary::LeakyRelu { slope: 0.01 }));
    assert_eq!(function(17, "Elu", vec![float("alpha", 2.0)]), Ok(Unary::Elu { alpha: 2.0 }));
    let sigmoid = function(17, "HardSigmoid", vec![float("beta", 0.25)]);
    assert_eq!(sigmoid, Ok(Unary::HardSigmoid { alpha: 0.2, beta: 0.25 }));
    assert_eq!(function(20, "Gelu", vec![]), Ok(Unary::Gelu));
    assert_eq!(function(20, "Gelu", vec![text("approximate", "tanh")]), Ok(Unary::GeluTanh));
    assert!(of_one(20, "Gelu", vec![text("approximate", "roughly")]).is_err());
    assert!(of_one(19, "Gelu", vec![]).is_err());
    assert!(of_one(17, "Elu", vec![float("alpha", f32::NAN)]).is_err());
    assert!(of_one(17, "Tanh", vec![int("alpha", 1)]).is_err());
}

#[test]
fn extremes_of_many_are_taken_in_pairs() {
    let of = |inputs: &[&str]| {
        read(&model(17, &[2, 4], &[("a", floats(&[4])), ("b", floats(&[4]))], vec![node("Max", inputs, "y", vec![])]))
    };
    let ops = |graph: Graph| graph.nodes().iter().map(|node| node.op().clone()).collect::<Vec<_>>();
    assert_eq!(ops(of(&["x"]).expect("valid")), [Op::Identity]);
    assert_eq!(ops(of(&["x", "a"]).expect("valid")), [Op::Binary(Binary::Max)]);
    assert_eq!(ops(of(&["x", "a", "b"]).expect("valid")), vec![Op::Binary(Binary::Max); 2]);
    assert!(of(&[]).is_err());
}

#[test]
fn powers_are_products() {
    let number = |value: f32| Tensor::from_vec(&[], vec![value]).expect("one");
    let pow = |exponent: f32| {
        let graph = read(&model(17, &[2, 4], &[("p", number(exponent))], vec![node("Pow", &["x", "p"], "y", vec![])]))?;
        Ok::<_, Error>(graph.nodes().len())
    };
    assert_eq!([pow(0.5), pow(1.0), pow(2.0), pow(3.0)], [Ok(1), Ok(1), Ok(1), Ok(2)]);
    assert_eq!(pow(1.5), Ok(1));
}

#[test]
fn reductions_take_axes_from_either_place() {
    let axes = Tensor::from_vec(&[1], vec![-1_i64]).expect("one");
    let of = |opset, node: NodeProto| {
        let graph = read(&model(opset, &[-1, 3, 4], &[("a", axes.clone())], vec![node]))?;
        Ok::<_, Error>((graph.nodes()[0].op().clone(), format!("{:?}", graph.value(graph.outputs()[0]).ty().dims())))
    };
    let reduce = |reduction, axes: &[usize], keep| Op::Reduce(Reduce { reduction, axes: axes.to_vec(), keep });
    let mean = node("ReduceMean", &["x"], "y", vec![ints("axes", &[2, 1]), int("keepdims", 0)]);
    assert_eq!(of(17, mean), Ok((reduce(Reduction::Mean, &[1, 2], false), "[n]".to_owned())));
    let sum = node("ReduceSum", &["x", "a"], "y", vec![]);
    assert_eq!(of(17, sum), Ok((reduce(Reduction::Sum, &[2], true), "[n, 3, 1]".to_owned())));
    let all = node("ReduceMax", &["x"], "y", vec![int("keepdims", 0)]);
    assert_eq!(of(17, all), Ok((reduce(Reduction::Max, &[0, 1, 2], false), "[]".to_owned())));
    let none = node("ReduceSum", &["x"], "y", vec![int("noop_with_empty_axes", 1)]);
    assert_eq!(of(17, none), Ok((Op::Identity, "[n, 3, 4]".to_owned())));
    assert!(of(17, node("ReduceL2", &["x"], "y", vec![ints("axes", &[3])])).is_err());
}

#[test]
fn normalizations_have_scales_of_their_shape() {
    let norm = |scale: &[usize], inputs: &[&str], attributes| {
        let constants = [("s", floats(scale)), ("b", floats(&[4]))];
        read(&model(17, &[-1, 3, 4], &constants, vec![node("LayerNormalization", inputs, "y", attributes)]))
    };
    let graph = norm(&[4], &["x", "s", "b"], vec![]).expect("valid");
    assert_eq!(*graph.nodes()[0].op(), Op::LayerNorm(LayerNorm { axis: 2, epsilon: 1e-5 }));
    assert!(norm(&[3, 4], &["x", "s"], vec![int("axis", 1)]).is_ok());
    assert!(norm(&[1], &["x", "s"], vec![]).is_ok(), "one number for all");
    assert!(norm(&[3], &["x", "s"], vec![]).is_err());
    assert!(norm(&[4], &["x", "x"], vec![]).is_err(), "a scale that is not constant");
    assert!(norm(&[4], &["x", "s"], vec![float("epsilon", -1.0)]).is_err());
}

#[test]
fn what_is_written_can_be_read() {
    use fourfold_graph::{Dim, GraphBuilder, ValueType};
    let functions = [
        Unary::Exp,
        Unary::HardSigmoid { alpha: 0.3, beta: 0.1 },
        Unary::LeakyRelu { slope: 0.5 },
        Unary::Silu,
        Unary::Gelu,
        Unary::GeluTanh,
    ];
    let mut builder = GraphBuilder::new("functions");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 4.into()])).expect("valid");
    let four = builder.constant("four", floats(&[4])).expect("valid");
    let mut last =
        builder.node("norm", Op::LayerNorm(LayerNorm { axis: 1, epsilon: 1e-3 }), &[x, four]).expect("valid");
    for (index, function) in functions.into_iter().enumerate() {
        last = builder.node(&format!("f{index}"), Op::Unary(function), &[last]).expect("valid");
    }
    for reduction in [Reduction::Sum, Reduction::Mean] {
        let op = Op::Reduce(Reduce { reduction, axes: vec![1], keep: true });
        last = builder.node(&format!("{reduction:?}"), op, &[last]).expect("valid");
    }
    last = builder.node("div", Op::Binary(Binary::Div), &[last, four]).expect("valid");
    builder.output(last);
    let graph = builder.finish().expect("valid");
    let back = crate::import(&crate::export(&graph).expect("an ONNX form"), &fourfold_graph::Limits::default());
    let kinds: Vec<String> = back.expect("valid").nodes().iter().map(|node| node.op().kind().to_string()).collect();
    // What the file has in steps is one operator again.
    let expected =
        ["LayerNorm", "Exp", "HardSigmoid", "LeakyRelu", "Silu", "Gelu", "GeluTanh", "ReduceSum", "ReduceMean", "Div"];
    assert_eq!(kinds, expected);
}

#[test]
fn sums_and_means_take_any_number_of_operands() {
    let of = |operator: &str, inputs: &[&str]| {
        let graph = read(&model(17, &[-1, 4], &[("b", floats(&[4]))], vec![node(operator, inputs, "y", vec![])]));
        let graph = graph.expect("valid");
        graph.nodes().iter().map(|node| node.op().kind().to_string()).collect::<Vec<String>>()
    };
    assert_eq!(of("Sum", &["x"]), ["Identity"]);
    assert_eq!(of("Sum", &["x", "b"]), ["Add"]);
    assert_eq!(of("Sum", &["x", "b", "x"]), ["Add", "Add"]);
    assert_eq!(of("Mean", &["x"]), ["Div"]);
    assert_eq!(of("Mean", &["x", "b", "x"]), ["Add", "Add", "Div"]);
}

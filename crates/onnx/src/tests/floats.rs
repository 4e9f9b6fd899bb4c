//! Real numbers of other types than `float32`: what is said of them, and what contradicts itself.

use fourfold_graph::ErrorKind;
use fourfold_graph::{Cast, CastTo, Fixed, Limits, Op};
use fourfold_tensor::{DType, Tensor, f16};
use proptest::prelude::*;
use prost::Message;

use super::{int, model, node, read};
use crate::model::external::Nowhere;
use crate::proto::{ModelProto, NodeProto, ValueInfoProto, data_type, type_proto::Value as Type};
use crate::{ImportOptions, Imported, import, import_with};

/// The model with inputs and outputs of a type.
fn of_type(mut model: ModelProto, ty: i32) -> ModelProto {
    let graph = model.graph.as_mut().expect("a graph");
    let declared = graph.input[0].r#type.clone();
    graph.output[0].r#type = declared;
    for info in graph.input.iter_mut().chain(&mut graph.output) {
        let Some(Type::TensorType(tensor)) = info.r#type.as_mut().and_then(|ty| ty.value.as_mut()) else { continue };
        tensor.elem_type = ty;
    }
    model
}

fn cast(x: &str, y: &str, to: i32) -> NodeProto {
    node("Cast", &[x], y, vec![int("to", to.into())])
}

fn imported(model: &ModelProto, fixed: &Fixed) -> Imported {
    let options = ImportOptions { limits: &Limits::default(), fixed, resolver: &Nowhere };
    import_with(&model.encode_to_vec(), &options).expect("a valid model")
}

fn doubles(numbers: &[f64]) -> Tensor {
    Tensor::from_slice(&[numbers.len()], numbers).expect("a list")
}

/// Asserts that a model is invalid, with an error that holds the text.
fn assert_invalid(model: &ModelProto, text: &str) {
    let error = read(model).expect_err(text);
    assert!(error.kind() != ErrorKind::Unsupported && error.to_string().contains(text), "{error}");
}

#[test]
fn double_precision_is_said_once_where_it_is_computed_in() {
    let notes = |nodes: Vec<NodeProto>, constants: &[(&str, Tensor)], ty: i32| {
        imported(&of_type(model(17, &[2, 3], constants, nodes), ty), &Fixed::new()).notes
    };
    let sums = vec![node("Add", &["x", "a"], "h", vec![]), node("Mul", &["h", "b"], "y", vec![])];
    let small = [("a", doubles(&[0.1, 0.2, 0.3])), ("b", doubles(&[1.0, 2.0, -1e-300]))];
    let said = "it computes in float64; fourfold computes in float32, to which its numbers are rounded";
    assert_eq!(notes(sums.clone(), &small, data_type::DOUBLE), [said]);
    let large = [("a", doubles(&[0.1, -1e39, f64::INFINITY])), ("b", doubles(&[f64::MAX, 1.0, 0.0]))];
    let beyond = "numbers of its constant `a` and 1 more are beyond float32 and became infinite";
    assert_eq!(notes(sums, &large, data_type::DOUBLE), [said, beyond]);
    // Numbers that are only kept as float64, and become float32 by the model's own will.
    let stored = vec![cast("a", "w", 1), node("Add", &["x", "w"], "y", vec![])];
    assert!(notes(stored, &small[..1], data_type::FLOAT).is_empty());
    let halves = Tensor::from_slice(&[3], &[f16::MAX; 3]).expect("three");
    let sum = vec![node("Add", &["x", "c"], "y", vec![])];
    assert!(notes(sum, &[("c", halves)], data_type::FLOAT16).is_empty());
}

#[test]
fn conversions_stand_at_the_border_alone() {
    let nodes = vec![
        cast("x", "f", 1),
        node("Relu", &["f"], "r", vec![]),
        cast("r", "h", 10),
        cast("h", "g", 1),
        node("Neg", &["g"], "n", vec![]),
        cast("n", "y", 10),
    ];
    let model = of_type(model(17, &[-1, 4], &[], nodes), data_type::FLOAT16);
    let graph = imported(&model, &Fixed::new()).graph;
    let names: Vec<_> = graph.nodes().iter().map(|node| (node.name(), node.op())).collect();
    let (single, half) = (Op::Cast(Cast { to: CastTo::F32 }), Op::Cast(Cast { to: CastTo::F16 }));
    let negated = Op::Unary(fourfold_graph::Unary::Neg);
    assert_eq!(names, [("Cast_0", &single), ("Relu_1", &Op::Relu), ("Neg_4", &negated), ("Cast_5", &half)]);
    // An input that is set is a constant like any other.
    let set = Fixed::new().dim("n", 1).numbers("x", "1,-2,0.1,70000");
    let graph = imported(&model, &set).graph;
    let y = graph.value(graph.outputs()[0]).constant().expect("folded");
    let expected = [-1.0, 0.0, -0.1, f32::NEG_INFINITY].map(f16::from_f32);
    let found = y.as_slice::<f16>().expect("f16");
    assert_eq!((y.dtype(), found[0], found[2], found[3]), (DType::F16, expected[0], expected[2], expected[3]));
}

#[test]
fn outputs_keep_their_names_behind_conversions_that_are_left_out() {
    let nodes = vec![
        cast("x", "h", 10),
        node("Relu", &["h"], "r", vec![]),
        cast("r", "y", 1),
        cast("r", "again", 1),
        cast("x", "d", 11),
        cast("d", "same", 1),
    ];
    let mut model = model(17, &[-1, 4], &[], nodes);
    let graph = model.graph.as_mut().expect("a graph");
    graph.output.extend(["again", "same"].map(|name| ValueInfoProto { name: name.to_owned(), ..Default::default() }));
    let graph = imported(&model, &Fixed::new()).graph;
    let made: Vec<_> = graph.nodes().iter().map(|node| (node.op(), graph.value(node.output()).name())).collect();
    assert_eq!(made, [(&Op::Relu, "y"), (&Op::Identity, "again"), (&Op::Identity, "same")]);
}

#[test]
fn types_that_contradict_each_other_are_invalid() {
    let constant = |dtype| Tensor::zeros(dtype, &[4]).expect("small");
    let sum =
        |dtype, opset| model(opset, &[-1, 4], &[("c", constant(dtype))], vec![node("Add", &["x", "c"], "y", vec![])]);
    let half = data_type::FLOAT16;
    assert!(read(&of_type(sum(DType::F16, 17), half)).is_ok());
    assert_invalid(&of_type(sum(DType::F32, 17), half), "input 1 (`c`) is float, but input 0 is float16");
    assert_invalid(&of_type(sum(DType::F64, 17), half), "input 1 (`c`) is double, but input 0 is float16");
    let brain = data_type::BFLOAT16;
    assert!(read(&of_type(sum(DType::BF16, 13), brain)).is_ok());
    let text = "input 0 (`x`) is bfloat16, which the operator does not take before opset 13";
    assert_invalid(&of_type(sum(DType::BF16, 12), brain), text);
    let mut other = of_type(sum(DType::F16, 17), half);
    let graph = other.graph.as_mut().expect("a graph");
    graph.output[0] = ValueInfoProto { name: "y".to_owned(), ..graph.value_info.first().cloned().unwrap_or_default() };
    assert!(read(&other).is_ok(), "an output without a type has that of the nodes");
    let mut other = of_type(sum(DType::F16, 17), half);
    let graph = other.graph.as_mut().expect("a graph");
    let single = of_type(sum(DType::F32, 17), data_type::FLOAT).graph.expect("a graph").output[0].clone();
    graph.output[0] = single.clone();
    assert_invalid(&other, "is declared as float, but the nodes make float16");
    let chain = vec![node("Add", &["x", "c"], "h", vec![]), node("Relu", &["h"], "y", vec![])];
    let mut inner = of_type(model(17, &[-1, 4], &[("c", constant(DType::F16))], chain), half);
    let graph = inner.graph.as_mut().expect("a graph");
    graph.value_info.push(ValueInfoProto { name: "h".to_owned(), ..graph.input[0].clone() });
    assert!(read(&inner).is_ok());
    let graph = inner.graph.as_mut().expect("a graph");
    graph.value_info[0] = ValueInfoProto { name: "h".to_owned(), ..single };
    assert_invalid(&inner, "`h`: is declared as float, but the nodes make float16");
}

#[test]
fn constants_hold_as_many_numbers_as_their_shape() {
    let with = |change: &dyn Fn(&mut crate::proto::TensorProto)| {
        let constant = Tensor::from_slice(&[2], &[f16::ONE, f16::MAX]).expect("two");
        let mut model =
            model(17, &[2], &[("c", constant)], vec![cast("c", "f", 1), node("Add", &["x", "f"], "y", vec![])]);
        change(&mut model.graph.as_mut().expect("a graph").initializer[0]);
        read(&model)
    };
    assert!(with(&|_| {}).is_ok());
    for bits in [[0x3C00, 0x1_0000], [-1, 0]] {
        assert!(with(&|tensor| (tensor.raw_data, tensor.int32_data) = (vec![], bits.to_vec())).is_err());
    }
    assert!(with(&|tensor| tensor.raw_data = vec![0; 3]).is_err());
    assert!(with(&|tensor| tensor.int32_data = vec![0; 2]).is_err(), "data twice");
    assert!(with(&|tensor| tensor.data_type = data_type::DOUBLE).is_err());
    let double = |numbers: &[f64]| {
        with(&|tensor| {
            (tensor.data_type, tensor.raw_data, tensor.double_data) = (data_type::DOUBLE, vec![], numbers.to_vec());
        })
    };
    assert!(double(&[1.0, 2.0]).is_ok());
    assert!(double(&[1.0]).is_err() && double(&[1.0; 3]).is_err());
}

proptest! {
    #[test]
    fn no_damage_panics(at in 0_usize..2000, bytes in proptest::collection::vec(any::<u8>(), 1..12)) {
        let nodes = vec![
            cast("x", "f", 1),
            node("Identity", &["c"], "same", vec![]),
            node("Add", &["x", "c"], "h", vec![]),
            cast("h", "y", 10),
            cast("f", "n", 7),
        ];
        let constant = Tensor::from_slice(&[4], &[f16::ONE; 4]).expect("four");
        let mut model = of_type(model(17, &[2, 4], &[("c", constant)], nodes), data_type::FLOAT16);
        let graph = model.graph.as_mut().expect("a graph");
        graph.output.extend(["same", "n"].map(|name| ValueInfoProto { name: name.to_owned(), ..Default::default() }));
        prop_assert!(read(&model).is_ok());
        let mut file = model.encode_to_vec();
        let at = at % file.len();
        let end = file.len().min(at + bytes.len());
        file[at..end].copy_from_slice(&bytes[..end - at]);
        let _ = import(&file, &Limits::default());
    }
}

//! What a caller gives and gets: the names and types of the file.

use fourfold_tensor::{DType, Tensor};
use prost::Message;

use super::{floats, int, model, node, read};
use crate::export;
use crate::proto::{AttributeProto, ModelProto, NodeProto, ValueInfoProto, attribute_type};

/// A model with these outputs.
fn with_outputs(nodes: Vec<NodeProto>, initializers: &[(&str, Tensor)], outputs: &[&str]) -> ModelProto {
    let mut model = model(17, &[-1, 4], initializers, nodes);
    let info = |name: &&str| ValueInfoProto { name: (*name).to_owned(), ..ValueInfoProto::default() };
    model.graph.as_mut().expect("a graph").output = outputs.iter().map(info).collect();
    model
}

/// The names and types of the outputs, of the graph and of what is written of it.
fn outputs(model: &ModelProto) -> Vec<(String, DType)> {
    let graph = read(model).expect("valid");
    let list = |graph: &fourfold_graph::Graph| {
        let value = |&id| (graph.value(id).name().to_owned(), graph.value(id).ty().dtype());
        graph.outputs().iter().map(value).collect::<Vec<_>>()
    };
    let written = ModelProto::decode(&*export(&graph).expect("has a form")).expect("a model");
    assert_eq!(list(&read(&written).expect("valid")), list(&graph));
    list(&graph)
}

fn named(names: &[(&str, DType)]) -> Vec<(String, DType)> {
    names.iter().map(|(name, dtype)| ((*name).to_owned(), *dtype)).collect()
}

#[test]
fn an_output_that_is_a_constant_or_an_input_keeps_its_name() {
    let weights = [("w", floats(&[4, 3])), ("b", floats(&[3]))];
    let layer = || vec![node("Gemm", &["x", "w", "b"], "y", vec![])];
    let found = outputs(&with_outputs(layer(), &weights, &["w", "y", "x", "b"]));
    assert_eq!(found, named(&[("w", DType::F32), ("y", DType::F32), ("x", DType::F32), ("b", DType::F32)]));
    let folded = vec![
        node("Add", &["b", "b"], "sum", vec![]),
        node("Identity", &["sum"], "same", vec![]),
        node("Shape", &["w"], "shape", vec![]),
        node("Gemm", &["x", "w", "sum"], "y", vec![]),
    ];
    let found = outputs(&with_outputs(folded, &weights, &["y", "same", "sum", "shape"]));
    let real = DType::F32;
    assert_eq!(found, named(&[("y", real), ("same", real), ("sum", real), ("shape", DType::I64)]));
    let twice = vec![node("Relu", &["x"], "h", vec![]), node("Identity", &["h"], "again", vec![])];
    assert_eq!(outputs(&with_outputs(twice, &[], &["h", "again"])), named(&[("h", real), ("again", real)]));
}

#[test]
fn outputs_have_the_types_of_the_file() {
    let types = [(1, DType::F32), (2, DType::U8), (3, DType::I8), (6, DType::I32), (7, DType::I64), (9, DType::Bool)];
    let cast = |to: i64| node("Cast", &["x"], &format!("y{to}"), vec![int("to", to)]);
    let names: Vec<String> = types.iter().map(|(to, _)| format!("y{to}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let nodes = types.iter().map(|(to, _)| cast(*to)).collect();
    let found = outputs(&with_outputs(nodes, &[], &names));
    assert_eq!(found.iter().map(|(_, dtype)| *dtype).collect::<Vec<_>>(), types.map(|(_, dtype)| dtype));
}

#[test]
fn an_exponent_of_more_axes_gives_the_result_them() {
    let exponent = |number: f32| Tensor::from_slice(&[1, 1, 1], &[number]).expect("one");
    for number in [0.5, 1.0, 2.0, 3.0, 2.5] {
        let pow = node("Pow", &["x", "e"], "y", vec![]);
        let graph = read(&model(17, &[-1, 4], &[("e", exponent(number))], vec![pow])).expect("valid");
        assert_eq!(graph.value(graph.outputs()[0]).ty().to_string(), "f32[1, n, 4]", "{number}");
    }
}

#[test]
fn remainders_of_sizes_are_those_of_integers() {
    let number = |name: &'static str, number: i64| (name, Tensor::from_slice(&[1], &[number]).expect("one"));
    let fmod =
        |i| AttributeProto { name: "fmod".to_owned(), r#type: attribute_type::INT, i, ..AttributeProto::default() };
    for (flag, expected) in [(0, -2), (1, 1)] {
        let nodes = vec![node("Mod", &["a", "b"], "y", vec![fmod(flag)])];
        let constants = [number("a", 7), number("b", -3)];
        let graph = read(&model(17, &[-1, 4], &constants, nodes)).expect("valid");
        let constant = graph.value(graph.outputs()[0]).constant().expect("folded");
        assert_eq!(constant.as_slice::<i64>(), Ok(&[expected][..]));
    }
}

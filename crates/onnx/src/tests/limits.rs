//! Small files that ask for much, and files that are damaged in ways that only show when names and versions are
//! compared.

use fourfold_graph::ErrorKind;
use fourfold_graph::{Graph, Limits};
use fourfold_tensor::{DType, Tensor};
use prost::Message;

use super::{all_needed, float, floats, int, ints, model, node, read};
use crate::proto::{ModelProto, NodeProto, Skipped, StringStringEntryProto};
use crate::{Error, import};

fn relu(input: &str, output: &str) -> NodeProto {
    node("Relu", &[input], output, vec![])
}

fn of_nodes(nodes: Vec<NodeProto>) -> ModelProto {
    model(17, &[-1, 4], &[("w", floats(&[4, 4])), ("b", floats(&[4]))], nodes)
}

fn bytes_of_constants(graph: &Graph) -> usize {
    graph.values().iter().filter_map(|value| value.constant()).map(|constant| constant.bytes().len()).sum()
}

#[test]
fn a_window_over_nothing_is_refused() {
    let empty = Tensor::zeros(DType::F32, &[1, 1, 0, 0]).expect("empty");
    let attributes = vec![ints("kernel_shape", &[2, 2]), ints("pads", &[0, 0, 2, 2]), int("ceil_mode", 1)];
    let nodes = vec![node("MaxPool", &["e"], "p", attributes), relu("x", "y")];
    assert!(read(&all_needed(model(17, &[-1, 4], &[("e", empty)], nodes))).is_err());
}

#[test]
fn versions_of_the_format_are_checked() {
    let mut model = of_nodes(vec![relu("x", "y")]);
    assert!(read(&model).is_ok());
    for (version, is_unsupported) in [(0, false), (-1, false), (i64::MIN, false), (1_000_000_000, true)] {
        model.ir_version = version;
        assert_eq!(
            read(&model).map_err(|error| error.kind() == ErrorKind::Unsupported).err(),
            Some(is_unsupported),
            "{version}"
        );
    }
}

#[test]
fn sparse_tensors_are_not_passed_over() {
    let mut model = of_nodes(vec![relu("x", "y")]);
    model.graph.as_mut().expect("a graph").sparse_initializer.push(Skipped {});
    assert!(read(&model).is_err_and(|error| error.kind() == ErrorKind::Unsupported));
}

#[test]
fn metadata_are_counted_before_they_are_read() {
    let mut model = of_nodes(vec![relu("x", "y")]);
    let limits = Limits { nodes: 2, ..Limits::default() };
    for (count, is_allowed) in [(47, true), (48, false)] {
        let node = &mut model.graph.as_mut().expect("a graph").node[0];
        node.metadata_props = vec![StringStringEntryProto::default(); count];
        assert_eq!(import(&model.encode_to_vec(), &limits).is_ok(), is_allowed, "{count}");
    }
}

#[test]
fn joined_files_are_refused_whatever_they_hold() {
    let one = of_nodes(vec![relu("x", "y")]);
    let mut other = of_nodes(vec![relu("z", "q")]);
    let graph = other.graph.as_mut().expect("a graph");
    graph.input.clear();
    graph.initializer.clear();
    graph.node[0].input[0] = "y".to_owned();
    graph.output[0].name = "q".to_owned();
    let bytes = [one.encode_to_vec(), other.encode_to_vec()].concat();
    assert!(matches!(import(&bytes, &Limits::default()), Err(Error::Corrupt { .. })));
}

#[test]
fn a_name_is_made_once_even_inside_of_what_is_joined() {
    let nodes = vec![
        node("MatMul", &["x", "w"], "t", vec![]),
        node("Add", &["t", "b"], "u", vec![]),
        relu("u", "t"),
        relu("u", "y"),
    ];
    assert!(read(&of_nodes(nodes)).is_err(), "t is made by MatMul and by Relu");
    let mut model = of_nodes(vec![relu("x", "y")]);
    model.graph.as_mut().expect("a graph").initializer[0].name.clear();
    assert!(read(&model).is_err(), "an initializer without a name");
}

#[test]
fn a_shared_weight_is_turned_once() {
    let name = |index: usize| if index == 500 { "y".to_owned() } else { format!("h{index}") };
    let mut nodes = vec![node("MatMul", &["x", "w"], &name(0), vec![])];
    nodes.extend((1..=500).map(|index| node("MatMul", &[&name(index - 1), "w"], &name(index), vec![])));
    let graph = read(&of_nodes(nodes)).expect("a chain of products");
    assert_eq!(bytes_of_constants(&graph), 64, "one weight of sixteen numbers");
}

#[test]
fn constants_that_a_file_does_not_hold_are_limited() {
    let gemm = |index: u16| {
        let output = if index == 9 { "y".to_owned() } else { format!("h{index}") };
        node("Gemm", &["x", "w"], &output, vec![float("alpha", 1.5 + f32::from(index))])
    };
    let bytes = all_needed(of_nodes((0..10).map(gemm).collect())).encode_to_vec();
    assert!(import(&bytes, &Limits::default()).is_ok());
    let limits = Limits { elements: 100, ..Limits::default() };
    assert!(matches!(import(&bytes, &limits), Err(Error::Limit(limit)) if limit.name == "elements"));
}

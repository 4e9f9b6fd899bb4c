//! Files that are not models, or no longer.

use fourfold_graph::ErrorKind;
use fourfold_graph::Limits;
use proptest::prelude::*;
use prost::Message;

use super::{floats, model, node, read};
use crate::proto::{ModelProto, NodeProto, TensorProto};
use crate::{Error, import};

fn small() -> ModelProto {
    let nodes = vec![node("Gemm", &["x", "w", "b"], "h", vec![]), node("Relu", &["h"], "y", vec![])];
    model(17, &[-1, 4], &[("w", floats(&[4, 3])), ("b", floats(&[3]))], nodes)
}

/// The small model with a change to the first initializer.
fn with_tensor(change: impl FnOnce(&mut TensorProto)) -> Result<(), Error> {
    let mut model = small();
    change(&mut model.graph.as_mut().expect("a graph").initializer[0]);
    read(&model).map(|_| ())
}

fn with_nodes(nodes: Vec<NodeProto>) -> Result<(), Error> {
    let mut model = small();
    model.graph.as_mut().expect("a graph").node = nodes;
    read(&model).map(|_| ())
}

#[test]
fn other_files_are_called_by_their_names() {
    let what = |bytes: &[u8]| match import(bytes, &Limits::default()) {
        Err(Error::NotOnnx { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(what(b""), "an empty file");
    assert_eq!(what(b"  <!DOCTYPE html>"), "an HTML page");
    assert_eq!(what(b"version https://git-lfs.github.com/spec/v1\noid sha256:"), "a Git LFS pointer");
    assert_eq!(what(b"PK\x03\x04"), "a zip archive");
    assert_eq!(what(b"\x1f\x8b\x08"), "a gzip archive");
}

#[test]
fn models_cut_off_anywhere_are_refused() {
    let bytes = small().encode_to_vec();
    assert!(read(&small()).is_ok());
    for length in 0..bytes.len() {
        assert!(import(&bytes[..length], &Limits::default()).is_err(), "{length}");
    }
    assert!(import(&[&bytes[..], &bytes].concat(), &Limits::default()).is_err(), "two models in one file");
}

#[test]
fn tensors_that_lie_are_refused() {
    assert!(with_tensor(|tensor| tensor.raw_data.truncate(47)).is_err());
    assert!(with_tensor(|tensor| tensor.raw_data.push(0)).is_err());
    assert!(with_tensor(|tensor| tensor.float_data.push(1.0)).is_err(), "data twice");
    assert!(with_tensor(|tensor| tensor.dims = vec![-4, 3]).is_err());
    assert!(with_tensor(|tensor| tensor.dims = vec![1 << 62, 1 << 62]).is_err());
    assert!(with_tensor(|tensor| tensor.dims = vec![1; 9]).is_err());
    assert!(with_tensor(|tensor| tensor.data_type = 0).is_err());
    assert!(with_tensor(|tensor| tensor.data_type = 9999).is_err_and(|error| error.kind() == ErrorKind::Unsupported));
    assert!(with_tensor(|tensor| tensor.data_type = 8).is_err_and(|error| error.kind() == ErrorKind::Unsupported));
}

#[test]
fn graphs_that_lie_are_refused() {
    let relu = |input: &str, output: &str| node("Relu", &[input], output, vec![]);
    assert!(with_nodes(vec![relu("y", "h"), relu("h", "y")]).is_err(), "a cycle");
    assert!(with_nodes(vec![relu("y", "y")]).is_err(), "a loop");
    assert!(with_nodes(vec![relu("h", "y"), relu("x", "h")]).is_err(), "used before it is made");
    assert!(with_nodes(vec![relu("x", "y"), relu("x", "y")]).is_err(), "made twice");
    assert!(with_nodes(vec![relu("x", "x"), relu("x", "y")]).is_err(), "hides an input");
    assert!(with_nodes(vec![node("Relu", &[], "y", vec![])]).is_err());
    assert!(with_nodes(vec![node("Relu", &["x", "x"], "y", vec![])]).is_err());
    assert!(with_nodes(vec![node("Relu", &[""], "y", vec![])]).is_err());
    assert!(with_nodes(vec![relu("x", "\u{1b}[2J"), relu("\u{1b}[2J", "y")]).is_err(), "control characters");
    assert!(with_nodes(vec![]).is_err(), "nothing makes the output");
    let mut model = small();
    model.graph = None;
    assert!(read(&model).is_err());
    model.opset_import.clear();
    assert!(read(&model).is_err());
}

#[test]
fn limits_hold_before_anything_is_built() {
    let mut many = small();
    many.graph.as_mut().expect("a graph").node = vec![NodeProto::default(); 200_000];
    assert!(matches!(read(&many), Err(Error::Limit(limit)) if limit.name == "nodes"));
    let small_file = Limits { file_bytes: 10, ..Limits::default() };
    assert!(
        matches!(import(&small().encode_to_vec(), &small_file), Err(Error::Limit(limit)) if limit.name == "file-bytes")
    );
}

proptest! {
    #[test]
    fn no_damage_panics(at in 0_usize..1000, bytes in proptest::collection::vec(any::<u8>(), 1..12)) {
        let mut file = small().encode_to_vec();
        let at = at % file.len();
        let end = file.len().min(at + bytes.len());
        file[at..end].copy_from_slice(&bytes[..end - at]);
        let _ = import(&file, &Limits::default());
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = import(&bytes, &Limits::default());
    }
}

#[test]
fn many_nodes_take_linear_time() {
    // With a search over all nodes, or over all numbers of a name, for each node these would take minutes.
    let (last, count) = ("y".to_owned(), 45_000);
    let name = |index: usize| if index == count { last.clone() } else { format!("a{index}") };
    let input = |index: usize| if index == 0 { "x".to_owned() } else { name(index) };
    let nodes = (0..count).flat_map(|index| {
        let product = format!("p{index}");
        let sum = node("Add", &[&product, "b"], &name(index + 1), vec![]);
        [node("MatMul", &[&input(index), "w"], &product, vec![]), sum]
    });
    let constants = [("w", floats(&[4, 4])), ("b", floats(&[4]))];
    let graph = read(&model(17, &[-1, 4], &constants, nodes.collect())).expect("a long chain");
    assert_eq!(graph.nodes().len(), count);
}

//! A model in the current folder, whose path has no folder; alone in its file, since the current folder is the whole
//! process's.

use fourfold_graph::{Dim, GraphBuilder, Limits, ValueType};
use fourfold_onnx::{Form, export_apart, load};
use fourfold_tensor::Tensor;

#[test]
fn data_lies_beside_a_model_in_the_current_folder() {
    let mut builder = GraphBuilder::new("linear");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 4.into()])).expect("valid");
    let weight = Tensor::from_vec(&[400, 4], (0..1600_u16).map(f32::from).collect::<Vec<f32>>()).expect("as many");
    let y = builder.linear("y", x, weight, None).expect("valid");
    builder.output(y);
    let graph = builder.finish().expect("valid");
    let (model, data) = export_apart(&graph, Form::Qdq, "weights").expect("two files");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("model.onnx"), model).expect("a file");
    std::fs::write(folder.path().join("weights"), data).expect("a file");
    std::env::set_current_dir(folder.path()).expect("a folder");
    let loaded = load("model.onnx", &Limits::default()).expect("two files");
    assert_eq!(loaded.statistics().parameters, 1600);
}

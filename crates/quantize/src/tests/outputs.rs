//! Outputs that are constants.

use fourfold_graph::{Dim, Graph, GraphBuilder, Linear, Op, OpKind, ValueType};
use fourfold_tensor::{DType, Tensor};
use fourfold_testing::noise;

use crate::{QConfig, equalize, fuse, prepare, quantize_dynamic};

/// A layer whose weight the caller gets too.
fn layer() -> Graph {
    let mut builder = GraphBuilder::new("layer");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 4.into()])).expect("an input");
    let weight = builder.constant("prototypes", noise(&[3, 4], 1)).expect("a constant");
    let y = builder.node("y", Op::Linear(Linear::default()), &[x, weight]).expect("a layer");
    let all = [y, weight, x];
    all.into_iter().for_each(|id| builder.output(id));
    builder.finish().expect("a graph")
}

#[test]
fn a_weight_that_is_an_output_keeps_its_name_and_numbers() {
    let float = layer();
    let fused = fuse(&float).expect("a float graph");
    let mut calibration = prepare(&fused, QConfig::fourfold()).expect("a float graph");
    calibration.observe(&[noise(&[5, 4], 2)]).expect("a batch");
    let statically = calibration.convert().expect("calibrated");
    let dynamically = quantize_dynamic(&fused, &[OpKind::Linear], DType::I8).expect("a float graph");
    let equalized = equalize(&fused).expect("a float graph");
    for graph in [&fused, statically.graph(), dynamically.graph(), &equalized] {
        let names: Vec<&str> = graph.outputs().iter().map(|&id| graph.value(id).name()).collect();
        assert_eq!(names, ["y", "prototypes", "x"]);
        let prototypes: Option<&Tensor> = graph.value(graph.outputs()[1]).constant();
        assert_eq!(prototypes, Some(&noise(&[3, 4], 1)));
    }
    assert!(statically.graph().is_quantized() && dynamically.graph().is_quantized());
}

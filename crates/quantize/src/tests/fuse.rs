//! Fusion.

use fourfold_graph::{Activation, Clip, ConvTranspose, Dim, Graph, GraphBuilder, Op, ValueType, Window};
use fourfold_testing::{assert_close, noise};

use super::{batch_norm, conv, images, network, nodes, run_floats};
use crate::{QConfig, fuse, prepare};

#[test]
fn fused_graphs_compute_the_same_with_fewer_nodes() {
    let (graph, fused) = (network(), fuse(&network()).expect("a float graph"));
    assert_eq!(nodes(&fused), ["conv1 Conv", "conv2 Conv", "sum Add", "pool MaxPool", "flat Flatten", "fc Linear"]);
    let activations: Vec<Activation> = fused.nodes().iter().map(|node| node.op().activation()).collect();
    assert_eq!(activations[..3], [Activation::Relu, Activation::None, Activation::Relu]);
    let x = noise(&[3, 2, 6, 6], 7);
    assert_close(&run_floats(&fused, &x), &run_floats(&graph, &x), 1e-4);
}

#[test]
fn clip_is_fused_and_identity_dropped() {
    let mut builder = GraphBuilder::new("clips");
    let x = images(&mut builder);
    let first = conv(&mut builder, "conv", x, 1);
    let same = builder.node("same", Op::Identity, &[first]).expect("valid");
    let clipped = builder.node("clip", Op::Clip(Clip { min: -0.5, max: 0.5 }), &[first]).expect("valid");
    builder.output(clipped);
    builder.output(same);
    let graph = builder.finish().expect("valid");
    // Both the clip and the caller read the convolution: nothing can be folded into it.
    assert_eq!(nodes(&fuse(&graph).expect("float")), ["conv Conv", "same Identity", "clip Clip"]);

    let mut builder = GraphBuilder::new("clip");
    let x = images(&mut builder);
    let first = conv(&mut builder, "conv", x, 1);
    let clipped = builder.node("clip", Op::Clip(Clip { min: -0.5, max: 0.5 }), &[first]).expect("valid");
    builder.output(clipped);
    let graph = builder.finish().expect("valid");
    let fused = fuse(&graph).expect("float");
    assert_eq!(fused.nodes()[0].op().activation(), Activation::Clamp { min: -0.5, max: 0.5 });
    assert_eq!(fused.value(fused.outputs()[0]).name(), "clip");
    let x = noise(&[1, 2, 6, 6], 2);
    assert_eq!(run_floats(&fused, &x), run_floats(&graph, &x));
}

#[test]
fn a_transposed_convolution_takes_in_the_normalization_of_its_channels() {
    for groups in [1, 2] {
        let mut builder = GraphBuilder::new("transposed");
        let x = builder.input("x", ValueType::f32(&[Dim::symbol("batch"), 6.into(), 3.into(), 4.into()]));
        let weight = builder.constant("weight", noise(&[6, 4 / groups, 2, 3], 3)).expect("valid");
        let window = Window::new(&[2, 3]).with_stride(2);
        let op = ConvTranspose { window, output_padding: vec![0; 2], groups, activation: Activation::None };
        let up = builder.node("up", Op::ConvTranspose(op), &[x.expect("valid"), weight]).expect("valid");
        let normal = batch_norm(&mut builder, "bn", up);
        builder.output(normal);
        let graph = builder.finish().expect("valid");
        let fused = fuse(&graph).expect("float");
        assert_eq!(nodes(&fused), ["up ConvTranspose"]);
        let x = noise(&[2, 6, 3, 4], 4);
        assert_close(&run_floats(&fused, &x), &run_floats(&graph, &x), 1e-5);
    }
}

#[test]
fn a_value_that_the_caller_gets_is_kept() {
    let mut builder = GraphBuilder::new("outputs");
    let x = images(&mut builder);
    let first = conv(&mut builder, "conv", x, 1);
    let normal = batch_norm(&mut builder, "bn", first);
    builder.output(first);
    builder.output(normal);
    let graph = builder.finish().expect("valid");
    assert_eq!(nodes(&fuse(&graph).expect("float")), ["conv Conv", "bn BatchNorm"]);
}

/// A linear layer of four outputs over the last axis of `x: [batch, sizes...]`, normalized over its axis 1.
fn normalized_linear(sizes: &[usize]) -> Graph {
    let mut builder = GraphBuilder::new("linear");
    let dims: Vec<Dim> = [Dim::symbol("batch")].into_iter().chain(sizes.iter().map(|&size| size.into())).collect();
    let x = builder.input("x", ValueType::f32(&dims)).expect("a valid input");
    let features = sizes[sizes.len() - 1];
    let fc = builder.linear("fc", x, noise(&[4, features], 1), Some(noise(&[4], 2))).expect("valid");
    let normal = batch_norm(&mut builder, "bn", fc);
    builder.output(normal);
    builder.finish().expect("valid")
}

#[test]
fn a_linear_layer_takes_in_a_normalization_of_its_outputs_only() {
    let graph = normalized_linear(&[5]);
    let fused = fuse(&graph).expect("float");
    assert_eq!(nodes(&fused), ["fc Linear"]);
    let x = noise(&[3, 5], 3);
    assert_close(&run_floats(&fused, &x), &run_floats(&graph, &x), 1e-5);

    // Axis 1 has four elements like the layer's outputs, but the outputs are on axis 2.
    let graph = normalized_linear(&[4, 5]);
    let fused = fuse(&graph).expect("float");
    assert_eq!(nodes(&fused), ["fc Linear", "bn BatchNorm"]);
    let x = noise(&[3, 4, 5], 3);
    assert_close(&run_floats(&fused, &x), &run_floats(&graph, &x), 1e-5);
}

#[test]
fn outputs_keep_their_names() {
    let mut builder = GraphBuilder::new("names");
    let x = images(&mut builder);
    let first = conv(&mut builder, "conv", x, 1);
    let same = builder.node("logits", Op::Identity, &[first]).expect("valid");
    builder.output(first);
    builder.output(same);
    let graph = builder.finish().expect("valid");
    let fused = fuse(&graph).expect("float");
    let names = |graph: &Graph| -> Vec<String> {
        graph.outputs().iter().map(|&id| graph.value(id).name().to_owned()).collect()
    };
    assert_eq!(names(&fused), names(&graph));
    let mut calibration = prepare(&fused, QConfig::fourfold()).expect("float");
    calibration.observe(&[noise(&[2, 2, 6, 6], 5)]).expect("a batch");
    let quantized = calibration.convert().expect("calibrated").into_graph();
    assert_eq!(names(&quantized), names(&graph));
    let x = noise(&[1, 2, 6, 6], 6);
    assert_close(&run_floats(&quantized, &x), &run_floats(&graph, &x), 0.1);
}

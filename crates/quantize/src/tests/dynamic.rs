//! Dynamic quantization.

use fourfold_graph::{Cell, Direction, Graph, GraphBuilder, Linear, Op, OpKind, Recurrent, ValueType};
use fourfold_schemes::DynamicScheme;
use fourfold_tensor::DType;
use fourfold_testing::{assert_close, noise};

use super::{network, run_floats};
use crate::{Decision, Error, QConfig, QConfigMapping, quantize_dynamic, quantize_dynamic_with};

#[test]
fn only_linear_layers_are_quantized() {
    let graph = network();
    let quantized = quantize_dynamic(&graph, &[OpKind::Linear], DType::I8).expect("a Linear");
    let decisions: Vec<(&str, Decision)> =
        quantized.layers().iter().map(|layer| (layer.name.as_str(), layer.decision)).collect();
    assert_eq!(decisions.last(), Some(&("fc", Decision::Dynamic)));
    assert!(decisions[..decisions.len() - 1].iter().all(|(_, decision)| *decision == Decision::Float));
    let x = noise(&[4, 2, 6, 6], 1);
    assert_close(&run_floats(quantized.graph(), &x), &run_floats(&graph, &x), 0.1);
}

#[test]
fn convolutions_are_quantized_where_they_are_named() {
    let all = quantize_dynamic_with(&network(), QConfig::fourfold()).expect("a Linear");
    let of = |quantized: &crate::Quantized| {
        let convolutions = quantized.layers().iter().filter(|layer| layer.operator == OpKind::Conv);
        convolutions.map(|layer| layer.decision).collect::<Vec<_>>()
    };
    assert!(of(&all).iter().all(|decision| *decision == Decision::Float) && !of(&all).is_empty());
    let graph = crate::fuse(&network()).expect("a float graph");
    let named = quantize_dynamic(&graph, &[OpKind::Conv], DType::I8).expect("convolutions");
    assert!(of(&named).iter().all(|decision| *decision == Decision::Dynamic));
    let x = noise(&[4, 2, 6, 6], 1);
    assert_close(&run_floats(named.graph(), &x), &run_floats(&graph, &x), 0.1);
}

#[test]
fn a_row_and_an_image_do_not_depend_on_the_others() {
    let layers = [OpKind::Linear, OpKind::Conv];
    let quantized = quantize_dynamic(&network(), &layers, DType::I8).expect("such layers").into_graph();
    let mut x = noise(&[4, 2, 6, 6], 1);
    // One image of the batch is a hundred times as bright.
    x.as_mut_slice::<f32>().expect("f32")[..72].iter_mut().for_each(|x| *x *= 100.0);
    let together = run_floats(&quantized, &x);
    for image in 0..4 {
        let alone = run_floats(&quantized, &x.rows(image..image + 1).expect("a row"));
        assert_eq!(alone, together[3 * image..3 * (image + 1)], "image {image}");
    }
}

#[test]
fn the_mapping_chooses_layers_and_scheme() {
    let torch = QConfigMapping::new(QConfig::dynamic());
    let quantized = quantize_dynamic_with(&network(), torch).expect("a Linear").into_graph();
    let fc = quantized.nodes().iter().find(|node| node.name() == "fc").expect("kept");
    assert!(matches!(fc.op(), Op::Linear(Linear { dynamic: Some(DynamicScheme::TorchPerTensor), .. })));
    let excluded = QConfigMapping::new(QConfig::fourfold()).set_module_name("fc", None);
    let kept = quantize_dynamic_with(&network(), excluded).expect("nothing to do");
    assert!(!kept.graph().is_quantized());
    assert_eq!(kept.layers().last().map(|layer| layer.reason.as_str()), Some("excluded by name"));
}

#[test]
fn what_has_no_dynamic_form_is_refused() {
    let sum = quantize_dynamic(&network(), &[OpKind::Linear, OpKind::Add], DType::I8);
    assert_eq!(sum, Err(Error::NotDynamic { kind: OpKind::Add, dtype: DType::I8 }));
    let unsigned = quantize_dynamic(&network(), &[OpKind::Linear], DType::U8);
    assert_eq!(unsigned, Err(Error::NotDynamic { kind: OpKind::Linear, dtype: DType::U8 }));
    let once = quantize_dynamic(&network(), &[OpKind::Linear], DType::I8).expect("a Linear").into_graph();
    assert_eq!(quantize_dynamic(&once, &[OpKind::Linear], DType::I8), Err(Error::AlreadyQuantized));
}

/// A GRU in both directions, whose backward weights are a hundred times smaller.
fn recurrent() -> Graph {
    let mut builder = GraphBuilder::new("recurrent");
    let x = builder.input("x", ValueType::f32(&[3.into(), 2.into(), 4.into()])).expect("an input");
    let weight = |columns: usize, seed| {
        let mut weight = noise(&[30, columns], seed);
        let elements = weight.as_mut_slice::<f32>().expect("f32");
        elements[15 * columns..].iter_mut().for_each(|element| *element *= 0.01);
        weight
    };
    let mut operands = vec![x];
    for (name, tensor) in [("w", weight(4, 1)), ("r", weight(5, 2)), ("b", noise(&[2, 30], 3))] {
        operands.push(builder.constant(name, tensor).expect("a constant"));
    }
    let (cell, direction) = (Cell::Gru, Direction::Bidirectional);
    let layer = Recurrent { cell, direction, with_cell_state: false, dynamic: None };
    let y = builder.node("gru", Op::Recurrent(layer), &operands).expect("a layer");
    builder.output(y);
    builder.finish().expect("a valid graph")
}

#[test]
fn recurrent_layers_have_scales_of_their_own_in_each_direction() {
    let graph = recurrent();
    let x = noise(&[3, 2, 4], 9);
    for (qconfig, scales) in [(QConfig::fourfold(), 30), (QConfig::dynamic(), 2)] {
        let quantized = quantize_dynamic_with(&graph, qconfig).expect("a GRU");
        let layer = &quantized.layers()[0];
        assert_eq!((layer.operator, layer.decision, layer.reason.as_str()), (OpKind::Gru, Decision::Dynamic, ""));
        let node = &quantized.graph().nodes()[0];
        for &weight in &node.inputs()[1..3] {
            let ty = quantized.graph().value(weight).ty();
            let mut list: Vec<f32> = ty.params().expect("quantized").scales().iter().map(|scale| scale.get()).collect();
            assert_eq!((ty.dtype(), list.len()), (DType::I8, 30));
            list.dedup();
            assert_eq!(list.len(), scales);
        }
        assert!(matches!(node.op(), Op::Recurrent(op) if op.dynamic == Some(qconfig.dynamic)));
        assert_close(&run_floats(quantized.graph(), &x), &run_floats(&graph, &x), 0.02);
    }
    let only = quantize_dynamic(&graph, &[OpKind::Gru], DType::I8).expect("a GRU");
    assert!(only.graph().is_quantized());
    let other =
        quantize_dynamic(&graph, &[OpKind::Lstm, OpKind::Rnn, OpKind::Linear], DType::I8).expect("nothing to do");
    assert!(!other.graph().is_quantized());
}

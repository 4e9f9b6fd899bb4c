//! Dynamic quantization.

use fourfold_graph::{Linear, Op, OpKind};
use fourfold_schemes::DynamicScheme;
use fourfold_tensor::DType;

use super::{assert_close, network, noise, run};
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
    assert_close(&run(quantized.graph(), &x), &run(&graph, &x), 0.1);
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
    assert_close(&run(named.graph(), &x), &run(&graph, &x), 0.1);
}

#[test]
fn a_row_and_an_image_do_not_depend_on_the_others() {
    let layers = [OpKind::Linear, OpKind::Conv];
    let quantized = quantize_dynamic(&network(), &layers, DType::I8).expect("such layers").into_graph();
    let mut x = noise(&[4, 2, 6, 6], 1);
    // One image of the batch is a hundred times as bright.
    x.as_mut_slice::<f32>().expect("f32")[..72].iter_mut().for_each(|x| *x *= 100.0);
    let together = run(&quantized, &x);
    for image in 0..4 {
        let alone = run(&quantized, &x.rows(image..image + 1).expect("a row"));
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

//! Weights without elements and batches without samples.

use std::sync::Arc;

use fourfold_runtime::{Options, Plan, Session};
use fourfold_tensor::DType;

use super::*;
use crate::{Decision, Error, QConfig, correct_bias, decisions, equalize, fuse, prepare, quantize_dynamic_with};

/// Two convolutions with another between that has no filters, or a linear layer without rows behind.
fn hollow() -> Graph {
    let mut builder = GraphBuilder::new("hollow");
    let x = images(&mut builder);
    let first = conv(&mut builder, "first", x, 1);
    let empty = |shape: &[usize]| Tensor::zeros(DType::F32, shape).expect("empty");
    let window = || Window::new(&[3, 3]).with_padding(1);
    let none = builder.conv("no_filters", first, window(), 1, empty(&[0, 4, 3, 3]), None).expect("valid");
    let last = builder.conv("no_channels", none, window(), 1, empty(&[4, 0, 3, 3]), Some(noise(&[4], 5)));
    let sum = builder.node("sum", Op::Add(Add { activation: Default::default() }), &[first, last.expect("valid")]);
    let flat = builder.node("flat", Op::Flatten(Flatten { axis: 1 }), &[sum.expect("valid")]).expect("valid");
    let y = builder.linear("fc", flat, noise(&[3, 144], 9), None).expect("valid");
    let none = builder.linear("no_rows", flat, empty(&[0, 144]), None).expect("valid");
    builder.output(y);
    builder.output(none);
    builder.finish().expect("valid")
}

#[test]
fn layers_without_elements_stay_float() {
    let graph = fuse(&equalize(&hollow()).expect("nothing to equalize there")).expect("valid");
    let mut calibration = prepare(&graph, QConfig::fourfold()).expect("a calibration");
    assert_eq!(decisions(&graph, QConfig::fourfold()), Ok(calibration.layers()));
    let batch = [noise(&[5, 2, 6, 6], 3)];
    calibration.observe(&batch).expect("finite");
    let quantized = calibration.convert().expect("converts");
    for layer in quantized.layers().iter().filter(|layer| layer.name.starts_with("no_")) {
        assert_eq!(layer.decision, Decision::Float, "{layer:?}");
        assert!(layer.reason.contains("no elements"), "{layer:?}");
    }
    let quantized = correct_bias(&graph, &quantized, &[batch.to_vec()]).expect("corrected");
    let dynamic = quantize_dynamic_with(&graph, QConfig::dynamic()).expect("converts");
    for graph in [quantized.graph(), dynamic.graph()] {
        let plan = Plan::compile(graph, &Options::default()).expect("a plan");
        let mut session = Session::new(Arc::new(plan));
        for samples in [5, 0] {
            let outputs = session.run(&[noise(&[samples, 2, 6, 6], 3)]).expect("a run");
            assert_eq!((outputs[0].shape(), outputs[1].shape()), (&[samples, 3][..], &[samples, 0][..]));
        }
    }
}

#[test]
fn a_batch_without_samples_is_refused() {
    let mut calibration = prepare(&network(), QConfig::fourfold()).expect("a calibration");
    assert_eq!(calibration.observe(&[noise(&[0, 2, 6, 6], 1)]), Err(Error::NoSamples));
    assert_eq!(calibration.batches(), 0);
    assert!(matches!(calibration.convert(), Err(Error::NotCalibrated)));
}

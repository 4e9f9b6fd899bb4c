//! Static quantization.

use fourfold_graph::{Dim, Graph, GraphBuilder, Op, OpKind, Softmax, ValueType};
use fourfold_observers::ObserverKind;
use fourfold_tensor::Tensor;
use fourfold_testing::{assert_close, noise};
use proptest::prelude::*;

use super::{conv, images, network, nodes, run_floats};
use crate::{Comparison, Decision, Error, QConfig, QConfigMapping, Quantized, fuse, prepare};

fn quantized(graph: &Graph, mapping: impl Into<QConfigMapping>) -> Quantized {
    let mut calibration = prepare(graph, mapping).expect("a float graph");
    for seed in 0..4 {
        calibration.observe(&[noise(&[3, 2, 6, 6], seed)]).expect("a batch");
    }
    assert_eq!(calibration.batches(), 4);
    calibration.convert().expect("calibrated")
}

fn fused() -> Graph {
    fuse(&network()).expect("a float graph")
}

#[test]
fn everything_becomes_codes_between_one_quantize_and_one_dequantize() {
    let result = quantized(&fused(), QConfig::fourfold());
    assert_eq!(
        nodes(result.graph()),
        [
            "x.quantize Quantize",
            "conv1 Conv",
            "conv2 Conv",
            "sum Add",
            "pool MaxPool",
            "flat Flatten",
            "fc Linear",
            "fc.dequantize Dequantize"
        ]
    );
    assert!(result.layers().iter().all(|layer| layer.decision == Decision::Static && layer.reason.is_empty()));
    let x = noise(&[5, 2, 6, 6], 2);
    assert_close(&run_floats(result.graph(), &x), &run_floats(&fused(), &x), 0.2);
    let mut comparison = Comparison::new(&fused(), result.graph()).expect("two graphs");
    comparison.observe(&[x]).expect("a batch");
    for layer in result.layers() {
        let sqnr = comparison.sqnr_db(&layer.value).expect("compared");
        assert!((20.0..80.0).contains(&sqnr), "{}: {sqnr} dB", layer.name);
    }
    assert_eq!(comparison.sqnr_db("nothing"), None);
}

#[test]
fn converting_without_calibration_is_an_error() {
    let calibration = prepare(&fused(), QConfig::fourfold()).expect("a float graph");
    assert_eq!(calibration.convert(), Err(Error::NotCalibrated));
    assert!(matches!(
        prepare(quantized(&fused(), QConfig::fourfold()).graph(), QConfig::fourfold()),
        Err(Error::AlreadyQuantized)
    ));
}

#[test]
fn the_most_specific_rule_counts() {
    let decisions = |mapping: QConfigMapping| -> Vec<&'static str> {
        let layers = prepare(&fused(), mapping).expect("a float graph").layers();
        layers.iter().map(|layer| if layer.decision == Decision::Static { "int8" } else { "float" }).collect()
    };
    let all = || QConfigMapping::new(QConfig::fourfold());
    assert_eq!(decisions(all()), ["int8"; 6]);
    assert_eq!(decisions(QConfigMapping::default()), ["float"; 6]);
    assert_eq!(
        decisions(all().set_object_type(OpKind::Conv, None)),
        ["float", "float", "float", "float", "float", "int8"]
    );
    let by_regex =
        all().set_object_type(OpKind::Conv, None).set_module_name_regex("conv", QConfig::fbgemm()).expect("valid");
    assert_eq!(decisions(by_regex), ["int8"; 6], "the name goes before the operator");
    let by_name =
        all().set_module_name_regex("conv", None).expect("valid").set_module_name("conv2", QConfig::fourfold());
    assert_eq!(decisions(by_name), ["float", "int8", "int8", "int8", "int8", "int8"]);
    assert!(matches!(all().set_module_name_regex("(", None), Err(Error::Pattern { .. })));
    let middle = all().set_module_name_regex("onv1", None).expect("valid");
    assert_eq!(decisions(middle), ["int8"; 6], "expressions begin where the name does");
}

#[test]
fn a_node_that_stays_float_has_a_border() {
    let result = quantized(&fused(), QConfigMapping::new(QConfig::fourfold()).set_module_name("conv2", None));
    let around: Vec<String> = nodes(result.graph());
    assert_eq!(
        around[..6],
        [
            "x.quantize Quantize",
            "conv1 Conv",
            "relu1.dequantize Dequantize",
            "conv2 Conv",
            "conv2.quantize Quantize",
            "sum Add"
        ]
    );
    let layer = result.layers().iter().find(|layer| layer.name == "conv2").expect("a layer");
    assert_eq!((layer.decision, layer.reason.as_str()), (Decision::Float, "excluded by name"));
    let x = noise(&[2, 2, 6, 6], 3);
    assert_close(&run_floats(result.graph(), &x), &run_floats(&fused(), &x), 0.2);
}

#[test]
fn stubs_mark_the_border() {
    let mut builder = GraphBuilder::new("stubs");
    let x = images(&mut builder);
    let outside = conv(&mut builder, "outside", x, 1);
    let quant = builder.quant_stub("quant", outside).expect("valid");
    let inside = conv(&mut builder, "inside", quant, 3);
    let dequant = builder.dequant_stub("dequant", inside).expect("valid");
    let after = conv(&mut builder, "after", dequant, 5);
    builder.output(after);
    let graph = builder.finish().expect("valid");
    let result = quantized(&graph, QConfig::fourfold());
    assert_eq!(
        nodes(result.graph()),
        ["outside Conv", "quant Quantize", "inside Conv", "dequant Dequantize", "after Conv"]
    );
    let reasons: Vec<&str> = result.layers().iter().map(|layer| layer.reason.as_str()).collect();
    assert_eq!(reasons, ["outside the stubs", "", "outside the stubs"]);
}

#[test]
fn nan_is_refused_before_anything_is_observed() {
    let mut calibration = prepare(&fused(), QConfig::fourfold()).expect("a float graph");
    let mut batch = noise(&[1, 2, 6, 6], 1);
    batch.as_mut_slice::<f32>().expect("f32")[5] = f32::NAN;
    let error = calibration.observe(&[batch]).expect_err("a NaN");
    assert!(matches!(&error, Error::Observe { value, .. } if value == "x"), "{error}");
    assert_eq!((calibration.batches(), calibration.convert()), (0, Err(Error::NotCalibrated)));
    calibration.observe(&[noise(&[1, 2, 6, 6], 1)]).expect("a batch");
    calibration.convert().expect("calibrated");
}

#[test]
fn configurations_that_no_kernel_follows_are_refused() {
    let mut per_channel = QConfig::fourfold();
    per_channel.activation.observer = ObserverKind::PerChannelMinMax;
    assert!(matches!(prepare(&fused(), per_channel), Err(Error::Config { .. })));
    let mut percentile = QConfig::fourfold();
    percentile.activation.observer = ObserverKind::Percentile { percent: 0.0 };
    assert!(matches!(prepare(&fused(), percentile), Err(Error::Config { part: "activation observer", .. })));
    let mut affine = QConfig::fourfold();
    affine.weight.scheme = affine.activation.scheme;
    assert!(matches!(prepare(&fused(), affine), Err(Error::Config { .. })));
}

#[test]
fn results_with_fixed_ends_have_fixed_parameters() {
    let mut builder = GraphBuilder::new("attention");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 4.into()])).expect("valid");
    let first = builder.linear("first", x, noise(&[4, 4], 1), None).expect("valid");
    let shares = builder.node("shares", Op::Softmax(Softmax { axis: 1 }), &[first]).expect("valid");
    let relu = builder.relu("relu", shares).expect("valid");
    let second = builder.linear("second", shares, noise(&[4, 4], 2), None).expect("valid");
    builder.output(second);
    builder.output(relu);
    let graph = builder.finish().expect("valid");
    for (qconfig, zero_point) in [(QConfig::fbgemm(), 0), (QConfig::symmetric_qnnpack(), -128)] {
        let mut calibration = prepare(&graph, qconfig).expect("a float graph");
        calibration.observe(&[noise(&[8, 4], 3)]).expect("a batch");
        let quantized = calibration.convert().expect("calibrated").into_graph();
        let codes = quantized.values().iter().find(|value| value.name() == "shares.codes").expect("a border");
        let (scale, code) = codes.ty().params().and_then(|params| params.as_per_tensor()).expect("per tensor");
        assert_eq!((scale.get(), code), (1.0 / 256.0, zero_point));
    }
}

#[test]
fn operators_that_move_or_compare_share_the_parameters_of_their_operand() {
    let graph = quantized(&fused(), QConfig::fourfold()).into_graph();
    let params = |name: &str| {
        let value = graph.values().iter().find(|value| value.name() == name).expect("a value");
        value.ty().params().cloned().expect("codes")
    };
    assert_eq!(params("pool"), params("relu2"));
    assert_eq!(params("flat"), params("relu2"));
}

proptest! {
    /// Sums of products and bias fit `i32`: the scale of a weight is enlarged where its bias would be too large.
    #[test]
    fn every_bias_fits(weight in 1e-20_f32..10.0, bias in -1e8_f32..1e8, spread in 1e-3_f32..1e3) {
        let mut builder = GraphBuilder::new("one");
        let ty = fourfold_graph::ValueType::f32(&[fourfold_graph::Dim::symbol("n"), 2.into()]);
        let x = builder.input("x", ty).expect("valid");
        let weight = Tensor::from_vec(&[1, 2], vec![weight, -weight]).expect("two");
        let y = builder.linear("fc", x, weight, Some(Tensor::from_vec(&[1], vec![bias]).expect("one"))).expect("valid");
        builder.output(y);
        let mut calibration = prepare(&builder.finish().expect("valid"), QConfig::fourfold()).expect("float");
        let batch = Tensor::from_vec(&[2, 2], vec![-spread, spread, 0.5 * spread, 0.0]).expect("four");
        calibration.observe(&[batch]).expect("finite");
        let graph = calibration.convert().expect("calibrated").into_graph();
        let fc = graph.nodes().iter().find(|node| node.name() == "fc").expect("a node");
        let constant = |operand: usize| graph.value(fc.inputs()[operand]).constant().expect("a constant");
        let code = constant(2).as_slice::<i32>().expect("i32")[0];
        let weights: i64 = constant(1).as_slice::<i8>().expect("i8").iter().map(|&w| i64::from(w).abs()).sum();
        prop_assert!(i64::from(code).abs() + 255 * weights <= i64::from(i32::MAX), "{code} + 255 * {weights}");
        let scale = graph.value(fc.inputs()[2]).ty().params().expect("quantized").scales()[0].get();
        let error = (f64::from(code) * f64::from(scale) - f64::from(bias)).abs();
        prop_assert!(error <= 1e-6 * f64::from(bias.abs()) + f64::from(scale), "{bias} became {code} * {scale}");
    }
}

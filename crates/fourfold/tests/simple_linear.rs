//! The PyTorch tutorial's model: parameters exactly those of PyTorch 2.15 (fbgemm), results within the tolerances that
//! were stated when the numbers were made: float `relmax:5e-7`, dynamic `relmax:3e-7`, static quantized values within
//! one step.

use std::collections::BTreeMap;
use std::path::Path;

use fourfold::prelude::*;
use fourfold_testing::{assert_close, largest, run};

/// The tensors of PyTorch, by `case/name`.
fn torch() -> BTreeMap<String, Tensor> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/simple_linear.safetensors");
    let bytes = std::fs::read(path).expect("a file of the project");
    safetensors::read(&bytes, &Limits::default()).expect("a valid file")
}

fn model(torch: &BTreeMap<String, Tensor>) -> Graph {
    let mut builder = GraphBuilder::new("SimpleLinear");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("batch"), Dim::from(8)])).expect("a valid input");
    let quant = builder.quant_stub("quant", x).expect("valid");
    let (weight, bias) = (torch["data.model/weight"].clone(), torch["data.model/bias"].clone());
    let linear = builder.linear("linear", quant, weight, Some(bias)).expect("valid");
    let dequant = builder.dequant_stub("dequant", linear).expect("valid");
    builder.output(dequant);
    builder.finish().expect("a valid graph")
}

/// `max |actual - expected| <= tolerance * max |expected|`.
fn assert_relmax(actual: &Tensor, expected: &[f32], tolerance: f32) {
    assert_close(actual.as_slice().expect("f32"), expected, tolerance * largest(expected));
}

fn floats<'t>(torch: &'t BTreeMap<String, Tensor>, name: &str) -> &'t [f32] {
    torch[name].as_slice().expect("f32")
}

/// The weight of the quantized graph, and its scales.
fn weight(graph: &Graph) -> (Vec<i8>, Vec<f32>) {
    let values = graph.values().iter();
    let weight = values
        .filter(|value| value.ty().dtype() == DType::I8)
        .find_map(|value| value.constant().zip(value.ty().params()));
    let (codes, params) = weight.expect("a weight of codes");
    let scales = params.scales().iter().map(|scale| scale.get()).collect();
    (codes.as_slice::<i8>().expect("i8").to_vec(), scales)
}

#[test]
fn the_float_model_agrees() {
    let torch = torch();
    let y = run(&model(&torch), std::slice::from_ref(&torch["data.model/x"])).remove(0);
    assert_relmax(&y, floats(&torch, "float/y"), 5e-7);
}

#[test]
fn dynamic_quantization_agrees() {
    let torch = torch();
    let mapping = QConfigMapping::default().set_object_type(OpKind::Linear, QConfig::dynamic());
    let quantized = fourfold::quantize::quantize_dynamic_with(&model(&torch), mapping).expect("a Linear");
    let (codes, scales) = weight(quantized.graph());
    assert_eq!(codes, torch["dynamic/w_q"].as_slice::<i8>().expect("i8"));
    assert_eq!(scales, floats(&torch, "dynamic/w_scale"));
    let y = run(quantized.graph(), std::slice::from_ref(&torch["data.model/x"])).remove(0);
    assert_relmax(&y, floats(&torch, "dynamic/y"), 3e-7);
}

#[test]
fn static_quantization_agrees() {
    let torch = torch();
    for (case, qconfig) in [("static_fbgemm", QConfig::fbgemm()), ("static_minmax", QConfig::torch_default())] {
        let mut calibration = prepare(&model(&torch), qconfig).expect("a float model");
        for index in 0..8 {
            calibration.observe(&[torch[&format!("data.calibration/x{index}")].clone()]).expect("a batch");
        }
        let quantized = calibration.convert().expect("calibrated");
        let graph = quantized.graph();
        let (codes, scales) = weight(graph);
        assert_eq!(codes, torch[&format!("{case}/w_q")].as_slice::<i8>().expect("i8"), "{case}");
        assert_eq!(scales, floats(&torch, &format!("{case}/w_scale")), "{case}");

        let params = |node: &str| {
            let node = graph.nodes().iter().find(|found| found.name() == node).expect("a node");
            graph.value(node.output()).ty().params().and_then(|params| params.as_per_tensor()).expect("codes")
        };
        let (x_scale, x_zero_point) = params("quant");
        assert_eq!(x_scale.get(), floats(&torch, &format!("{case}/x_scale"))[0], "{case}");
        assert_eq!(x_zero_point, torch[&format!("{case}/x_zero_point")].as_slice::<i32>().expect("i32")[0], "{case}");
        // PyTorch multiplies by the reciprocal of the scale; fourfold divides, as equation (2) says.
        let quant = graph.nodes().iter().find(|found| found.name() == "quant").expect("a node").output();
        let of_input = graph.value(quant).ty().params().expect("codes");
        let codes = fourfold::schemes::quantize_by_reciprocal(&torch["data.model/x"], of_input).expect("f32");
        assert!(codes == torch[&format!("{case}/x_q")], "{case}");

        let (y_scale, y_zero_point) = params("linear");
        let expected = floats(&torch, &format!("{case}/y_scale"))[0];
        assert!((y_scale.get() / expected - 1.0).abs() <= 1e-6, "{case}: {y_scale} is not {expected}");
        assert_eq!(y_zero_point, torch[&format!("{case}/y_zero_point")].as_slice::<i32>().expect("i32")[0], "{case}");

        // PyTorch's bias is a float, ours an i32: quantized values may differ by one step.
        let y = run(graph, std::slice::from_ref(&torch["data.model/x"])).remove(0);
        let expected = torch[&format!("{case}/y_q")].as_slice::<u8>().expect("u8");
        for (y, &expected) in y.as_slice::<f32>().expect("f32").iter().zip(expected) {
            let code = (y / y_scale.get()).round() + y_zero_point as f32;
            assert!((code - f32::from(expected)).abs() <= 1.0, "{case}: {code} is not {expected}");
        }
        assert_relmax(&y, floats(&torch, &format!("{case}/y")), 2e-2);
    }
}

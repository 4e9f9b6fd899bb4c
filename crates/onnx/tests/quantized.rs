//! Quantized models imported, run and written again, against what ONNX Runtime computes.

mod cases;

use cases::{Case, cases};
use fourfold_graph::{Graph, Limits, Op};
use fourfold_onnx::{Form, export_as, import};
use fourfold_tensor::{DType, Tensor};
use fourfold_testing::{is_close, run};

fn imported(name: &str, case: &Case) -> Graph {
    import(&case.model, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Whether results are those of ONNX Runtime: quantized values, also dequantized, exactly, dynamically quantized sums
/// but for the roundings.
fn is_same(name: &str, found: &Tensor, expected: &Tensor) -> bool {
    match (found.as_slice::<f32>(), expected.as_slice::<f32>()) {
        (Ok(a), Ok(b)) if name.contains("integer") => found.shape() == expected.shape() && is_close(a, b, 1e-6, 1e-5),
        _ => found == expected,
    }
}

#[test]
fn quantized_models_compute_what_onnx_runtime_computes() {
    let cases = cases("quantized");
    for (name, case) in &cases {
        let found = run(&imported(name, case), &case.inputs);
        assert_eq!(found.len(), case.outputs.len(), "{name}");
        for (found, expected) in found.iter().zip(&case.outputs) {
            assert!(is_same(name, found, expected), "{name}: {found:?} instead of {expected:?}");
        }
    }
}

#[test]
fn what_was_exported_computes_the_same_bits() {
    for (name, case) in &cases("quantized") {
        let graph = imported(name, case);
        for form in [Form::Qdq, Form::QOperator] {
            let bytes = export_as(&graph, form).unwrap_or_else(|error| panic!("{name} {form:?}: {error}"));
            let back = import(&bytes, &Limits::default()).unwrap_or_else(|error| panic!("{name} {form:?}: {error}"));
            assert_eq!(run(&back, &case.inputs), run(&graph, &case.inputs), "{name} {form:?}");
        }
    }
}

#[test]
fn layers_are_on_codes() {
    for (name, case) in &cases("quantized") {
        let graph = imported(name, case);
        let layers = graph
            .nodes()
            .iter()
            .filter(|node| matches!(node.op(), Op::Conv(_) | Op::ConvTranspose(_) | Op::Linear(_) | Op::MatMul));
        for layer in layers {
            let weight = graph.value(layer.inputs()[1]).ty();
            assert_ne!(weight.dtype(), DType::F32, "{name}");
            let is_own = name.starts_with("unsigned") || *name == "conv_transpose_unsigned";
            assert_eq!(weight.dtype() == DType::U8, is_own, "{name}: a weight of {weight}");
        }
    }
}

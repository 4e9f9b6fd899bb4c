//! Models of integers and of quantized values of 2 to 16 bits imported, run and written again, against what ONNX
//! Runtime and the reference evaluator of onnx compute.

mod cases;

use cases::{Case, cases};
use fourfold_graph::{Graph, Limits, Op};
use fourfold_onnx::{Form, export_as, import};
use fourfold_tensor::{DType, Tensor};
use fourfold_testing::{is_close, run};

fn imported(name: &str, case: &Case) -> Graph {
    import(&case.model, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The tolerance of floats: sums are taken in another order, and then rounded to quantized values of 16
/// bits.
fn tolerance(name: &str) -> f32 {
    match name {
        "network_of_16_bits" => 2.1e-4,
        _ if name.ends_with("blocks") || name.ends_with("blocks_last") => 1e-4,
        _ => 0.0,
    }
}

fn is_same(name: &str, found: &Tensor, expected: &Tensor) -> bool {
    let tolerance = tolerance(name);
    match (found.as_slice::<f32>(), expected.as_slice::<f32>()) {
        (Ok(a), Ok(b)) => found.shape() == expected.shape() && is_close(a, b, tolerance, tolerance),
        _ => found == expected,
    }
}

#[test]
fn what_others_compute_is_computed() {
    let cases = cases("codes");
    assert!(cases.len() > 150, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for (name, case) in &cases {
        let graph = match import(&case.model, &Limits::default()) {
            Ok(graph) => graph,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let found = run(&graph, &case.inputs);
        if !is_same(name, &found[0], &case.outputs[0]) {
            wrong.push(format!("{name}: {:?} instead of {:?}", found[0], case.outputs[0]));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_was_exported_computes_the_same_bits() {
    let mut wrong = Vec::new();
    for (name, case) in &cases("codes") {
        let graph = imported(name, case);
        let expected = run(&graph, &case.inputs);
        for form in [Form::Qdq, Form::QOperator] {
            let back = export_as(&graph, form).and_then(|bytes| import(&bytes, &Limits::default()));
            // Blocks of 16 bits with zero points of their own reach further than quantized values of 16 bits do.
            if name.starts_with("activation_blocks") && name.ends_with("int16") {
                let error = back.expect_err("no form").to_string();
                assert!(error.contains("more than 16 bits"), "{name}: {error}");
                continue;
            }
            match back.map(|back| run(&back, &case.inputs)) {
                Ok(found) if found == expected => {}
                Ok(found) => wrong.push(format!("{name} {form:?}: {found:?} instead of {expected:?}")),
                Err(error) => wrong.push(format!("{name} {form:?}: {error}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_can_run_in_integers_does() {
    for (name, case) in &cases("codes") {
        let graph = imported(name, case);
        for node in graph.nodes() {
            let operand = |index: usize| graph.value(node.inputs()[index]).ty();
            match node.op() {
                Op::Linear(_) | Op::Conv(_) if !name.contains("blocks") && *name != "network_of_16_bits" => {
                    assert_ne!(operand(1).dtype(), DType::F32, "{name}: a weight of {}", operand(1));
                }
                Op::MatMul => assert!(operand(0).is_quantized() && operand(1).is_quantized(), "{name}"),
                // A table of 8 bits stays one.
                Op::Gather(_) if name.starts_with("table") => assert_ne!(operand(0).dtype(), DType::F32, "{name}"),
                _ => {}
            }
        }
    }
}

#[test]
fn damage_does_not_panic() {
    for case in cases("codes").values() {
        for index in (0..case.model.len()).step_by(5) {
            for change in [1, 0x80, 0xff] {
                let mut damaged = case.model.clone();
                damaged[index] ^= change;
                let graph = import(&damaged, &Limits::default());
                let _ = graph.map(|graph| export_as(&graph, Form::QOperator));
            }
        }
    }
}

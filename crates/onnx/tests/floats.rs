//! Models of `float16`, `bfloat16` and `float64`, imported and run, against what ONNX Runtime computes for the same
//! models widened, rounded to the types of their outputs.

mod cases;

use cases::cases;
use fourfold_graph::{Graph, Limits, Node, Op, OpKind};
use fourfold_onnx::{Form, export_as, import};
use fourfold_tensor::{DType, Tensor};
use fourfold_testing::run;

/// Cases that are written with other operators, or with their constants in another order.
const OTHERWISE: [&str; 6] = ["codes", "constants", "inside", "near_lstm", "near_norm_", "own_exact"];

/// The names and types of inputs and outputs.
fn border(graph: &Graph) -> Vec<(String, DType)> {
    let all = graph.inputs().iter().chain(graph.outputs()).map(|&id| graph.value(id));
    all.map(|value| (value.name().to_owned(), value.ty().dtype())).collect()
}

/// The names of the nodes that convert.
fn conversions(graph: &Graph) -> Vec<&str> {
    graph.nodes().iter().filter(|node| matches!(node.op(), Op::Cast(_))).map(Node::name).collect()
}

/// Whether numbers are those expected, or as near as functions in another order are: one unit in the last place of the
/// type, a part in a million of what is computed in `f32`.
fn is_near(found: &Tensor, expected: &Tensor) -> bool {
    let unit = match expected.dtype() {
        DType::F16 => 2_f64.powi(-10),
        DType::BF16 => 2_f64.powi(-7),
        _ => 2e-6,
    };
    let wide = |tensor: &Tensor| tensor.to_float(DType::F64).expect("floats");
    let (found, expected) = (wide(found), wide(expected));
    let (found, expected) = (found.as_slice::<f64>().expect("f64"), expected.as_slice::<f64>().expect("f64"));
    found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= unit * b.abs().max(0.1))
}

#[test]
fn codes_with_scales_of_sixteen_bits_are_codes() {
    let cases = cases("floats");
    for (name, last) in [
        ("codes_f16", OpKind::Linear),
        ("codes_bf16", OpKind::Linear),
        ("codes_between_f16", OpKind::Relu),
        ("codes_23", OpKind::Relu),
    ] {
        let graph = import(&cases[name].model, &Limits::default()).expect("a case of the other test");
        let is_code = |node: &&Node| graph.value(node.output()).ty().params().is_some();
        let on_codes: Vec<_> = graph.nodes().iter().filter(is_code).map(|node| node.op().kind()).collect();
        assert_eq!(on_codes, [OpKind::Quantize, last], "{name}");
    }
}

#[test]
fn models_compute_in_single_precision_and_keep_the_types_of_their_border() {
    let cases = cases("floats");
    assert!(cases.len() > 100, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for (name, case) in cases {
        let graph = match import(&case.model, &Limits::default()) {
            Ok(graph) => graph,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let is_right = |found: &Tensor, expected: &Tensor| {
            found == expected
                || name.starts_with("near") && found.dtype() == expected.dtype() && is_near(found, expected)
        };
        let results = run(&graph, &case.inputs);
        for (found, expected) in
            results.iter().zip(&case.outputs).filter(|(found, expected)| !is_right(found, expected))
        {
            wrong.push(format!(
                "{name}: {found:?} {:x?} instead of {expected:?} {:x?}",
                found.bytes(),
                expected.bytes()
            ));
        }
        for form in [Form::Qdq, Form::QOperator] {
            let written = export_as(&graph, form).unwrap_or_else(|error| panic!("{name}: {error}"));
            let back = import(&written, &Limits::default()).unwrap_or_else(|error| panic!("{name} {form:?}: {error}"));
            assert_eq!(border(&back), border(&graph), "{name} {form:?}");
            assert!(back == graph || OTHERWISE.iter().any(|begin| name.starts_with(begin)), "{name} {form:?}");
            assert_eq!(conversions(&back), conversions(&graph), "{name} {form:?}");
            let again = run(&back, &case.inputs);
            assert!(again.iter().zip(&results).all(|(again, first)| is_right(again, first)), "{name} {form:?}");
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

//! Functions and movements in the forms in which exporters write them: what they become, and what they compute, against
//! ONNX Runtime.

mod cases;

use cases::{Case, cases};
use fourfold_graph::{Graph, Limits};
use fourfold_onnx::{export, import};
use fourfold_testing::{is_close, run};

fn imported(name: &str, case: &Case) -> Graph {
    import(&case.model, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The operators of a graph, with a `q` for those that make quantized values of such.
fn kinds(graph: &Graph) -> String {
    let is_quantized = |id| graph.value(id).ty().params().is_some();
    let kind = |node: &fourfold_graph::Node| {
        let q = if is_quantized(node.output()) && is_quantized(node.inputs()[0]) { "q" } else { "" };
        format!("{}{q}", node.op().kind())
    };
    graph.nodes().iter().map(kind).collect::<Vec<_>>().join("_")
}

#[test]
fn every_form_becomes_the_same_operators_with_the_results_of_onnx_runtime() {
    for (name, case) in &cases("forms") {
        let graph = imported(name, case);
        let expected = name.split('.').next().expect("the operators");
        assert_eq!(kinds(&graph).replace("Cast_", "").replace("_Cast", ""), expected, "{name}");
        let (found, expected) = (&run(&graph, &case.inputs)[0], &case.outputs[0]);
        assert_eq!((found.dtype(), found.shape()), (expected.dtype(), expected.shape()), "{name}");
        let [found, expected] = [found, expected].map(|y| y.as_slice::<f32>().expect("f32"));
        assert!(is_close(found, expected, 2e-6, 1e-5), "{name}: {found:?} instead of {expected:?}");
    }
}

#[test]
fn what_was_exported_becomes_the_same_operators() {
    for (name, case) in &cases("forms") {
        let graph = imported(name, case);
        let bytes = export(&graph).unwrap_or_else(|error| panic!("{name}: {error}"));
        let back = import(&bytes, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(kinds(&back), kinds(&graph), "{name}");
        assert_eq!(run(&back, &case.inputs), run(&graph, &case.inputs), "{name}");
    }
}

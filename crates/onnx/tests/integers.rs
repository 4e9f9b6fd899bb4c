//! Integers and bools imported and run, against what ONNX Runtime computes: values, shapes and types.

mod cases;

use cases::cases;
use fourfold_graph::Limits;
use fourfold_onnx::{export, import};
use fourfold_testing::run;

#[test]
fn integers_wrap_at_their_own_width_and_keep_their_type() {
    let cases = cases("integers");
    assert!(cases.len() > 120, "{} cases", cases.len());
    for (name, case) in cases {
        let graph = import(&case.model, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = export(&graph).unwrap_or_else(|error| panic!("{name}: {error}"));
        let back = import(&written, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        for graph in [&graph, &back] {
            let names: Vec<&str> = graph.outputs().iter().map(|&id| graph.value(id).name()).collect();
            assert_eq!(names, ["y", "z"], "{name}");
            for (found, expected) in run(graph, &case.inputs).iter().zip(&case.outputs) {
                assert_eq!(found, expected, "{name}: {:?} instead of {:?}", found.bytes(), expected.bytes());
            }
        }
    }
}

//! Recurrent layers imported and run, against what ONNX Runtime computes.

mod cases;

use cases::cases;
use fourfold_graph::{Limits, Op};
use fourfold_onnx::import;
use fourfold_schemes::DynamicScheme;
use fourfold_testing::{is_close, run};

#[test]
fn recurrent_layers_compute_what_onnx_runtime_computes() {
    let cases = cases("recurrent");
    assert_eq!(cases.len(), 30);
    for (name, case) in cases {
        let graph = import(&case.model, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let dynamic = graph.nodes().iter().find_map(|node| match node.op() {
            Op::Recurrent(layer) => Some(layer.dynamic),
            _ => None,
        });
        let is_dynamic = name.starts_with("lstm_dynamic");
        assert_eq!(dynamic, Some(is_dynamic.then_some(DynamicScheme::OnnxPerTensor)), "{name}");
        let outputs = run(&graph, &case.inputs);
        assert_eq!(outputs.len(), case.outputs.len(), "{name}");
        for (found, expected) in outputs.iter().zip(&case.outputs) {
            assert_eq!(found.shape(), expected.shape(), "{name}");
            let [found, expected] = [found, expected].map(|y| y.as_slice::<f32>().expect("f32"));
            assert!(is_close(found, expected, 1e-6, 0.0), "{name}: {found:?} instead of {expected:?}");
        }
    }
}

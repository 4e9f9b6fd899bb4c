//! Models that PyTorch exported and onnxruntime.quantization quantized, imported and run, against what ONNX Runtime
//! computes.

mod cases;

use cases::{Case, cases};
use fourfold_graph::{Fixed, Gather, Limits, Op};
use fourfold_onnx::{Form, ImportOptions, Imported, Location, Refusal, Resolve, export_as, import, import_with};
use fourfold_tensor::DType;
use fourfold_testing::{is_close, largest, run};

/// No files beside a model.
struct Alone;

impl Resolve for Alone {
    fn read(&self, _: &Location) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::Io("is not there".to_owned()))
    }
}

fn imported(name: &str, case: &Case) -> Imported {
    let (limits, fixed) = (Limits::default(), Fixed::new());
    let options = ImportOptions { limits: &limits, fixed: &fixed, resolver: &Alone };
    import_with(&case.model, &options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn what_onnx_runtime_computes_is_computed() {
    let cases = cases("tools");
    assert!(cases.len() > 35, "{} cases", cases.len());
    for (name, case) in &cases {
        let found = run(&imported(name, case).graph, &case.inputs);
        let [found, expected] = [&found[0], &case.outputs[0]].map(|y| y.as_slice::<f32>().expect("real numbers"));
        // ONNX Runtime's LSTM approximates its functions; a code of 16 bits may be the next one.
        let allowed = match name {
            _ if name.starts_with("recurrent") => 3e-3,
            _ if name.contains("16") => 5e-5 * largest(expected),
            _ => 1e-6,
        };
        assert!(is_close(found, expected, allowed, 0.0), "{name}: {found:?} instead of {expected:?}");
    }
}

#[test]
fn what_was_exported_computes_the_same_bits() {
    for (name, case) in &cases("tools") {
        let graph = imported(name, case).graph;
        for form in [Form::Qdq, Form::QOperator] {
            let bytes = export_as(&graph, form).unwrap_or_else(|error| panic!("{name} {form:?}: {error}"));
            let back = import(&bytes, &Limits::default()).unwrap_or_else(|error| panic!("{name} {form:?}: {error}"));
            assert_eq!(run(&back, &case.inputs), run(&graph, &case.inputs), "{name} {form:?}");
        }
    }
}

#[test]
fn what_runs_as_real_numbers_is_said() {
    for (name, case) in &cases("tools") {
        let Imported { graph, notes, .. } = imported(name, case);
        let said = |words: &str| notes.iter().any(|note| note.contains(words));
        assert_eq!(said("activations of 16 bits"), name.contains("int16_"), "{name}: {notes:?}");
        let is_float = |node: &&fourfold_graph::Node| {
            let layer = matches!(node.op(), Op::Linear(_) | Op::Conv(_) | Op::Recurrent(_));
            layer && graph.value(node.inputs()[1]).ty().dtype() == DType::F32
        };
        let float = graph.nodes().iter().filter(is_float).count();
        let is_lstm = name.starts_with("recurrent");
        assert!(float == 0 || said("activations of 16 bits") || is_lstm && name.contains("static"), "{name}: {float}");
        // The table of words stays one of 8 bits where it was one of them.
        let words = graph.nodes().iter().find(|node| matches!(node.op(), Op::Gather(Gather { axis: 0 })));
        if let Some(words) = words.filter(|_| name.contains("dynamic")) {
            assert_eq!(graph.value(words.inputs()[0]).ty().dtype().size(), 1, "{name}");
        }
    }
}

//! Operators imported and run, against what ONNX Runtime computes.

mod cases;

use cases::cases;
use fourfold_graph::{Graph, Limits};
use fourfold_onnx::{export, import};
use fourfold_runtime::{Options, Plan, Session};
use fourfold_tensor::{DType, Tensor};
use fourfold_testing::is_close;

/// Cases whose results are sums or functions of floats; all others only move or compare elements, and are exact.
const COMPUTED: [&str; 15] = [
    "constant_of_shape",
    "cumsum",
    "cumsum_reverse",
    "einsum_context",
    "einsum_merge",
    "einsum_plain",
    "einsum_scores",
    "folded",
    "gemm_computed",
    "gemm_transposed",
    "instance_norm",
    "log_softmax",
    "log_softmax_11",
    "pow",
    "pow_constant",
];

/// The same, by the beginning of their names.
const FAMILIES: [&str; 6] = ["resize_linear", "dynamic", "free", "matmul", "dequantize", "group_norm"];

/// How two tensors differ, `None` if they are the same or, for computed reals, as near as sums in another order are.
fn difference(found: &Tensor, expected: &Tensor, is_computed: bool) -> Option<String> {
    // The file holds bools as bytes.
    let same_type = found.dtype() == expected.dtype() || (found.dtype(), expected.dtype()) == (DType::Bool, DType::U8);
    if !same_type || found.shape() != expected.shape() {
        let types = [found, expected].map(|tensor| format!("{}{:?}", tensor.dtype(), tensor.shape()));
        return Some(types.join(" instead of "));
    }
    let is_same = match (found.as_slice::<f32>(), expected.as_slice::<f32>()) {
        (Ok(a), Ok(b)) if is_computed => is_close(a, b, 1e-6, 1e-5),
        _ => found.bytes() == expected.bytes(),
    };
    (!is_same).then(|| format!("{found:?} instead of {expected:?}"))
}

fn run(graph: &Graph, inputs: &[Tensor]) -> Result<Vec<Tensor>, fourfold_runtime::Error> {
    let mut session = Session::new(Plan::compile(graph, &Options::default())?.into());
    // The second run works in memory that the first has left behind.
    session.run(inputs)?;
    session.run(inputs).map(<[Tensor]>::to_vec)
}

#[test]
fn operators_compute_what_onnx_runtime_computes() {
    let cases = cases("operators");
    assert!(cases.len() > 90, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for (name, case) in cases {
        let is_computed = COMPUTED.contains(&name.as_str()) || FAMILIES.iter().any(|family| name.starts_with(family));
        let graph = match import(&case.model, &Limits::default()) {
            Ok(graph) => graph,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let run = run(&graph, &case.inputs);
        match run {
            Err(error) => wrong.push(format!("{name}: {error}")),
            Ok(outputs) => {
                let pairs = outputs.iter().zip(&case.outputs);
                wrong.extend(pairs.filter_map(|(a, b)| Some(format!("{name}: {}", difference(a, b, is_computed)?))));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_was_exported_computes_the_same_bits() {
    let mut wrong = Vec::new();
    for (name, case) in cases("operators") {
        let graph = import(&case.model, &Limits::default()).expect("a case of the other test");
        let expected = run(&graph, &case.inputs).expect("a case of the other test");
        let back = match export(&graph).and_then(|bytes| import(&bytes, &Limits::default())) {
            Ok(back) => back,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        match run(&back, &case.inputs) {
            Err(error) => wrong.push(format!("{name}: {error}")),
            Ok(found) => {
                let pairs = found.iter().zip(&expected);
                wrong.extend(pairs.filter_map(|(a, b)| Some(format!("{name}: {}", difference(a, b, false)?))));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn group_normalization_in_steps_is_one_node() {
    let cases = cases("operators");
    for (name, is_one) in [
        ("group_norm_steps", true),
        ("group_norm_steps_plain", true),
        ("group_norm_other", false),
        ("group_norm_other_axis", false),
    ] {
        let graph = import(&cases[name].model, &Limits::default()).expect("a case of the other tests");
        assert_eq!(graph.nodes().len() == 1, is_one, "{name}: {:?}", graph.nodes());
    }
}

//! Every operator is written as ONNX, in both forms, and read again: it gives the same bits, or is listed here with the
//! reason why it does not.

use std::collections::BTreeSet;

use fourfold::graph::OpKind;
use fourfold::kernels::Kernel;
use fourfold::onnx::{Form, export_as, import};
use fourfold::prelude::*;
use fourfold_testing::assert_close;

use crate::case::Known;
use crate::{Built, graphs, run_on};

const ALWAYS: &[Known] = &[Known::All, Known::Constants];

/// Cases that are refused, when they are written or when they are read.
struct Refused {
    kind: OpKind,
    /// What the cases are called.
    case: &'static str,
    /// For which known sizes they are refused.
    known: &'static [Known],
    /// What the message ends with.
    reason: &'static str,
}

const REFUSED: [Refused; 5] = [
    Refused {
        kind: OpKind::Lstm,
        case: "cell states of all steps",
        known: ALWAYS,
        reason: "the cell states of all steps have no ONNX form",
    },
    Refused {
        kind: OpKind::FakeQuantize,
        case: "some values of a type, several scales",
        known: ALWAYS,
        reason: "a range narrower than the type, with several scales, has no ONNX form",
    },
    Refused { kind: OpKind::Mod, case: "floats", known: ALWAYS, reason: "its operator has no ONNX form" },
    Refused {
        kind: OpKind::Resize,
        case: "factors and sizes",
        known: ALWAYS,
        reason: "ONNX resizes all axes by factors or all axes to sizes, not some of each",
    },
    Refused {
        kind: OpKind::Slice,
        case: "no elements",
        known: &[Known::Constants],
        reason: "a cut from -1 to -1 in steps of -1 of an axis whose size is not known is not supported",
    },
];

/// Cases that come back with other bits: ONNX quantizes the whole operand of a dynamically quantized layer with one
/// scale, by formulas of its own.
struct Rounded {
    kind: OpKind,
    /// What the cases are called.
    case: &'static str,
    /// The max difference of a result.
    tolerance: f32,
}

const ROUNDED: [Rounded; 5] = [
    Rounded { kind: OpKind::Conv, case: "per_row", tolerance: 0.02 },
    Rounded { kind: OpKind::Conv, case: "torch_per_tensor", tolerance: 0.02 },
    Rounded { kind: OpKind::Linear, case: "per_row", tolerance: 0.01 },
    Rounded { kind: OpKind::Linear, case: "torch_per_tensor", tolerance: 0.01 },
    Rounded { kind: OpKind::Lstm, case: "dynamic", tolerance: 0.002 },
];

#[test]
fn every_operator_comes_back_from_onnx() {
    let (mut refused, mut rounded) = (BTreeSet::new(), BTreeSet::new());
    for Built { case, known, graph, inputs, what } in graphs() {
        let (kind, name) = (case.kind(), case.name);
        let refusal = REFUSED.iter().find(|entry| (entry.kind, entry.case) == (kind, name));
        let refusal = refusal.filter(|entry| entry.known.contains(&known));
        let rounding = ROUNDED.iter().find(|entry| (entry.kind, entry.case) == (kind, name));
        let expected = run_on(Kernel::detect(), &graph, &inputs).expect("it runs");
        for form in [Form::Qdq, Form::QOperator] {
            let back = export_as(&graph, form).and_then(|bytes| import(&bytes, &Limits::default()));
            let back = match (back, refusal) {
                (Ok(back), None) => back,
                (Err(error), Some(entry)) => {
                    let is_reason = error.to_string().ends_with(&format!(": {}", entry.reason));
                    assert!(is_reason, "{what}, {form:?}: {error}, expected {}", entry.reason);
                    refused.insert((kind, name));
                    continue;
                }
                (Ok(_), Some(entry)) => panic!("{what}, {form:?}: it comes back, expected {}", entry.reason),
                (Err(error), None) => panic!("{what}, {form:?}: {error}"),
            };
            let found = run_on(Kernel::detect(), &back, &inputs).unwrap_or_else(|error| panic!("{what}: {error}"));
            match rounding {
                None => assert_eq!(found, expected, "{what}, {form:?}"),
                Some(entry) => {
                    assert_ne!(found, expected, "{what}, {form:?}: listed as rounded");
                    let [found, expected] = [&found[0], &expected[0]].map(|y| y.as_slice::<f32>().expect("floats"));
                    assert_close(found, expected, entry.tolerance);
                    rounded.insert((kind, name));
                }
            }
        }
    }
    assert_eq!(refused, REFUSED.iter().map(|entry| (entry.kind, entry.case)).collect(), "listed as refused");
    assert_eq!(rounded, ROUNDED.iter().map(|entry| (entry.kind, entry.case)).collect(), "listed as rounded");
}

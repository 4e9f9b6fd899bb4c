//! `fourfold ops`.

use fourfold::graph::{OpKind, OutputParams};
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::table::Table;

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let kinds = OpKind::ALL.into_iter().filter(|kind| !matches!(kind, OpKind::QuantStub | OpKind::DeQuantStub));
    let onnx = &*fourfold::onnx::OPERATORS;
    if context.console.json {
        let operator =
            |kind: OpKind| json!({ "name": kind.to_string(), "static": on_codes(kind), "dynamic": kind.has_dynamic() });
        let operators: Vec<Value> = kinds.map(operator).collect();
        return context.console.document("ops", json!({ "operators": operators, "onnx": onnx }));
    }
    let mut table = Table::new(&["operator", "static int8", "dynamic int8"]);
    for kind in kinds {
        let how = match kind.output_params() {
            _ if !on_codes(kind) => "no: runs in float",
            OutputParams::Shared => "yes, when its operand is",
            _ => "yes",
        };
        table.row([kind.to_string(), how.to_owned(), if kind.has_dynamic() { "yes" } else { "no" }.to_owned()]);
    }
    context.console.data(&format!("{table}\nONNX operators: {}\n", onnx.join(", ")))
}

/// Whether the operator takes or makes quantized values.
fn on_codes(kind: OpKind) -> bool {
    kind.output_params() != OutputParams::Float || kind == OpKind::Dequantize
}

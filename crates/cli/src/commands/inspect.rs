//! `fourfold inspect`: sizes, memory and operators of a model, and which nodes of a float model int8 would have.

use std::collections::HashMap;

use fourfold::graph::{Graph, ValueId};
use fourfold::quantize::{Decision, Layer, QConfig, decisions, fuse};
use fourfold::runtime::{Footprint, Plan};
use serde_json::{Value, json};

use super::{Context, bench};
use crate::args::Inspect;
use crate::failure::Failure;
use crate::model::Model;
use crate::table::Table;

pub(super) fn run(arguments: &Inspect, context: &Context) -> Result<(), Failure> {
    let model = Model::load(&arguments.model, context)?;
    let is_quantized = model.graph.is_quantized();
    // A float model is shown as quantization would see it.
    let fused = if is_quantized { model.graph.clone() } else { fuse(&model.graph)? };
    let layers = if is_quantized { Vec::new() } else { decisions(&fused, QConfig::fourfold())? };
    let rows = rows(&fused, &layers);
    let total = fused.statistics();
    let memory = footprint(&fused, context);
    if context.console.json {
        let inputs = described(&model.graph, model.graph.inputs());
        let outputs = described(&model.graph, model.graph.outputs());
        return context.console.document(
            "inspect",
            json!({
                "quantized": is_quantized,
                "bytes": model.bytes,
                "parameters": total.parameters,
                "parameter_bytes": total.parameter_bytes,
                "macs": total.macs,
                "memory": memory.as_ref().map(bench::memory),
                "inputs": inputs,
                "defaults": model.defaults,
                "outputs": outputs,
                "nodes": rows.iter().map(Row::json).collect::<Vec<Value>>(),
            }),
        );
    }
    let mut table = Table::new(&["node", "operator", "result", ">parameters", ">MACs", "int8", "why not"]);
    for row in rows {
        table.row(row.cells());
    }
    let mut text = String::new();
    for (label, ids) in [("input", model.graph.inputs()), ("output", model.graph.outputs())] {
        for &id in ids {
            text.push_str(&format!("{label} {}: {}\n", model.graph.value(id).name(), model.graph.value(id).ty()));
        }
    }
    if let [first, ..] = model.defaults.as_slice() {
        let count = model.defaults.len();
        text.push_str(&format!("{count} inputs have a default and are constants unless given, the first: {first}\n"));
    }
    text.push_str(&format!(
        "{} bytes, {} parameters in {} bytes, {} multiply-accumulates a sample\n",
        model.bytes, total.parameters, total.parameter_bytes, total.macs
    ));
    if let Some(memory) = memory {
        text.push_str(&format!("a run of one sample: {memory}\n"));
    }
    if !is_quantized {
        text.push_str("nodes after fusing:\n");
    }
    context.console.data(&format!("{text}\n{table}"))
}

/// The memory of a run with one sample; `None` if the graph cannot run, a size is unknown, or the packed weights do not
/// fit into memory.
fn footprint(graph: &Graph, context: &Context) -> Option<Footprint> {
    let (plan, shapes) = (Plan::compile(graph, &context.options()).ok()?, shapes(graph)?);
    plan.footprint(&shapes.iter().map(Vec::as_slice).collect::<Vec<_>>()).ok()
}

/// The shapes of the inputs for one sample; `None` if an axis other than the first is free.
fn shapes(graph: &Graph) -> Option<Vec<Vec<usize>>> {
    let shape = |&id: &ValueId| {
        let dims = graph.value(id).ty().dims().iter().enumerate();
        dims.map(|(axis, dim)| dim.fixed().or((axis == 0).then_some(1))).collect()
    };
    graph.inputs().iter().map(shape).collect()
}

/// One row of the table: a node.
struct Row {
    name: String,
    operator: String,
    result: String,
    parameters: u64,
    macs: u64,
    int8: bool,
    reason: String,
}

impl Row {
    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "operator": self.operator,
            "result": self.result,
            "parameters": self.parameters,
            "macs": self.macs,
            "int8": self.int8,
            "reason": self.reason,
        })
    }

    fn cells(self) -> [String; 7] {
        let int8 = if self.int8 { "yes" } else { "no" };
        let (parameters, macs) = (self.parameters.to_string(), self.macs.to_string());
        [self.name, self.operator, self.result, parameters, macs, int8.to_owned(), self.reason]
    }
}

fn rows(graph: &Graph, layers: &[Layer]) -> Vec<Row> {
    let layers: HashMap<&str, &Layer> = layers.iter().map(|layer| (layer.name.as_str(), layer)).collect();
    let row = |node: &fourfold::graph::Node| {
        let statistics = graph.node_statistics(node);
        let layer = layers.get(node.name());
        let is_int8 = node.inputs().iter().chain([&node.output()]).any(|&id| graph.value(id).ty().params().is_some());
        Row {
            name: node.name().to_owned(),
            operator: node.op().kind().to_string(),
            result: graph.value(node.output()).ty().to_string(),
            parameters: statistics.parameters,
            macs: statistics.macs,
            int8: layer.map_or(is_int8, |layer| layer.decision != Decision::Float),
            reason: match layer {
                Some(layer) => layer.reason.clone(),
                None if graph.is_conversion(node) => "converts floats to another type".to_owned(),
                None => String::new(),
            },
        }
    };
    graph.nodes().iter().map(row).collect()
}

fn described(graph: &Graph, ids: &[ValueId]) -> Vec<Value> {
    let one = |&id: &ValueId| json!({ "name": graph.value(id).name(), "type": graph.value(id).ty().to_string() });
    ids.iter().map(one).collect()
}

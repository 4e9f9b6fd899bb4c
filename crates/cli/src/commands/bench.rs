//! `fourfold bench`.

use std::sync::Arc;

use fourfold::graph::{Graph, ValueId};
use fourfold::runtime::{Footprint, Plan, Session};
use fourfold::tensor::Tensor;
use serde_json::{Value, json};

use super::Context;
use crate::args::Bench;
use crate::bench::time;
use crate::data::shape_text;
use crate::failure::Failure;
use crate::made_up;
use crate::model::Model;

pub(super) fn run(arguments: &Bench, context: &Context) -> Result<(), Failure> {
    let model = Model::load(&arguments.model, context)?;
    let graph = &model.graph;
    let inputs = inputs(graph, arguments.batch.unwrap_or(1) as usize, context)?;
    let threads = arguments.threads;
    let batch = batch(graph, &inputs);
    if let Some(asked) = arguments.batch.filter(|&asked| batch != Some(asked as usize)) {
        let shapes = inputs_text(graph, &inputs);
        context
            .console
            .warning(format_args!("--batch {asked} has no effect: the sizes of the model are fixed, it runs {shapes}"));
    }
    if threads > 1 && !graph.is_quantized() {
        context.console.warning(format_args!(
            "--threads {threads} has no effect: the model is float, whose layers run on one thread"
        ));
    }
    let timing = time(graph, &inputs, threads.into(), context)?;
    if context.console.json {
        let input =
            |(&id, input): (&ValueId, &Tensor)| json!({ "name": graph.value(id).name(), "shape": input.shape() });
        return context.console.document(
            "bench",
            json!({
                "median_ms": timing.median_ms,
                "min_ms": timing.min_ms,
                "runs": timing.runs,
                "threads": threads,
                "batch": batch,
                "inputs": graph.inputs().iter().zip(&inputs).map(input).collect::<Vec<Value>>(),
                "backend": timing.backend,
                "memory": memory(&timing.memory),
            }),
        );
    }
    let (median, min, runs, backend) = (timing.median_ms, timing.min_ms, timing.runs, timing.backend);
    let what = batch.map_or_else(String::new, |batch| format!(" of batch {batch}"));
    context.console.data(&format!(
        "median {median:.4} ms, min {min:.4} ms for one run{what} ({runs} runs, {threads} threads, {backend})\n{}\n",
        timing.memory
    ))
}

/// Inputs that the model runs on: free axes, other than the batch, have the first of a few sizes that fit it.
fn inputs(graph: &Graph, batch: usize, context: &Context) -> Result<Vec<Tensor>, Failure> {
    let candidates = made_up::sizes(graph, batch);
    let mut failure = None;
    for sizes in &candidates {
        let said = made_up::text(graph, sizes, batch);
        let inputs = made_up::inputs(graph, sizes)?;
        if said.is_empty() {
            return Ok(inputs);
        }
        let mut session = Session::new(Arc::new(Plan::compile(graph, &context.options())?));
        match session.run(&inputs) {
            Ok(_) => {
                context.console.message(format_args!("free sizes: {said}; --dim NAME=SIZE gives others"));
                return Ok(inputs);
            }
            Err(error) => failure = failure.or(Some(Failure::from(error).about(said))),
        }
    }
    let failure = failure.unwrap_or_else(|| Failure::invalid("the model has no inputs that could be made up"));
    Err(failure.about("the model runs on none of the sizes that were tried; give --dim NAME=SIZE"))
}

/// The samples in a run: the first size of the first input where it is free, else of the first input.
fn batch(graph: &Graph, inputs: &[Tensor]) -> Option<usize> {
    let is_free = |id: ValueId| graph.value(id).ty().dims().first().is_some_and(|dim| dim.fixed().is_none());
    let free = graph.inputs().iter().position(|&id| is_free(id)).unwrap_or(0);
    inputs.get(free).and_then(|input| input.shape().first()).copied()
}

/// The inputs of a run with their sizes.
fn inputs_text(graph: &Graph, inputs: &[Tensor]) -> String {
    let input = |(&id, input): (&ValueId, &Tensor)| {
        format!("{} {}{}", graph.value(id).name(), input.dtype(), shape_text(input.shape()))
    };
    graph.inputs().iter().zip(inputs).map(input).collect::<Vec<_>>().join(", ")
}

/// The memory of a run, as fields.
pub(super) fn memory(footprint: &Footprint) -> Value {
    json!({
        "arena_bytes": footprint.arena_bytes,
        "live_bytes": footprint.live_bytes,
        "packed_bytes": footprint.packed_bytes,
        "constant_bytes": footprint.constant_bytes,
    })
}

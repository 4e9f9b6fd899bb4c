//! `fourfold bench`.

use std::path::Path;
use std::sync::Arc;

use fourfold::ErrorKind;
use fourfold::graph::{Dim, Graph, ValueId};
use fourfold::onnx;
use fourfold::runtime::{Footprint, Plan, Session};
use fourfold::tensor::Tensor;
use serde_json::{Value, json};

use super::Context;
use crate::args::Bench;
use crate::bench::time;
use crate::data::shape_text;
use crate::failure::Failure;
use crate::made_up::{self, Sizes};
use crate::model::{Model, read_file};

pub(super) fn run(arguments: &Bench, context: &Context) -> Result<(), Failure> {
    let size = arguments.batch.unwrap_or(1) as usize;
    let (model, inputs) = loaded(&arguments.model, size, context)?;
    let graph = &model.graph;
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

/// The model and inputs that it runs on: free axes, other than the batch, have the first of a few sizes that fit it.
fn loaded(path: &Path, batch: usize, context: &Context) -> Result<(Model, Vec<Tensor>), Failure> {
    let model = match Model::load(path, context) {
        Ok(model) => model,
        Err(failure) if failure.kind == ErrorKind::Unsupported => {
            return with_sizes(path, batch, context).ok_or(failure);
        }
        Err(failure) => return Err(failure),
    };
    let (graph, dims) = (&model.graph, made_up::dims(&model.graph));
    let mut failure = None;
    for sizes in made_up::sizes(&dims, batch) {
        let inputs = made_up::inputs(graph, &sizes)?;
        let said = made_up::text(&dims, &sizes);
        if said.is_empty() {
            return Ok((model, inputs));
        }
        match run_once(graph, &inputs, context) {
            Ok(()) => {
                say(&said, context);
                return Ok((model, inputs));
            }
            Err(error) => failure = failure.or(Some(error.about(said))),
        }
    }
    let failure = failure.unwrap_or_else(|| Failure::invalid("the model has no inputs that could be made up"));
    Err(failure.about("the model runs on none of the sizes that were tried; give --dim NAME=SIZE"))
}

/// The model with its free sizes fixed to the first that make one that runs, where it cannot be read with free ones.
fn with_sizes(path: &Path, batch: usize, context: &Context) -> Option<(Model, Vec<Tensor>)> {
    let bytes = read_file(path, &context.limits).ok()?;
    let inputs = onnx::input_dims(&bytes, &context.limits).ok()?;
    let dims: Vec<&[Dim]> = inputs.iter().map(|(_, dims)| dims.as_slice()).collect();
    let given: Vec<&str> = context.fixed.dims().map(|(name, _)| name).collect();
    made_up::sizes(&dims, batch).into_iter().find_map(|mut sizes| {
        sizes.retain(|name, _| !given.contains(&name.as_str()));
        let fixed = sizes.iter().fold(context.fixed.clone(), |fixed, (name, &size)| fixed.dim(name, size));
        let model = Model::load_fixed(path, &fixed, context).ok().filter(|_| !sizes.is_empty())?;
        let inputs = made_up::inputs(&model.graph, &Sizes::new()).ok()?;
        run_once(&model.graph, &inputs, context).ok()?;
        say(&made_up::text(&dims, &sizes), context);
        Some((model, inputs))
    })
}

fn run_once(graph: &Graph, inputs: &[Tensor], context: &Context) -> Result<(), Failure> {
    let plan = Plan::compile(graph, &context.options())?;
    Ok(Session::new(Arc::new(plan)).run(inputs).map(|_| ())?)
}

fn say(sizes: &str, context: &Context) {
    context.console.message(format_args!("free sizes: {sizes}; --dim NAME=SIZE gives others"));
}

/// The samples in a run: the first size of the first input whose batch is free, else of the first input.
fn batch(graph: &Graph, inputs: &[Tensor]) -> Option<usize> {
    let dims = made_up::dims(graph);
    let batches = made_up::batches(&dims);
    let is_batch = |dims: &&[Dim]| matches!(dims.first(), Some(Dim::Symbol(name)) if batches.contains(&**name));
    let free = dims.iter().position(is_batch);
    let first_is_free = dims.first().and_then(|dims| dims.first()).is_some_and(|dim| dim.fixed().is_none());
    match free {
        None if first_is_free => None,
        free => inputs.get(free.unwrap_or(0)).and_then(|input| input.shape().first()).copied(),
    }
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

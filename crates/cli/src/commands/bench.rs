//! `fourfold bench`.

use fourfold::runtime::Footprint;
use serde_json::{Value, json};

use super::Context;
use crate::args::Bench;
use crate::bench::{made_up_inputs, time};
use crate::failure::Failure;
use crate::model::Model;

pub(super) fn run(arguments: &Bench, context: &Context) -> Result<(), Failure> {
    let model = Model::load(&arguments.model, &context.limits)?;
    let inputs = made_up_inputs(&model.graph, arguments.batch as usize)?;
    let timing = time(&model.graph, &inputs, arguments.threads.into(), &context.limits)?;
    let (threads, batch) = (arguments.threads, arguments.batch);
    if context.console.json {
        return context.console.document(
            "bench",
            json!({
                "median_ms": timing.median_ms,
                "min_ms": timing.min_ms,
                "runs": timing.runs,
                "threads": threads,
                "batch": batch,
                "backend": timing.backend,
                "memory": memory(&timing.memory),
            }),
        );
    }
    let (median, min, runs, backend) = (timing.median_ms, timing.min_ms, timing.runs, timing.backend);
    context.console.data(&format!(
        "median {median:.4} ms, min {min:.4} ms for one run of batch {batch} ({runs} runs, {threads} threads, {backend})\n{}\n",
        timing.memory
    ))
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

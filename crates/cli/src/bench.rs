//! Times a model.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fourfold::graph::Graph;
use fourfold::runtime::{Footprint, Options, Plan, Session};
use fourfold::tensor::Tensor;

use crate::commands::Context;
use crate::failure::Failure;
use crate::interrupt;

/// Runs before the timing starts.
const WARM_UP: usize = 5;

/// Runs are timed for so long, but at least [`MIN_RUNS`] of them.
const DURATION: Duration = Duration::from_millis(600);
const MIN_RUNS: usize = 11;

/// Times of single runs.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    pub(crate) median_ms: f64,
    pub(crate) min_ms: f64,
    pub(crate) runs: usize,
    pub(crate) backend: &'static str,
    pub(crate) memory: Footprint,
}

/// Times runs of the model on the given inputs.
pub(crate) fn time(graph: &Graph, inputs: &[Tensor], threads: usize, context: &Context) -> Result<Timing, Failure> {
    let options = Options { threads: NonZeroUsize::new(threads), ..context.options() };
    let plan = Arc::new(Plan::compile(graph, &options)?);
    let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
    let memory = plan.footprint(&shapes)?;
    let mut session = Session::new(plan);
    for _ in 0..WARM_UP {
        session.run(inputs)?;
    }
    let (begin, mut times) = (Instant::now(), Vec::new());
    while times.len() < MIN_RUNS || begin.elapsed() < DURATION {
        interrupt::check()?;
        let start = Instant::now();
        session.run(inputs)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(Timing {
        median_ms: times[times.len() / 2],
        min_ms: times[0],
        runs: times.len(),
        backend: options.kernel.name(),
        memory,
    })
}

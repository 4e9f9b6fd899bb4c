//! A graph compiled for this CPU.

use std::sync::Arc;

use fourfold_graph::{Graph, ValueId};

use crate::lower::{Lowered, lower};
use crate::ops::Action;
use crate::{Error, Options};

/// A graph with its weights packed and its operators lowered to steps; shared by any number of sessions.
#[derive(Debug)]
pub struct Plan {
    pub(crate) graph: Graph,
    pub(crate) options: Options,
    pub(crate) pool: Option<rayon::ThreadPool>,
    /// Shared with the plans that were made of this one.
    pub(crate) steps: Arc<[Step]>,
    pub(crate) slots: Vec<Slot>,
    /// The result of every node, in order.
    pub(crate) results: Vec<NodeResult>,
    /// The row-major slot of every graph output.
    pub(crate) outputs: Vec<SlotId>,
}

/// The index of a slot.
pub(crate) type SlotId = usize;

/// One action on slots.
#[derive(Debug)]
pub(crate) struct Step {
    /// The index of the node that the step computes or prepares an operand for.
    pub(crate) node: usize,
    /// Shared by layers that are alike.
    pub(crate) action: Arc<dyn Action>,
    /// At most [`crate::ops::MAX_OPERANDS`].
    pub(crate) inputs: Vec<SlotId>,
    pub(crate) output: SlotId,
}

/// Where a node's result is, and since when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeResult {
    /// The number of steps that must have run.
    pub(crate) after: usize,
    pub(crate) slot: SlotId,
}

/// A value in one layout.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// The value, which gives element type and shape.
    pub(crate) value: ValueId,
    pub(crate) layout: Layout,
    pub(crate) location: Location,
}

/// Where a slot's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// In the caller's tensor of that index.
    Input(usize),
    /// In the graph's constant.
    Constant(ValueId),
    /// In the arena, in the block of that index.
    Block(usize),
}

/// The order of the elements in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The axes as the value has them.
    RowMajor,
    /// `[n, spatial..., c]` for a value `[n, c, spatial...]`.
    ChannelsLast,
}

impl Plan {
    /// Compiles a graph.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a node whose operands have types that no kernel takes.
    pub fn compile(graph: &Graph, options: &Options) -> Result<Self, Error> {
        let Lowered { steps, slots, results, outputs } = lower(graph, options.kernel)?;
        let (pool, options, steps) = (pool(options)?, options.clone(), steps.into());
        Ok(Self { graph: graph.clone(), options, pool, steps, slots, results, outputs })
    }

    /// A plan of the same graph with other options, which shares the packed weights with this one if the kernel is the
    /// same.
    ///
    /// Constants are shared by all plans of a graph in any case.
    ///
    /// # Errors
    ///
    /// [`Error::Threads`], and with another kernel those of [`Plan::compile`].
    pub fn with_options(&self, options: &Options) -> Result<Self, Error> {
        if options.kernel.name() != self.options.kernel.name() {
            return Self::compile(&self.graph, options);
        }
        Ok(Self {
            graph: self.graph.clone(),
            pool: pool(options)?,
            options: options.clone(),
            steps: Arc::clone(&self.steps),
            slots: self.slots.clone(),
            results: self.results.clone(),
            outputs: self.outputs.clone(),
        })
    }

    /// The graph that was compiled.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Runs `work` on the plan's threads.
    pub(crate) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

/// The threads of a plan, `None` for those of the caller. One thread is the caller's: handing work to another would
/// cost more than a small model takes.
pub(crate) fn pool(options: &Options) -> Result<Option<rayon::ThreadPool>, Error> {
    let Some(count) = options.threads.map(core::num::NonZeroUsize::get).filter(|&count| count > 1) else {
        return Ok(None);
    };
    let failed = |error: rayon::ThreadPoolBuildError| Error::Threads { count, reason: error.to_string() };
    rayon::ThreadPoolBuilder::new().num_threads(count).build().map(Some).map_err(failed)
}

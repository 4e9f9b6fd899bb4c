//! A float graph whose values are being observed.

mod monitor;
mod saved;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use fourfold_graph::{Graph, ValueId};
use fourfold_observers::{Observer, Shards, State, check_finite, check_not_nan};
use fourfold_runtime::{Options, Plan, Session};
use fourfold_schemes::{QuantParams, Scheme};
use fourfold_tensor::{DType, Tensor};

use crate::assign::Assignment;
use crate::convert::{convert, layers};
use monitor::Monitor;
pub use monitor::Progress;

use crate::{Error, Layer, QConfigMapping, Quantized, fingerprint};

/// Makes a float graph ready for calibration: decides which nodes will be quantized and puts observers where parameters
/// are needed.
///
/// Call [`crate::fuse`] first, so that batch normalizations do not stand between.
///
/// # Errors
///
/// [`Error::AlreadyQuantized`], [`Error::Config`], and [`Error::Runtime`] if the float graph cannot be compiled.
pub fn prepare(graph: &Graph, qconfig: impl Into<QConfigMapping>) -> Result<Calibration, Error> {
    prepare_with(graph, qconfig, &Options::default())
}

/// As [`prepare`], with options for the runs of the float graph: its limits, threads and kernels, which change no bit
/// of what is observed.
///
/// # Errors
///
/// As [`prepare`].
pub fn prepare_with(
    graph: &Graph,
    qconfig: impl Into<QConfigMapping>,
    options: &Options,
) -> Result<Calibration, Error> {
    let assignment = assigned(graph, &qconfig.into())?;
    let mut watches = HashMap::new();
    for (id, config) in &assignment.observed {
        let scheme = *config.check(["activation observer", "activation scheme"])?;
        watches.insert(*id, Watch { observer: config.observer.observer(), scheme });
    }
    // What is observed has the same bits on every CPU, and so has the quantized model.
    let session = Session::new(Arc::new(Plan::compile(graph, options)?));
    let model = fingerprint::model(graph);
    let parts = BTreeSet::new();
    let quantized_inputs = assignment.quantized_inputs(graph);
    Ok(Calibration {
        session,
        assignment,
        quantized_inputs,
        watches,
        model,
        batches: 0,
        parts,
        shards: None,
        allow_partial: false,
        enabled: true,
        monitor: Monitor::default(),
    })
}

/// What [`prepare`] decides about each node; the graph is not compiled, so that this takes no memory for its weights.
///
/// # Errors
///
/// [`Error::AlreadyQuantized`], [`Error::Config`].
pub fn decisions(graph: &Graph, qconfig: impl Into<QConfigMapping>) -> Result<Vec<Layer>, Error> {
    Ok(layers(graph, &assigned(graph, &qconfig.into())?))
}

fn assigned(graph: &Graph, mapping: &QConfigMapping) -> Result<Assignment, Error> {
    if graph.is_quantized() {
        return Err(Error::AlreadyQuantized);
    }
    mapping.check_static()?;
    Ok(Assignment::new(graph, mapping))
}

/// A prepared graph and what was observed so far; its size grows by 16 bytes with each batch, which tell the batch from
/// others.
#[derive(Debug)]
pub struct Calibration {
    session: Session,
    assignment: Assignment,
    quantized_inputs: HashSet<ValueId>,
    watches: HashMap<ValueId, Watch>,
    /// The identity of the graph.
    model: [u8; 32],
    batches: u64,
    /// The identities of the batches.
    parts: BTreeSet<[u8; 16]>,
    shards: Option<Shards>,
    allow_partial: bool,
    enabled: bool,
    monitor: Monitor,
}

/// An observer of one value.
#[derive(Debug)]
struct Watch {
    observer: Box<dyn Observer>,
    scheme: Scheme,
}

impl Calibration {
    /// The float graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        self.session.plan().graph()
    }

    /// The number of batches observed.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// The finished shards of the samples, as far as [`Calibration::set_shards`] or what was
    /// loaded says; `None` for all samples.
    #[must_use]
    pub fn shards(&self) -> Option<&Shards> {
        self.shards.as_ref()
    }

    /// Says which shards of the samples are finished, which is saved and merged with what was observed.
    pub fn set_shards(&mut self, shards: Option<Shards>) {
        self.shards = shards;
    }

    /// Lets [`Calibration::convert`] accept some of the samples.
    pub fn allow_partial(&mut self) {
        self.allow_partial = true;
    }

    /// What was decided about each node.
    #[must_use]
    pub fn layers(&self) -> Vec<Layer> {
        layers(self.graph(), &self.assignment)
    }

    /// Takes in batches from now on (PyTorch's `enable_observer`); the default.
    pub fn enable_observer(&mut self) {
        self.enabled = true;
    }

    /// Takes in no batches from now on (PyTorch's `disable_observer`): they are neither run nor counted.
    pub fn disable_observer(&mut self) {
        self.enabled = false;
    }

    /// Whether batches are taken in.
    #[must_use]
    pub fn is_observer_enabled(&self) -> bool {
        self.enabled
    }

    /// Runs the float graph on a batch of inputs, in the graph's order, and observes its values.
    ///
    /// An error leaves what was observed as it was.
    ///
    /// # Errors
    ///
    /// [`Error::NoSamples`] if all inputs are empty, [`Error::Observe`] if an input or an observed value is NaN, or an
    /// input that is quantized infinite (a mask that stays float may be), [`Error::Runtime`] if the inputs do not fit
    /// the graph, [`Error::Cancelled`] if the [monitor](Calibration::monitor) stops the batch.
    pub fn observe(&mut self, batch: &[Tensor]) -> Result<(), Error> {
        self.take_in(None, batch)
    }

    /// The same for a batch with a number of its own, by which two batches with the same elements are told apart when
    /// calibrations are merged.
    ///
    /// # Errors
    ///
    /// As [`Calibration::observe`].
    pub fn observe_numbered(&mut self, number: u64, batch: &[Tensor]) -> Result<(), Error> {
        self.take_in(Some(number), batch)
    }

    /// Whether [`Calibration::observe_numbered`] took in this batch with this number, here or in what was loaded and
    /// merged.
    #[must_use]
    pub fn has_observed(&self, number: u64, batch: &[Tensor]) -> bool {
        self.parts.contains(&fingerprint::batch(Some(number), batch))
    }

    fn take_in(&mut self, number: Option<u64>, batch: &[Tensor]) -> Result<(), Error> {
        if !self.enabled {
            return Ok(());
        }
        if !batch.is_empty() && batch.iter().all(Tensor::is_empty) {
            return Err(Error::NoSamples);
        }
        let plan = Arc::clone(self.session.plan());
        let graph = plan.graph();
        let at_value = |id: ValueId| move |source| Error::Observe { value: graph.value(id).name().to_owned(), source };
        for (&id, input) in graph.inputs().iter().zip(batch).filter(|(_, input)| input.dtype().is_float()) {
            let check = if self.quantized_inputs.contains(&id) { check_finite } else { check_not_nan };
            check(&input.to_float(DType::F32)?).map_err(at_value(id))?;
        }
        let mut before: Vec<(ValueId, State)> = Vec::new();
        let Self { session, watches, monitor, batches, .. } = self;
        let (mut first_error, mut seen) = (None, 0_usize);
        let run = session.run_observed_while(batch, |id, value| {
            if let Some(watch) = watches.get_mut(&id) {
                before.push((id, watch.observer.state()));
                first_error = watch.observer.observe(value).map_err(at_value(id)).err();
            }
            seen += 1;
            let nodes_done = seen.saturating_sub(graph.inputs().len());
            let progress = Progress { batches: *batches, nodes_done, nodes: graph.nodes().len() };
            if first_error.is_none() && monitor.call(&progress).is_break() {
                first_error = Some(Error::Cancelled);
            }
            if first_error.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let failed = run.err().map(Error::from);
        if let Some(error) = first_error.or(failed) {
            for (id, state) in before {
                if let Some(watch) = self.watches.get_mut(&id) {
                    watch.observer.load(&state).map_err(at_value(id))?;
                }
            }
            return Err(error);
        }
        self.batches += 1;
        self.parts.insert(fingerprint::batch(number, batch));
        Ok(())
    }

    /// The quantized graph, with parameters made of the observed ranges.
    ///
    /// # Errors
    ///
    /// [`Error::NotCalibrated`] if no batch was observed, [`Error::Partial`] if a shard of the samples is missing and
    /// [`Calibration::allow_partial`] was not called, [`Error::Weight`] if a weight is not finite.
    pub fn convert(&self) -> Result<Quantized, Error> {
        if let Some(shards) = self.shards.as_ref().filter(|_| !self.allow_partial) {
            return Err(Error::Partial { shards: shards.clone() });
        }
        if self.batches == 0 {
            return Err(Error::NotCalibrated);
        }
        let assignment = self.assignment.without_lossy_joins(self.graph(), |id| self.params(id))?;
        convert(self.graph(), &assignment, |id| self.params(id))
    }

    /// The parameters of an observed value.
    fn params(&self, id: ValueId) -> Result<QuantParams, Error> {
        let at_value = |source| Error::Observe { value: self.graph().value(id).name().to_owned(), source };
        let watch = self.watches.get(&id).ok_or(Error::NotCalibrated)?;
        watch.observer.params(&watch.scheme).map_err(at_value)
    }
}

//! A float graph whose values are being observed.

use std::collections::HashMap;
use std::sync::Arc;

use fourfold_graph::{Graph, ValueId};
use fourfold_observers::{MinMax, Observer};
use fourfold_runtime::{FloatProducts, Options, Plan, Session};
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Tensor};

use crate::assign::Assignment;
use crate::convert::{convert, layers};
use crate::{Error, Layer, Observed, QConfigMapping, Quantized};

/// Makes a float graph ready for calibration: decides which nodes will run on codes and puts observers where parameters are
/// needed.
///
/// Call [`crate::fuse`] first, so that batch normalizations do not stand between.
///
/// # Errors
///
/// [`Error::AlreadyQuantized`], [`Error::Config`], and [`Error::Runtime`] if the float graph cannot be compiled.
pub fn prepare(graph: &Graph, qconfig: impl Into<QConfigMapping>) -> Result<Calibration, Error> {
    if graph.is_quantized() {
        return Err(Error::AlreadyQuantized);
    }
    let mapping = qconfig.into();
    mapping.check()?;
    let assignment = Assignment::new(graph, &mapping);
    let watch = |(id, config): &(ValueId, crate::QConfig)| {
        (*id, Watch { observer: config.activation.observer.observer(), config: config.activation })
    };
    let watches = assignment.observed.iter().map(watch).collect();
    // What is observed has the same bits on every CPU, and so has the quantized model.
    let options = Options { products: FloatProducts::Exact, ..Options::default() };
    let session = Session::new(Arc::new(Plan::compile(graph, &options)?));
    Ok(Calibration { session, assignment, watches, batches: 0 })
}

/// A prepared graph and what was observed so far; its size does not grow with the number of batches.
#[derive(Debug)]
pub struct Calibration {
    session: Session,
    assignment: Assignment,
    watches: HashMap<ValueId, Watch>,
    batches: u64,
}

/// An observer of one value.
#[derive(Debug)]
struct Watch {
    observer: Box<dyn Observer>,
    config: Observed,
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

    /// What was decided about each node.
    #[must_use]
    pub fn layers(&self) -> Vec<Layer> {
        layers(self.graph(), &self.assignment)
    }

    /// Runs the float graph on a batch of inputs, in the graph's order, and observes its values.
    ///
    /// # Errors
    ///
    /// [`Error::Observe`] if an input or an observed value is not finite: in an input before anything was observed, in another value
    /// with the values before it observed. [`Error::Runtime`] if the inputs do not fit the graph.
    pub fn observe(&mut self, batch: &[Tensor]) -> Result<(), Error> {
        let plan = Arc::clone(self.session.plan());
        let graph = plan.graph();
        let at_value = |id: ValueId| move |source| Error::Observe { value: graph.value(id).name().to_owned(), source };
        for (&id, input) in graph.inputs().iter().zip(batch).filter(|(_, input)| input.dtype() == DType::F32) {
            MinMax::new().observe(input).map_err(at_value(id))?;
        }
        let (watches, mut first_error) = (&mut self.watches, None);
        self.session.run_observed(batch, |id, value| {
            if let Some(watch) = watches.get_mut(&id).filter(|_| first_error.is_none()) {
                first_error = watch.observer.observe(value).map_err(at_value(id)).err();
            }
        })?;
        match first_error {
            Some(error) => Err(error),
            None => {
                self.batches += 1;
                Ok(())
            }
        }
    }

    /// The quantized graph, with parameters made of the observed ranges.
    ///
    /// # Errors
    ///
    /// [`Error::NotCalibrated`] if no batch was observed, [`Error::Weight`] if a weight is not finite.
    pub fn convert(&self) -> Result<Quantized, Error> {
        if self.batches == 0 {
            return Err(Error::NotCalibrated);
        }
        convert(self.graph(), &self.assignment, |id| self.params(id))
    }

    /// The parameters of an observed value.
    fn params(&self, id: ValueId) -> Result<QuantParams, Error> {
        let at_value = |source| Error::Observe { value: self.graph().value(id).name().to_owned(), source };
        let watch = self.watches.get(&id).ok_or(Error::NotCalibrated)?;
        watch.observer.params(&watch.config.scheme).map_err(at_value)
    }
}

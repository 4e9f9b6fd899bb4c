//! What quantization cost, value by value.

use std::collections::HashMap;
use std::sync::Arc;

use fourfold_graph::Graph;
use fourfold_runtime::{Options, Plan, Session};
use fourfold_schemes::dequantize;
use fourfold_tensor::{DType, Tensor};

use crate::Error;

/// Runs a float graph and a quantized one on the same inputs and compares the values that have the same name.
#[derive(Debug)]
pub struct Comparison {
    float: Session,
    quantized: Session,
    energies: HashMap<String, Energies>,
}

/// Sums of squares.
#[derive(Clone, Copy, Debug, Default)]
struct Energies {
    signal: f64,
    noise: f64,
}

impl Comparison {
    /// Compiles both graphs.
    ///
    /// # Errors
    ///
    /// [`Error::Runtime`] if one cannot be compiled.
    pub fn new(float: &Graph, quantized: &Graph) -> Result<Self, Error> {
        let session = |graph| Plan::compile(graph, &Options::default()).map(|plan| Session::new(Arc::new(plan)));
        Ok(Self { float: session(float)?, quantized: session(quantized)?, energies: HashMap::new() })
    }

    /// Runs both graphs on a batch; every value of the float graph is kept until the quantized one has run.
    ///
    /// # Errors
    ///
    /// [`Error::Runtime`] if the inputs do not fit.
    pub fn observe(&mut self, batch: &[Tensor]) -> Result<(), Error> {
        let mut exact = HashMap::new();
        let plan = Arc::clone(self.float.plan());
        self.float.run_observed(batch, |id, value| {
            exact.insert(plan.graph().value(id).name().to_owned(), value.clone());
        })?;
        let (plan, energies) = (Arc::clone(self.quantized.plan()), &mut self.energies);
        let mut first_error = None;
        self.quantized.run_observed(batch, |id, value| {
            let known = plan.graph().value(id);
            let Some(exact) = exact.get(known.name()) else { return };
            let real = match known.ty().params() {
                Some(params) => dequantize(value, params).map_err(Error::from),
                None => Ok(value.clone()),
            };
            let added = real.and_then(|real| energies.entry(known.name().to_owned()).or_default().add(exact, &real));
            first_error = first_error.take().or(added.err());
        })?;
        first_error.map_or(Ok(()), Err)
    }

    /// The signal-to-quantization-noise ratio of a value in decibels, infinite if it is exact.
    ///
    /// ```text
    /// SQNR = 10 log10(sum x^2 / sum (x - y)^2)        x of the float graph, y of the quantized one
    /// ```
    ///
    /// `None` for a value that is not in both graphs, or that was never compared.
    #[must_use]
    pub fn sqnr_db(&self, value: &str) -> Option<f64> {
        let Energies { signal, noise } = self.energies.get(value)?;
        Some(if *noise == 0.0 { f64::INFINITY } else { 10.0 * (signal / noise).log10() })
    }
}

impl Energies {
    fn add(&mut self, exact: &Tensor, actual: &Tensor) -> Result<(), Error> {
        if exact.dtype() != DType::F32 || exact.len() != actual.len() {
            return Ok(());
        }
        for (&x, &y) in exact.as_slice::<f32>()?.iter().zip(actual.as_slice::<f32>()?) {
            let (x, y) = (f64::from(x), f64::from(y));
            self.signal += x * x;
            self.noise += (x - y) * (x - y);
        }
        Ok(())
    }
}

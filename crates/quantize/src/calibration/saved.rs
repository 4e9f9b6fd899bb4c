//! Calibrations as data: saved, resumed, merged.

use std::collections::HashMap;

use fourfold_observers::{States, Watched};

use super::Calibration;
use crate::Error;

impl Calibration {
    /// What was observed so far, bound to the graph and its observers. The same batches give the same states.
    #[must_use]
    pub fn save(&self) -> States {
        let watched = self.assignment.observed.iter().filter_map(|(id, config)| {
            let state = self.watches.get(id)?.observer.state();
            Some(Watched { value: self.graph().value(*id).name().to_owned(), observer: config.observer, state })
        });
        States {
            model: self.model,
            batches: self.batches,
            parts: self.parts.clone(),
            shards: self.shards.clone(),
            watched: watched.collect(),
        }
    }

    /// Replaces what was observed by what was saved; observing goes on as if it had not been interrupted.
    ///
    /// Values that this calibration does not watch are left out, so that a calibration of all layers is also one of
    /// some. An error leaves what was observed as it was.
    ///
    /// # Errors
    ///
    /// [`Error::Saved`] if the states are of another graph, of other observers or not of a calibration, or if the state
    /// of a value is missing.
    pub fn load(&mut self, states: &States) -> Result<(), Error> {
        let own = self.own(states)?;
        own.check().map_err(|source| Error::Saved { source })?;
        for ((id, _), watched) in self.assignment.observed.iter().zip(&own.watched) {
            if let Some(watch) = self.watches.get_mut(id) {
                watch.observer.load(&watched.state).map_err(|source| Error::Saved { source })?;
            }
        }
        (self.batches, self.parts, self.shards) = (own.batches, own.parts, own.shards);
        Ok(())
    }

    /// Adds what another calibration of the same graph observed, as if this one had observed it.
    ///
    /// An error leaves what was observed as it was.
    ///
    /// # Errors
    ///
    /// As [`Calibration::load`]; [`Error::Saved`] also if a batch is in both, or if the result would depend on the
    /// order of the batches.
    pub fn merge(&mut self, states: &States) -> Result<(), Error> {
        let (mut all, other) = (self.save(), self.own(states)?);
        all.merge(&other).map_err(|source| Error::Saved { source })?;
        self.load(&all)
    }

    /// The states of the values that this calibration watches, in its order.
    fn own(&self, states: &States) -> Result<States, Error> {
        let saved = |source| Error::Saved { source };
        let apart = |reason: String| saved(fourfold_observers::Error::Apart { reason });
        if states.model != self.model {
            let reason = "they are of another model; calibrate this one, with the same steps before `prepare` and the \
                          same sizes and inputs fixed (--dim, --shape, --set)";
            return Err(apart(reason.to_owned()));
        }
        let mut watched = Vec::with_capacity(self.assignment.observed.len());
        let names: HashMap<&str, &Watched> = states.watched.iter().map(|found| (found.value.as_str(), found)).collect();
        for expected in self.save().watched {
            let found = *names.get(expected.value.as_str()).ok_or_else(|| {
                let value = &expected.value;
                apart(format!("value `{value}` was not watched; calibrate with the configuration that is converted"))
            })?;
            expected.check_fits(found).map_err(saved)?;
            watched.push(found.clone());
        }
        let (parts, shards) = (states.parts.clone(), states.shards.clone());
        Ok(States { model: states.model, batches: states.batches, parts, shards, watched })
    }
}

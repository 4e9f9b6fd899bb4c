//! What all observers of one model saw.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Error, ObserverKind, Shards, State};

/// What all observers of one model saw: what a calibration saves, resumes and merges.
///
/// Two of them merge if they are of the same model, watch the same values with the same observers, and have no batch in
/// common. Where the states of the observers merge exactly, the order and the grouping of the merges do not matter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct States {
    /// Which model it is: a hash that the workflow makes of it.
    pub model: [u8; 32],
    /// The number of batches taken in; one that came twice counts twice.
    pub batches: u64,
    /// The identities of the batches: hashes that the workflow makes of them.
    pub parts: BTreeSet<[u8; 16]>,
    /// The finished shards of the samples; `None` stands for all samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// The observers, in the order of the model's values.
    pub watched: Vec<Watched>,
}

/// One observer and what it saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// The name of the value that it watches.
    pub value: String,
    /// Which observer, with its settings.
    pub observer: ObserverKind,
    /// What it saw.
    pub state: State,
}

impl States {
    /// Checks what can be checked without the model.
    ///
    /// # Errors
    ///
    /// [`Error::Apart`] if there are more identities than batches, or batches without identities, or shards that cannot
    /// exist, or two states of one value; [`Error::Value`] if a state is not one that its observer can have.
    pub fn check(&self) -> Result<(), Error> {
        let parts = self.parts.len() as u64;
        if parts > self.batches || (parts == 0 && self.batches > 0) {
            return Err(apart(format!("{} batches do not have {parts} identities", self.batches)));
        }
        self.shards.as_ref().map_or(Ok(()), Shards::check)?;
        let mut names = BTreeSet::new();
        for Watched { value, observer, state } in &self.watched {
            if !names.insert(value) {
                return Err(apart(format!("value `{value}` has two states")));
            }
            let of_value = |source| Error::Value { value: value.clone(), source: Box::new(source) };
            observer.check().and_then(|()| observer.observer().load(state)).map_err(of_value)?;
        }
        Ok(())
    }

    /// Adds what the observers saw elsewhere, as if these had seen it.
    ///
    /// An error leaves the states as they were.
    ///
    /// # Errors
    ///
    /// [`Error::Apart`] if the states are of another model or of other observers, or their shards do not belong
    /// together, [`Error::Twice`] if a batch is in both, and [`Error::Value`] if the states of a value do not merge.
    pub fn merge(&mut self, other: &States) -> Result<(), Error> {
        if self.model != other.model {
            return Err(apart("they are of two models; calibrate every part with the same file".to_owned()));
        }
        if self.watched.len() != other.watched.len() {
            let (here, there) = (self.watched.len(), other.watched.len());
            return Err(apart(format!("{here} values are watched here and {there} there; use one configuration")));
        }
        for (here, there) in self.watched.iter().zip(&other.watched) {
            here.check_fits(there)?;
        }
        let shards = Shards::merged(self.shards.as_ref(), other.shards.as_ref())?;
        let count = self.parts.intersection(&other.parts).count();
        if count > 0 {
            return Err(Error::Twice { count, batches: other.parts.len() });
        }
        let batches = self.batches.checked_add(other.batches);
        let batches = batches.ok_or_else(|| apart("together they have more batches than can be counted".to_owned()))?;
        let pairs = self.watched.iter().zip(&other.watched);
        let states = pairs.map(|(here, there)| here.merged(there)).collect::<Result<Vec<_>, _>>()?;
        self.watched.iter_mut().zip(states).for_each(|(here, state)| here.state = state);
        self.parts.extend(&other.parts);
        (self.batches, self.shards) = (batches, shards);
        Ok(())
    }
}

impl Watched {
    /// Checks that another state is of the same value and the same observer.
    ///
    /// # Errors
    ///
    /// [`Error::Apart`] if it is not.
    pub fn check_fits(&self, other: &Watched) -> Result<(), Error> {
        let (here, there) = (&self.value, &other.value);
        if here != there {
            return Err(apart(format!("value `{here}` is watched here and `{there}` there; use one configuration")));
        }
        if self.observer != other.observer {
            let (a, b) = (self.observer.name(), other.observer.name());
            let with = if a == b { format!("{a} with other settings") } else { b.to_owned() };
            return Err(apart(format!(
                "value `{here}` is watched by {a} here and by {with} there; use one configuration"
            )));
        }
        Ok(())
    }

    fn merged(&self, other: &Watched) -> Result<State, Error> {
        let mut observer = self.observer.observer();
        let merged = observer.load(&self.state).and_then(|()| observer.merge(&other.state));
        merged.map_err(|source| Error::Value { value: self.value.clone(), source: Box::new(source) })?;
        Ok(observer.state())
    }
}

fn apart(reason: String) -> Error {
    Error::Apart { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Extent;

    fn states(part: u8, max: f32) -> States {
        let state = State::MinMax(Some(Extent { min: 0.0, max }));
        let watched = vec![Watched { value: "x".to_owned(), observer: ObserverKind::MinMax, state }];
        States { model: [7; 32], batches: 1, parts: [[part; 16]].into(), shards: None, watched }
    }

    #[test]
    fn what_belongs_together_merges_in_any_order() {
        let (mut a, mut b) = (states(1, 1.0), states(2, 5.0));
        a.merge(&states(2, 5.0)).expect("the same model");
        b.merge(&states(1, 1.0)).expect("the same model");
        assert_eq!(a, b);
        assert_eq!((a.batches, a.parts.len()), (2, 2));
        assert_eq!(a.watched, states(0, 5.0).watched);
        assert_eq!(a.check(), Ok(()));
    }

    #[test]
    fn what_does_not_is_refused_and_changes_nothing() {
        let mut both = states(1, 1.0);
        both.merge(&states(2, 5.0)).expect("the same model");
        let before = both.clone();
        let mut refused = |change: &dyn Fn(&mut States)| {
            let mut other = states(3, 9.0);
            change(&mut other);
            let error = both.merge(&other).expect_err("does not belong");
            assert_eq!(both, before);
            error.to_string()
        };
        assert!(refused(&|other| other.model = [8; 32]).contains("two models"));
        assert!(refused(&|other| other.watched.clear()).contains("1 values are watched here and 0 there"));
        assert!(refused(&|other| other.watched[0].value = "y".to_owned()).contains("`y` there"));
        assert!(refused(&|other| other.watched[0].observer = ObserverKind::Mse).contains("by mse there"));
        assert!(refused(&|other| other.parts = [[2; 16]].into()).contains("1 of 1 batches"));
        assert!(refused(&|other| other.batches = u64::MAX).contains("counted"));
        assert!(refused(&|other| other.watched[0].state = State::Stateless).contains("value `x`"));
    }

    #[test]
    fn states_that_no_calibration_has_are_refused() {
        let refused = |change: &dyn Fn(&mut States)| {
            let mut states = states(1, 1.0);
            change(&mut states);
            states.check().expect_err("not a state").to_string()
        };
        assert!(refused(&|states| states.batches = 0).contains("0 batches"));
        assert!(refused(&|states| states.parts.clear()).contains("0 identities"));
        assert!(refused(&|states| states.watched.push(states.watched[0].clone())).contains("two states"));
        let reversed = State::MinMax(Some(Extent { min: 1.0, max: 0.0 }));
        assert!(refused(&|states| states.watched[0].state = reversed.clone()).contains("value `x`"));
    }
}

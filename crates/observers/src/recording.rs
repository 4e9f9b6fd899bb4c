//! Everything that was seen.

use fourfold_tensor::Tensor;

use crate::state::Recorded;
use crate::{Error, Observer, Ranges, State};

/// Keeps every tensor, to be looked at (PyTorch's `RecordingObserver`).
///
/// Its memory grows with everything that it observes; the other observers take as much for a million batches as for
/// one. NaN and infinities are kept too. Merging appends, so the order of merges is the order of
/// the tensors.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    tensors: Vec<Tensor>,
}

impl Recording {
    /// An observer that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tensors in their order (PyTorch's `get_tensor_value`).
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }
}

impl Observer for Recording {
    fn name(&self) -> &'static str {
        "recording"
    }

    fn observe(&mut self, x: &Tensor) -> Result<(), Error> {
        x.as_slice::<f32>()?;
        self.tensors.push(x.clone());
        Ok(())
    }

    /// Always an error.
    ///
    /// # Errors
    ///
    /// [`Error::NoRange`].
    fn ranges(&self) -> Result<Ranges, Error> {
        let reason = "it only keeps tensors; choose an observer that looks for a range";
        Err(Error::NoRange { observer: self.name(), reason })
    }

    fn reset(&mut self) {
        self.tensors.clear();
    }

    fn state(&self) -> State {
        let recorded = |tensor: &Tensor| Recorded {
            shape: tensor.shape().iter().map(|&dim| dim as u64).collect(),
            elements: tensor.as_slice().map(<[f32]>::to_vec).unwrap_or_default(),
        };
        State::Recording(self.tensors.iter().map(recorded).collect())
    }

    fn load(&mut self, state: &State) -> Result<(), Error> {
        let mut fresh = Self::new();
        fresh.merge(state)?;
        *self = fresh;
        Ok(())
    }

    fn merge(&mut self, other: &State) -> Result<(), Error> {
        let State::Recording(recorded) = other else { return Err(other.of_another_kind(self.name())) };
        let tensor = |recorded: &Recorded| {
            let shape = recorded.shape.iter().map(|&dim| usize::try_from(dim)).collect::<Result<Vec<_>, _>>();
            let shape = shape.map_err(|_| other.unfit(self.name(), "a dimension is too large for this machine"))?;
            Ok(Tensor::from_slice(&shape, &recorded.elements)?)
        };
        let fresh = recorded.iter().map(tensor).collect::<Result<Vec<_>, Error>>()?;
        self.tensors.extend(fresh);
        Ok(())
    }
}

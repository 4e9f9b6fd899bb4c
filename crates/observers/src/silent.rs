//! Observers that watch nothing and have no range.

use fourfold_tensor::Tensor;

use crate::{Error, Observer, Ranges, State};

/// An observer for a configuration that needs one where no range is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Silent {
    /// The range is found while the model runs, or the type needs none (PyTorch's `PlaceholderObserver`).
    Placeholder,
    /// The value stays as it is (PyTorch's `NoopObserver`).
    Noop,
    /// The parameters are those of the operand (PyTorch's `ReuseInputObserver`): operators that move or compare
    /// elements.
    ReuseInput,
}

impl Observer for Silent {
    fn name(&self) -> &'static str {
        match self {
            Silent::Placeholder => "placeholder",
            Silent::Noop => "noop",
            Silent::ReuseInput => "reuse_input",
        }
    }

    fn observe(&mut self, _: &Tensor) -> Result<(), Error> {
        Ok(())
    }

    /// Always an error.
    ///
    /// # Errors
    ///
    /// [`Error::NoRange`].
    fn ranges(&self) -> Result<Ranges, Error> {
        let reason = match self {
            Silent::Placeholder => {
                "it stands for ranges found at run time; quantize dynamically, or choose an observer that watches"
            }
            Silent::Noop => "it is for values that stay real; choose an observer that watches",
            Silent::ReuseInput => "the parameters are those of the operand; take them from there",
        };
        Err(Error::NoRange { observer: self.name(), reason })
    }

    fn reset(&mut self) {}

    fn state(&self) -> State {
        State::Stateless
    }

    fn load(&mut self, state: &State) -> Result<(), Error> {
        self.merge(state)
    }

    fn merge(&mut self, other: &State) -> Result<(), Error> {
        if *other == State::Stateless { Ok(()) } else { Err(other.of_another_kind(self.name())) }
    }
}

//! An observer that can be switched off and on.

use fourfold_schemes::{QuantParams, Scheme};
use fourfold_tensor::Tensor;

use crate::{Error, Observer, Ranges, State};

/// Any observer with a switch (PyTorch's `enable_observer` and `disable_observer`).
///
/// While it is off, tensors are neither taken in nor checked; everything else goes on. The switch is not saved in the
/// state.
#[derive(Debug)]
pub struct Switched {
    observer: Box<dyn Observer>,
    enabled: bool,
}

impl Switched {
    /// An observer that is on.
    #[must_use]
    pub fn new(observer: Box<dyn Observer>) -> Self {
        Self { observer, enabled: true }
    }

    /// Whether tensors are taken in.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Takes in tensors from now on.
    pub fn enable(&mut self) {
        self.enabled = true;
    }

    /// Takes in no tensors from now on.
    pub fn disable(&mut self) {
        self.enabled = false;
    }
}

impl Observer for Switched {
    fn name(&self) -> &'static str {
        self.observer.name()
    }

    fn observe(&mut self, x: &Tensor) -> Result<(), Error> {
        if self.enabled { self.observer.observe(x) } else { Ok(()) }
    }

    fn ranges(&self) -> Result<Ranges, Error> {
        self.observer.ranges()
    }

    fn params(&self, scheme: &Scheme) -> Result<QuantParams, Error> {
        self.observer.params(scheme)
    }

    fn left_out(&self) -> u64 {
        self.observer.left_out()
    }

    fn reset(&mut self) {
        self.observer.reset();
    }

    fn state(&self) -> State {
        self.observer.state()
    }

    fn load(&mut self, state: &State) -> Result<(), Error> {
        self.observer.load(state)
    }

    fn merge(&mut self, other: &State) -> Result<(), Error> {
        self.observer.merge(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MinMax;

    #[test]
    fn nothing_is_taken_in_while_it_is_off() {
        let batch = |value: f32| Tensor::from_slice(&[1], &[value]).expect("one");
        let mut observer = Switched::new(Box::new(MinMax::new()));
        observer.observe(&batch(1.0)).expect("finite");
        let before = observer.state();
        observer.disable();
        observer.observe(&batch(9.0)).expect("not looked at");
        observer.observe(&batch(f32::NAN)).expect("not looked at");
        assert_eq!((observer.state(), observer.is_enabled()), (before.clone(), false));
        observer.enable();
        observer.observe(&batch(f32::NAN)).expect_err("looked at");
        observer.observe(&batch(9.0)).expect("finite");
        assert_ne!(observer.state(), before);
    }
}

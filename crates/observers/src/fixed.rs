//! Parameters that are known in advance.

use fourfold_schemes::{QuantParams, Range, Scale, Scheme};
use fourfold_tensor::Tensor;

use crate::{Error, Observer, Ranges, State};

/// Watches nothing and always gives the same scale and zero point (PyTorch's `FixedQParamsObserver`), for operators
/// whose results have a known range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedParams {
    scale: f32,
    zero_point: i32,
}

impl FixedParams {
    /// From 0 to 1 in `u8`: sigmoid, hard sigmoid, softmax (PyTorch's `default_fixed_qparams_range_0to1_observer`).
    pub const ZERO_TO_ONE: FixedParams = FixedParams { scale: 1.0 / 256.0, zero_point: 0 };

    /// From -1 to 1 in `u8`: tanh (PyTorch's `default_fixed_qparams_range_neg1to1_observer`).
    pub const MINUS_ONE_TO_ONE: FixedParams = FixedParams { scale: 2.0 / 256.0, zero_point: 128 };

    /// An observer with that scale and zero point. [`Observer::params`] checks them against the scheme.
    #[must_use]
    pub fn new(scale: f32, zero_point: i32) -> Self {
        Self { scale, zero_point }
    }
}

impl Observer for FixedParams {
    fn name(&self) -> &'static str {
        "fixed_params"
    }

    fn observe(&mut self, _: &Tensor) -> Result<(), Error> {
        Ok(())
    }

    /// The range of the values of `u8`.
    fn ranges(&self) -> Result<Ranges, Error> {
        #[expect(clippy::cast_precision_loss, reason = "values of 8 bits")]
        let float = |q: i32| self.scale * q.saturating_sub(self.zero_point) as f32;
        Ok(Ranges::PerTensor(Range { min: float(0), max: float(255) }))
    }

    /// The scale and the zero point with the type and the range of the scheme.
    ///
    /// # Errors
    ///
    /// [`Error::Scheme`] if the scale is not a positive normal number or the zero point lies
    /// outside the range.
    fn params(&self, scheme: &Scheme) -> Result<QuantParams, Error> {
        let range = (scheme.quant_min, scheme.quant_max);
        Ok(QuantParams::per_tensor(scheme.dtype, range, Scale::new(self.scale)?, self.zero_point)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ObserverKind;

    #[test]
    fn parameters_are_those_given() {
        for (mut fixed, expected) in
            [(FixedParams::ZERO_TO_ONE, (1.0 / 256.0, 0)), (FixedParams::MINUS_ONE_TO_ONE, (1.0 / 128.0, 128))]
        {
            fixed.observe(&Tensor::from_slice(&[1], &[1000.0_f32]).expect("one")).expect("nothing is looked at");
            let params = fixed.params(&Scheme::U8_AFFINE).expect("a scale");
            let (scale, zero_point) = params.as_per_tensor().expect("per tensor");
            assert_eq!((scale.get(), zero_point), expected);
        }
    }

    #[test]
    fn parameters_that_are_none_are_refused() {
        for fixed in [FixedParams::new(0.0, 0), FixedParams::new(f32::NAN, 0), FixedParams::new(1.0, 256)] {
            assert!(matches!(fixed.params(&Scheme::U8_AFFINE), Err(Error::Scheme(_))), "{fixed:?}");
        }
        let kind = ObserverKind::FixedParams { scale: 0.5, zero_point: 300 };
        assert!(kind.observer().params(&Scheme::U8_AFFINE).is_err());
    }
}

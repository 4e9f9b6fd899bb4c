//! Scales.

use core::fmt;

use crate::Error;

/// A positive normal `f32`: the real size of one quantization step.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Scale(f32);

impl Scale {
    /// One.
    pub const ONE: Scale = Scale(1.0);

    /// Checks and keeps `value`.
    ///
    /// # Errors
    ///
    /// [`Error::Scale`] for zero, negative, subnormal, infinite and NaN values.
    pub fn new(value: f32) -> Result<Self, Error> {
        if value.is_normal() && value > 0.0 { Ok(Self(value)) } else { Err(Error::Scale { value }) }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f32 {
        self.0
    }
}

impl fmt::Debug for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_positive_normal_numbers_are_scales() {
        for value in [0.0, -0.0, -1.0, 1e-45, f32::MIN_POSITIVE / 2.0, f32::INFINITY, f32::NAN] {
            assert!(Scale::new(value).is_err(), "{value}");
        }
        for value in [f32::MIN_POSITIVE, 1.0, f32::MAX] {
            assert_eq!(Scale::new(value).map(Scale::get), Ok(value));
        }
    }
}

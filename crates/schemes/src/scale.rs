//! Scales.

use core::fmt;

use crate::Error;

/// A positive normal `f32`: the distance of two neighbouring quantized values, as floats.
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

    /// The smallest power of two that is not below this scale: `2^ceil(log2(scale))`, for hardware that shifts.
    ///
    /// # Errors
    ///
    /// [`Error::Scale`] if it is not below `2^128`, so no `f32`.
    pub fn to_power_of_two(self) -> Result<Self, Error> {
        const MANTISSA: u32 = (1 << 23) - 1;
        let bits = self.0.to_bits();
        let up = if bits & MANTISSA == 0 { bits } else { (bits & !MANTISSA) + (1 << 23) };
        Self::new(f32::from_bits(up))
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
    fn powers_of_two_are_found_above() {
        for (scale, power) in
            [(1.0, 1.0), (1.000_000_1, 2.0), (0.3, 0.5), (5.0, 8.0), (f32::MIN_POSITIVE, f32::MIN_POSITIVE)]
        {
            assert_eq!(Scale(scale).to_power_of_two().map(Scale::get), Ok(power));
        }
        assert_eq!(Scale(f32::MAX).to_power_of_two(), Err(Error::Scale { value: f32::INFINITY }));
        assert_eq!(Scale(2_f32.powi(127)).to_power_of_two().map(Scale::get), Ok(2_f32.powi(127)));
    }

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

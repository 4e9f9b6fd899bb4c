//! The range of quantized values: a type, and which of its values are used.

use core::fmt;

use fourfold_tensor::DType;

use crate::{Error, QuantType};

/// The values `quant_min..=quant_max` of a type, at least two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuantRange {
    ty: QuantType,
    quant_min: i32,
    quant_max: i32,
}

impl QuantRange {
    /// The values `quant_min..=quant_max` of `ty`.
    ///
    /// # Errors
    ///
    /// [`Error::QuantRange`] if there are fewer than two, or one of them is not a value of the type.
    pub const fn new(ty: QuantType, quant_min: i32, quant_max: i32) -> Result<Self, Error> {
        let (min, max) = ty.range();
        if quant_min < min || quant_max > max || quant_min >= quant_max {
            return Err(Error::QuantRange { ty, quant_min, quant_max });
        }
        Ok(Self { ty, quant_min, quant_max })
    }

    /// Every value of `ty`.
    #[must_use]
    pub const fn full(ty: QuantType) -> Self {
        let (quant_min, quant_max) = ty.range();
        Self { ty, quant_min, quant_max }
    }

    /// Every value of `ty` but the smallest. For a signed type, as many are negative as positive: `[-127, 127]` for
    /// `i8`.
    #[must_use]
    pub const fn narrow(ty: QuantType) -> Self {
        let (min, quant_max) = ty.range();
        Self { ty, quant_min: min + 1, quant_max }
    }

    /// The lower half of an unsigned type, the middle half of a signed one: `[0, 127]` for `u8`, `[-64, 63]` for `i8`.
    /// PyTorch's `reduce_range`.
    #[must_use]
    pub const fn reduced(ty: QuantType) -> Self {
        let (min, max) = ty.range();
        Self { ty, quant_min: min / 2, quant_max: max / 2 }
    }

    /// The type.
    #[must_use]
    pub const fn quant_type(self) -> QuantType {
        self.ty
    }

    /// The element type of a tensor that holds the values, one in each element.
    #[must_use]
    pub const fn dtype(self) -> DType {
        self.ty.dtype()
    }

    /// The smallest value.
    #[must_use]
    pub const fn quant_min(self) -> i32 {
        self.quant_min
    }

    /// The largest value.
    #[must_use]
    pub const fn quant_max(self) -> i32 {
        self.quant_max
    }

    /// The distance of the smallest from the largest value: `quant_max - quant_min`.
    #[must_use]
    pub const fn width(self) -> u32 {
        self.quant_max.abs_diff(self.quant_min)
    }

    /// Whether `value` lies in the range.
    #[must_use]
    pub const fn contains(self, value: i32) -> bool {
        self.quant_min <= value && value <= self.quant_max
    }

    /// The value of the range that is nearest to `value`.
    #[must_use]
    pub fn clamp(self, value: i32) -> i32 {
        value.clamp(self.quant_min, self.quant_max)
    }

    /// The zero point of symmetric parameters:
    ///
    /// ```text
    /// signed:                   clamp(0)
    /// unsigned, full range:     2^(bits - 1)
    /// unsigned, smaller range:  floor((quant_min + quant_max) / 2)
    /// ```
    ///
    /// Source: `_calculate_qparams` of PyTorch for `i8` and `u8`, whose rule the other types follow here. PyTorch has
    /// 32768 for every range of `u16`.
    #[must_use]
    pub fn middle(self) -> i32 {
        if self.ty.is_signed() {
            self.clamp(0)
        } else if self == Self::full(self.ty) {
            1 << (self.ty.bits() - 1)
        } else {
            i32::midpoint(self.quant_min, self.quant_max)
        }
    }

    /// The same values in the type of the tensors that hold them: `i8 -8..=7` for `i4 -8..=7`.
    pub(crate) const fn held(self) -> Self {
        match QuantType::of(self.ty.dtype()) {
            Some(ty) => Self { ty, ..self },
            None => self,
        }
    }
}

impl fmt::Display for QuantRange {
    /// `i8 -127..=127`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}..={}", self.ty, self.quant_min, self.quant_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_in_their_type_and_hold_two_values() {
        for ty in QuantType::ALL {
            let (min, max) = ty.range();
            assert_eq!(QuantRange::new(ty, min, max), Ok(QuantRange::full(ty)));
            assert!(QuantRange::new(ty, 0, 1).is_ok());
            for (quant_min, quant_max) in [(1, 1), (1, 0)] {
                assert_eq!(
                    QuantRange::new(ty, quant_min, quant_max),
                    Err(Error::QuantRange { ty, quant_min, quant_max })
                );
            }
            if ty != QuantType::I32 {
                assert!(QuantRange::new(ty, min - 1, max).is_err());
                assert!(QuantRange::new(ty, min, max + 1).is_err());
            }
        }
    }

    #[test]
    fn smaller_ranges_are_those_of_the_documentation() {
        let bounds = |range: QuantRange| (range.quant_min(), range.quant_max());
        assert_eq!(bounds(QuantRange::narrow(QuantType::I8)), (-127, 127));
        assert_eq!(bounds(QuantRange::narrow(QuantType::I4)), (-7, 7));
        assert_eq!(bounds(QuantRange::reduced(QuantType::U8)), (0, 127));
        assert_eq!(bounds(QuantRange::reduced(QuantType::I8)), (-64, 63));
        assert_eq!(QuantRange::full(QuantType::I32).width(), u32::MAX);
    }

    #[test]
    fn the_middle_is_the_zero_point_of_symmetric_parameters() {
        assert_eq!(QuantRange::full(QuantType::I16).middle(), 0);
        assert_eq!(QuantRange::full(QuantType::U4).middle(), 8);
        assert_eq!(QuantRange::full(QuantType::U8).middle(), 128);
        assert_eq!(QuantRange::full(QuantType::U16).middle(), 32_768);
        assert_eq!(QuantRange::reduced(QuantType::U8).middle(), 63);
        assert_eq!(QuantRange::new(QuantType::I8, 5, 10).map(QuantRange::middle), Ok(5));
    }
}

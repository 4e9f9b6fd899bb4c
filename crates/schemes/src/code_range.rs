//! A type of codes and the part of it that is used.

use core::fmt;

use crate::{CodeType, Error};

/// The codes `quant_min..=quant_max` of a type, at least two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CodeRange {
    ty: CodeType,
    quant_min: i32,
    quant_max: i32,
}

impl CodeRange {
    /// The codes `quant_min..=quant_max` of `ty`.
    ///
    /// # Errors
    ///
    /// [`Error::CodeRange`] if there are fewer than two, or one of them is not a value of the type.
    pub const fn new(ty: CodeType, quant_min: i32, quant_max: i32) -> Result<Self, Error> {
        let (least, greatest) = ty.range();
        if quant_min < least || quant_max > greatest || quant_min >= quant_max {
            return Err(Error::CodeRange { ty, quant_min, quant_max });
        }
        Ok(Self { ty, quant_min, quant_max })
    }

    /// Every code of `ty`.
    #[must_use]
    pub const fn full(ty: CodeType) -> Self {
        let (quant_min, quant_max) = ty.range();
        Self { ty, quant_min, quant_max }
    }

    /// Every code of `ty` without the smallest: as many negative as positive codes if it is signed, `[-127, 127]` for
    /// `i8`.
    #[must_use]
    pub const fn narrow(ty: CodeType) -> Self {
        let (least, quant_max) = ty.range();
        Self { ty, quant_min: least + 1, quant_max }
    }

    /// The lower half of the codes of `ty` if it is unsigned, the middle half if it is signed: `[0, 127]` for `u8`,
    /// `[-64, 63]` for `i8`. PyTorch's `reduce_range`.
    #[must_use]
    pub const fn reduced(ty: CodeType) -> Self {
        let (least, greatest) = ty.range();
        Self { ty, quant_min: least / 2, quant_max: greatest / 2 }
    }

    /// The type.
    #[must_use]
    pub const fn code_type(self) -> CodeType {
        self.ty
    }

    /// The smallest code.
    #[must_use]
    pub const fn quant_min(self) -> i32 {
        self.quant_min
    }

    /// The largest code.
    #[must_use]
    pub const fn quant_max(self) -> i32 {
        self.quant_max
    }

    /// The number of steps from the smallest to the largest code: `quant_max - quant_min`.
    #[must_use]
    pub const fn steps(self) -> u32 {
        self.quant_max.abs_diff(self.quant_min)
    }

    /// Whether `code` is one of the codes.
    #[must_use]
    pub const fn contains(self, code: i32) -> bool {
        self.quant_min <= code && code <= self.quant_max
    }

    /// The code nearest to `code`.
    #[must_use]
    pub fn clamp(self, code: i32) -> i32 {
        code.clamp(self.quant_min, self.quant_max)
    }

    /// The zero point of symmetric parameters: 0 for signed types (or the code nearest to it), `2^(bits - 1)` for all
    /// codes of an unsigned type, `(quant_min + quant_max) / 2` rounded down for a part of them.
    ///
    /// Source: `_calculate_qparams` of PyTorch for `i8` and `u8`, whose rule the other types follow here; there all of
    /// `u16` has 32768, whatever the part.
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
}

impl fmt::Display for CodeRange {
    /// `i8 -127..=127`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}..={}", self.ty, self.quant_min, self.quant_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_in_their_type_and_hold_two_codes() {
        for ty in CodeType::ALL {
            let (least, greatest) = ty.range();
            assert_eq!(CodeRange::new(ty, least, greatest), Ok(CodeRange::full(ty)));
            assert!(CodeRange::new(ty, 1, 2).is_ok());
            for (quant_min, quant_max) in [(1, 1), (2, 1)] {
                assert_eq!(
                    CodeRange::new(ty, quant_min, quant_max),
                    Err(Error::CodeRange { ty, quant_min, quant_max })
                );
            }
            if ty != CodeType::I32 {
                assert!(CodeRange::new(ty, least - 1, greatest).is_err());
                assert!(CodeRange::new(ty, least, greatest + 1).is_err());
            }
        }
    }

    #[test]
    fn parts_are_those_of_the_documentation() {
        let bounds = |range: CodeRange| (range.quant_min(), range.quant_max());
        assert_eq!(bounds(CodeRange::narrow(CodeType::I8)), (-127, 127));
        assert_eq!(bounds(CodeRange::narrow(CodeType::I4)), (-7, 7));
        assert_eq!(bounds(CodeRange::reduced(CodeType::U8)), (0, 127));
        assert_eq!(bounds(CodeRange::reduced(CodeType::I8)), (-64, 63));
        assert_eq!(CodeRange::full(CodeType::I32).steps(), u32::MAX);
    }

    #[test]
    fn the_middle_is_the_zero_point_of_symmetric_parameters() {
        assert_eq!(CodeRange::full(CodeType::I16).middle(), 0);
        assert_eq!(CodeRange::full(CodeType::U4).middle(), 8);
        assert_eq!(CodeRange::full(CodeType::U8).middle(), 128);
        assert_eq!(CodeRange::full(CodeType::U16).middle(), 32_768);
        assert_eq!(CodeRange::reduced(CodeType::U8).middle(), 63);
        assert_eq!(CodeRange::new(CodeType::I8, 5, 10).map(CodeRange::middle), Ok(5));
    }
}

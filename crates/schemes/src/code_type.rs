//! The types that codes can have, wider than what tensors hold.

use core::fmt;

use fourfold_tensor::DType;

/// The type of a code.
///
/// Tensors hold `i8`, `u8` and `i32`; the others live in a [`QuantTensor`](crate::QuantTensor), packed, or in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodeType {
    /// Signed, 4 bits, two in a byte: -8 to 7.
    I4,
    /// Unsigned, 4 bits, two in a byte: 0 to 15.
    U4,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 16 bits.
    I16,
    /// Unsigned, 16 bits.
    U16,
    /// Signed, 32 bits.
    I32,
}

impl CodeType {
    /// Every type, by size.
    pub const ALL: [CodeType; 7] =
        [CodeType::I4, CodeType::U4, CodeType::I8, CodeType::U8, CodeType::I16, CodeType::U16, CodeType::I32];

    /// The type of the codes in a tensor of `dtype`, `None` if such a tensor holds no codes.
    #[must_use]
    pub const fn of(dtype: DType) -> Option<Self> {
        match dtype {
            DType::I8 => Some(CodeType::I8),
            DType::U8 => Some(CodeType::U8),
            DType::I32 => Some(CodeType::I32),
            _ => None,
        }
    }

    /// The element type of a tensor that holds such codes unpacked, one in each element: the smallest with all of them.
    #[must_use]
    pub const fn unpacked(self) -> DType {
        match self {
            CodeType::I4 | CodeType::I8 => DType::I8,
            CodeType::U4 | CodeType::U8 => DType::U8,
            CodeType::I16 | CodeType::U16 | CodeType::I32 => DType::I32,
        }
    }

    /// The size of a code in bits: 4, 8, 16 or 32.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            CodeType::I4 | CodeType::U4 => 4,
            CodeType::I8 | CodeType::U8 => 8,
            CodeType::I16 | CodeType::U16 => 16,
            CodeType::I32 => 32,
        }
    }

    /// Whether codes can be negative.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, CodeType::I4 | CodeType::I8 | CodeType::I16 | CodeType::I32)
    }

    /// The smallest and the largest value.
    #[must_use]
    pub const fn range(self) -> (i32, i32) {
        match self {
            CodeType::I4 => (-8, 7),
            CodeType::U4 => (0, 15),
            CodeType::I8 => (-128, 127),
            CodeType::U8 => (0, 255),
            CodeType::I16 => (-32_768, 32_767),
            CodeType::U16 => (0, 65_535),
            CodeType::I32 => (i32::MIN, i32::MAX),
        }
    }

    /// The name in lower case: `"i4"`, `"u4"`, `"i8"`, `"u8"`, `"i16"`, `"u16"` or `"i32"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CodeType::I4 => "i4",
            CodeType::U4 => "u4",
            CodeType::I8 => "i8",
            CodeType::U8 => "u8",
            CodeType::I16 => "i16",
            CodeType::U16 => "u16",
            CodeType::I32 => "i32",
        }
    }
}

impl fmt::Display for CodeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_the_bits() {
        for ty in CodeType::ALL {
            let (least, greatest) = ty.range();
            assert_eq!(i64::from(greatest) - i64::from(least) + 1, 1 << ty.bits(), "{ty}");
            assert_eq!(least < 0, ty.is_signed(), "{ty}");
        }
    }

    #[test]
    fn types_of_tensors_hold_their_own_codes() {
        for dtype in DType::ALL {
            assert!(CodeType::of(dtype).is_none_or(|ty| ty.unpacked() == dtype && ty.name() == dtype.name()));
        }
    }
}

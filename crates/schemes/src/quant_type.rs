//! The types of quantized values.

use core::fmt;

use fourfold_tensor::DType;

/// The type of a quantized value.
///
/// Tensors hold `i8`, `u8` and `i32`. Values of another type are held one in each element of the next wider type
/// ([`QuantType::dtype`]), and packed in files ([`pack`](crate::pack)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuantType {
    /// Signed, 2 bits: -2 to 1.
    I2,
    /// Unsigned, 2 bits: 0 to 3.
    U2,
    /// Signed, 4 bits: -8 to 7.
    I4,
    /// Unsigned, 4 bits: 0 to 15.
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

impl QuantType {
    /// Every type, by size.
    pub const ALL: [QuantType; 9] = [
        QuantType::I2,
        QuantType::U2,
        QuantType::I4,
        QuantType::U4,
        QuantType::I8,
        QuantType::U8,
        QuantType::I16,
        QuantType::U16,
        QuantType::I32,
    ];

    /// The type that a tensor of `dtype` holds, `None` if such a tensor holds no quantized values.
    #[must_use]
    pub const fn of(dtype: DType) -> Option<Self> {
        match dtype {
            DType::I8 => Some(QuantType::I8),
            DType::U8 => Some(QuantType::U8),
            DType::I32 => Some(QuantType::I32),
            DType::F32 | DType::I64 | DType::Bool | DType::F16 | DType::BF16 | DType::F64 => None,
        }
    }

    /// The element type of a tensor that holds such values, one in each element.
    #[must_use]
    pub const fn dtype(self) -> DType {
        match self {
            QuantType::I2 | QuantType::I4 | QuantType::I8 => DType::I8,
            QuantType::U2 | QuantType::U4 | QuantType::U8 => DType::U8,
            QuantType::I16 | QuantType::U16 | QuantType::I32 => DType::I32,
        }
    }

    /// The size of a value in bits: 2, 4, 8, 16 or 32.
    #[must_use]
    pub const fn bits(self) -> usize {
        match self {
            QuantType::I2 | QuantType::U2 => 2,
            QuantType::I4 | QuantType::U4 => 4,
            QuantType::I8 | QuantType::U8 => 8,
            QuantType::I16 | QuantType::U16 => 16,
            QuantType::I32 => 32,
        }
    }

    /// Whether values can be negative.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        match self {
            QuantType::I2 | QuantType::I4 | QuantType::I8 | QuantType::I16 | QuantType::I32 => true,
            QuantType::U2 | QuantType::U4 | QuantType::U8 | QuantType::U16 => false,
        }
    }

    /// The smallest and the largest value.
    #[must_use]
    pub const fn range(self) -> (i32, i32) {
        match self {
            QuantType::I2 => (-2, 1),
            QuantType::U2 => (0, 3),
            QuantType::I4 => (-8, 7),
            QuantType::U4 => (0, 15),
            QuantType::I8 => (-128, 127),
            QuantType::U8 => (0, 255),
            QuantType::I16 => (-32_768, 32_767),
            QuantType::U16 => (0, 65_535),
            QuantType::I32 => (i32::MIN, i32::MAX),
        }
    }

    /// The name in lower case: `"i2"`, `"u2"`, `"i4"`, `"u4"`, `"i8"`, `"u8"`, `"i16"`, `"u16"` or `"i32"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            QuantType::I2 => "i2",
            QuantType::U2 => "u2",
            QuantType::I4 => "i4",
            QuantType::U4 => "u4",
            QuantType::I8 => "i8",
            QuantType::U8 => "u8",
            QuantType::I16 => "i16",
            QuantType::U16 => "u16",
            QuantType::I32 => "i32",
        }
    }
}

impl fmt::Display for QuantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_the_bits() {
        for ty in QuantType::ALL {
            let (min, max) = ty.range();
            assert_eq!(i64::from(max) - i64::from(min) + 1, 1 << ty.bits(), "{ty}");
            assert_eq!(min < 0, ty.is_signed(), "{ty}");
        }
    }

    #[test]
    fn tensors_hold_every_value() {
        for dtype in DType::ALL {
            assert!(QuantType::of(dtype).is_none_or(|ty| ty.dtype() == dtype && ty.name() == dtype.name()));
        }
        for ty in QuantType::ALL {
            let held = QuantType::of(ty.dtype()).expect("a type of tensors").range();
            assert!(held.0 <= ty.range().0 && ty.range().1 <= held.1, "{ty}");
        }
    }
}

//! Element types.

use core::fmt;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DType {
    /// IEEE 754 single precision.
    F32,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 32-bit integer.
    I32,
    /// Signed 64-bit integer.
    I64,
    /// Bool: a byte, 0 or 1. In Rust its elements are `u8`.
    Bool,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of an `f32`: its range with 8 bits of precision.
    BF16,
    /// IEEE 754 double precision.
    F64,
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 9] =
        [DType::F32, DType::I8, DType::U8, DType::I32, DType::I64, DType::Bool, DType::F16, DType::BF16, DType::F64];

    /// The size of one element in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            DType::I8 | DType::U8 | DType::Bool => 1,
            DType::F16 | DType::BF16 => 2,
            DType::F32 | DType::I32 => 4,
            DType::I64 | DType::F64 => 8,
        }
    }

    /// The name in lower case: `"f32"`, `"i8"`, `"u8"`, `"i32"`, `"i64"`, `"bool"`, `"f16"`, `"bf16"` or `"f64"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::I8 => "i8",
            DType::U8 => "u8",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::Bool => "bool",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::F64 => "f64",
        }
    }

    /// The smallest and the largest value of an integer type of 8 bits, `None` for the others.
    ///
    /// Bools are not integers.
    #[must_use]
    pub const fn byte_range(self) -> Option<(i32, i32)> {
        match self {
            DType::I8 => Some((-128, 127)),
            DType::U8 => Some((0, 255)),
            DType::F32 | DType::I32 | DType::I64 | DType::Bool | DType::F16 | DType::BF16 | DType::F64 => None,
        }
    }

    /// Whether elements are whole numbers.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(self, DType::I8 | DType::U8 | DType::I32 | DType::I64)
    }

    /// Whether elements are floats, of any precision.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F16 | DType::BF16 | DType::F64)
    }

    /// Whether elements may be read and written as `element`: their own type, and `u8` for bools.
    #[must_use]
    pub(crate) fn is_read_as(self, element: DType) -> bool {
        self == element || self == DType::Bool && element == DType::U8
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type that is a tensor's element type.
///
/// Sealed: the element types are the variants of [`DType`], but for bools, which are read and written as `u8`. A
/// number written without its type, `0.5`, is `f64` to Rust where nothing else decides.
pub trait Element: bytemuck::Pod + PartialEq + fmt::Debug + sealed::Sealed {
    /// The [`DType`] of this type.
    const DTYPE: DType;
}

mod sealed {
    //! Keeps [`Element`](super::Element) closed.

    /// Implemented by the element types of this crate only.
    pub trait Sealed {}
}

impl sealed::Sealed for f32 {}
impl Element for f32 {
    const DTYPE: DType = DType::F32;
}

impl sealed::Sealed for i8 {}
impl Element for i8 {
    const DTYPE: DType = DType::I8;
}

impl sealed::Sealed for u8 {}
impl Element for u8 {
    const DTYPE: DType = DType::U8;
}

impl sealed::Sealed for i32 {}
impl Element for i32 {
    const DTYPE: DType = DType::I32;
}

impl sealed::Sealed for i64 {}
impl Element for i64 {
    const DTYPE: DType = DType::I64;
}

impl sealed::Sealed for half::f16 {}
impl Element for half::f16 {
    const DTYPE: DType = DType::F16;
}

impl sealed::Sealed for half::bf16 {}
impl Element for half::bf16 {
    const DTYPE: DType = DType::BF16;
}

impl sealed::Sealed for f64 {}
impl Element for f64 {
    const DTYPE: DType = DType::F64;
}

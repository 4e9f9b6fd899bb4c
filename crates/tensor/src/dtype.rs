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
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 5] = [DType::F32, DType::I8, DType::U8, DType::I32, DType::I64];

    /// The size of one element in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            DType::I8 | DType::U8 => 1,
            DType::F32 | DType::I32 => 4,
            DType::I64 => 8,
        }
    }

    /// The name in lower case: `"f32"`, `"i8"`, `"u8"`, `"i32"` or `"i64"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::I8 => "i8",
            DType::U8 => "u8",
            DType::I32 => "i32",
            DType::I64 => "i64",
        }
    }

    /// The smallest and the largest value of an 8-bit type, `None` for the others.
    #[must_use]
    pub const fn byte_range(self) -> Option<(i32, i32)> {
        match self {
            DType::I8 => Some((-128, 127)),
            DType::U8 => Some((0, 255)),
            DType::F32 | DType::I32 | DType::I64 => None,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type that is a tensor's element type.
///
/// Sealed: the element types are the variants of [`DType`].
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

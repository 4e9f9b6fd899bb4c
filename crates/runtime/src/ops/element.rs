//! Elements by their type or size.

use fourfold_tensor::Element;

/// Runs `$run::<T>` with an element of as many bytes; what the bytes mean does not matter to operators that move them.
macro_rules! by_size {
    ($size:expr, $self:ident.$run:ident($call:expr)) => {
        match $size {
            1 => $self.$run::<u8>($call),
            4 => $self.$run::<i32>($call),
            _ => $self.$run::<i64>($call),
        }
    };
}
pub(crate) use by_size;

/// A type of integers.
pub(crate) trait Integer: Element + Ord + Into<i64> {
    const MIN: Self;
    const MAX: Self;

    /// The lowest bits.
    fn narrow(wide: i64) -> Self;
}

/// `$self.$run::<T>($call)` for the integers `T` of a type.
macro_rules! by_integer {
    ($dtype:expr, $self:ident.$run:ident($call:expr)) => {
        match $dtype {
            DType::I8 => $self.$run::<i8>($call),
            DType::U8 => $self.$run::<u8>($call),
            DType::I32 => $self.$run::<i32>($call),
            _ => $self.$run::<i64>($call),
        }
    };
}
pub(crate) use by_integer;

macro_rules! integer {
    ($($integer:ident),*) => {$(
        impl Integer for $integer {
            const MIN: Self = $integer::MIN;
            const MAX: Self = $integer::MAX;

            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the lowest bits are wanted")]
            fn narrow(wide: i64) -> Self {
                wide as Self
            }
        }
    )*};
}
integer!(i8, u8, i32, i64);

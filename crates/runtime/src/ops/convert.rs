//! Elements of another type, by the rule of [`CastTo`].

use fourfold_graph::CastTo;
use fourfold_tensor::{DType, Element};

use super::{Action, Call};
use crate::Error;

/// Elements of another type.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) from: DType,
    pub(crate) to: CastTo,
}

/// What every number type becomes.
trait Number: Element {
    fn real(self) -> f32;
    fn wide(self) -> i64;
    /// As `i32`, of which integers of 8 bits keep the lowest.
    fn word(self) -> i32;
    fn truth(self) -> bool;
}

impl Number for f32 {
    fn real(self) -> f32 {
        self
    }

    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    fn wide(self) -> i64 {
        // 2^63 is the smallest number above the range; NaN is in no range.
        if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&self) { self as i64 } else { i64::MIN }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    fn word(self) -> i32 {
        if (-2_147_483_648.0..2_147_483_648.0).contains(&self) { self as i32 } else { i32::MIN }
    }

    fn truth(self) -> bool {
        self != 0.0
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Number for $integer {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "rounds to nearest, ties to even")]
            fn real(self) -> f32 {
                self as f32
            }

            fn wide(self) -> i64 {
                i64::from(self)
            }

            #[expect(clippy::cast_possible_truncation, reason = "integers keep their lowest bits")]
            fn word(self) -> i32 {
                i64::from(self) as i32
            }

            fn truth(self) -> bool {
                self != 0
            }
        }
    )*};
}

integers!(i8, u8, i32, i64);

impl Cast {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "integers keep their lowest bits")]
    fn cast<T: Number>(&self, call: Call<'_>) {
        fn each<T: Number, U: Element>(call: Call<'_>, f: fn(T) -> U) {
            let out = bytemuck::cast_slice_mut::<u8, U>(call.output);
            out.iter_mut().zip(call.inputs[0].elements::<T>()).for_each(|(out, x)| *out = f(*x));
        }
        match self.to {
            CastTo::F32 => each(call, T::real),
            CastTo::I64 => each(call, T::wide),
            CastTo::I32 => each(call, T::word),
            CastTo::I8 => each(call, |x: T| x.word() as i8),
            CastTo::U8 => each(call, |x: T| x.word() as u8),
            CastTo::Truth => each(call, |x: T| u8::from(x.truth())),
        }
    }
}

impl Action for Cast {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        match self.from {
            DType::F32 => self.cast::<f32>(call),
            DType::I64 => self.cast::<i64>(call),
            DType::I32 => self.cast::<i32>(call),
            DType::I8 => self.cast::<i8>(call),
            DType::U8 | DType::Bool => self.cast::<u8>(call),
        }
        Ok(())
    }
}

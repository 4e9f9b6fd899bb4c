//! Elements of another type, by the rule of [`CastTo`].

use fourfold_graph::{CastTo, Node};
use fourfold_tensor::{DType, Element, Float, bf16, f16};

use super::{Action, Call, Lower};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::Cast {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let from = lowering.dtype(node);
        lowering.add(node, Layout::RowMajor, 1, Cast { from, to: self.to });
        Ok(())
    }
}

/// Elements of another type.
#[derive(Debug)]
struct Cast {
    from: DType,
    to: CastTo,
}

/// What every number type becomes.
trait Number: Element {
    fn single(self) -> f32;
    fn double(self) -> f64;
    /// A number of 16 bits: rounded once where this is a float, else from single precision.
    fn half<T: Float>(self) -> T;
    fn wide(self) -> i64;
    /// As `i32`, of which integers of 8 bits keep the lowest.
    fn word(self) -> i32;
    fn bool(self) -> bool;
}

macro_rules! floats {
    ($($float:ty),*) => {$(
        impl Number for $float {
            fn single(self) -> f32 {
                Float::single(self)
            }

            fn double(self) -> f64 {
                Float::double(self)
            }

            fn half<T: Float>(self) -> T {
                T::of_double(Float::double(self))
            }

            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            fn wide(self) -> i64 {
                // The smallest number above the range; NaN is in no range.
                const END: f64 = 9_223_372_036_854_775_808.0;
                let x = Float::double(self);
                if (-END..END).contains(&x) { x as i64 } else { i64::MIN }
            }

            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            fn word(self) -> i32 {
                let x = Float::double(self).trunc();
                if (-2_147_483_648.0..2_147_483_648.0).contains(&x) { x as i32 } else { i32::MIN }
            }

            fn bool(self) -> bool {
                Float::double(self) != 0.0
            }
        }
    )*};
}

floats!(f32, f16, bf16, f64);

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Number for $integer {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "rounds to nearest, ties to even")]
            fn single(self) -> f32 {
                self as f32
            }

            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "rounds to nearest, ties to even")]
            fn double(self) -> f64 {
                self as f64
            }

            fn half<T: Float>(self) -> T {
                T::of_single(Number::single(self))
            }

            fn wide(self) -> i64 {
                i64::from(self)
            }

            #[expect(clippy::cast_possible_truncation, reason = "integers keep their lowest bits")]
            fn word(self) -> i32 {
                i64::from(self) as i32
            }

            fn bool(self) -> bool {
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
            CastTo::F32 => each(call, T::single),
            CastTo::F16 => each(call, T::half::<f16>),
            CastTo::BF16 => each(call, T::half::<bf16>),
            CastTo::F64 => each(call, T::double),
            CastTo::I64 => each(call, T::wide),
            CastTo::I32 => each(call, T::word),
            CastTo::I8 => each(call, |x: T| x.word() as i8),
            CastTo::U8 => each(call, |x: T| x.word() as u8),
            CastTo::Bool => each(call, |x: T| u8::from(x.bool())),
        }
    }
}

impl Action for Cast {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        match self.from {
            DType::F32 => self.cast::<f32>(call),
            DType::F16 => self.cast::<f16>(call),
            DType::BF16 => self.cast::<bf16>(call),
            DType::F64 => self.cast::<f64>(call),
            DType::I64 => self.cast::<i64>(call),
            DType::I32 => self.cast::<i32>(call),
            DType::I8 => self.cast::<i8>(call),
            DType::U8 | DType::Bool => self.cast::<u8>(call),
        }
        Ok(())
    }
}

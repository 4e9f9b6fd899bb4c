//! Conversions between the float types.

use half::{bf16, f16};

use crate::{DType, Element, Error, Tensor};

/// A float element type.
///
/// Every conversion rounds once to the nearest number, ties to even. Numbers beyond the largest of a type become
/// infinite, those below half of its smallest 0, each with its sign; NaN stays NaN.
pub trait Float: Element {
    /// The nearest number of this type.
    fn of_single(number: f32) -> Self;

    /// The nearest number of this type.
    fn of_double(number: f64) -> Self;

    /// The nearest number of single precision: the same one for all types but `f64`.
    fn single(self) -> f32;

    /// The same number.
    fn double(self) -> f64;
}

impl Float for f32 {
    fn of_single(number: f32) -> Self {
        number
    }

    #[expect(clippy::cast_possible_truncation, reason = "rounds")]
    fn of_double(number: f64) -> Self {
        number as f32
    }

    fn single(self) -> f32 {
        self
    }

    fn double(self) -> f64 {
        self.into()
    }
}

impl Float for f64 {
    fn of_single(number: f32) -> Self {
        number.into()
    }

    fn of_double(number: f64) -> Self {
        number
    }

    fn single(self) -> f32 {
        f32::of_double(self)
    }

    fn double(self) -> f64 {
        self
    }
}

impl Float for f16 {
    fn of_single(number: f32) -> Self {
        f16::from_f32(number)
    }

    fn of_double(number: f64) -> Self {
        f16::from_f32(rounded_to_odd(number))
    }

    fn single(self) -> f32 {
        f16::to_f32(self)
    }

    fn double(self) -> f64 {
        f16::to_f32(self).into()
    }
}

impl Float for bf16 {
    fn of_single(number: f32) -> Self {
        bf16::from_f32(number)
    }

    fn of_double(number: f64) -> Self {
        bf16::from_f32(rounded_to_odd(number))
    }

    fn single(self) -> f32 {
        bf16::to_f32(self)
    }

    fn double(self) -> f64 {
        bf16::to_f32(self).into()
    }
}

impl Tensor {
    /// The same numbers in another float type, rounded as [`Float`] says; a wider type holds each exactly.
    /// The same type gives the same tensor, without copying.
    ///
    /// ```
    /// use fourfold_tensor::{DType, Tensor, f16};
    ///
    /// let x = Tensor::from_vec(&[3], vec![1.0_f64, 1e5, 0.1])?;
    /// let rounded = x.to_float(DType::F16)?;
    /// assert_eq!(rounded.as_slice::<f16>()?, [f16::ONE, f16::INFINITY, f16::from_f32(0.1)]);
    /// # Ok::<(), fourfold_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFloat`] if either type is not a float type, and [`Error::OutOfMemory`].
    pub fn to_float(&self, to: DType) -> Result<Self, Error> {
        if self.dtype() == to && to.is_float() {
            return Ok(self.clone());
        }
        match self.dtype() {
            DType::F32 => self.converted::<f32>(to),
            DType::F64 => self.converted::<f64>(to),
            DType::F16 => self.converted::<f16>(to),
            DType::BF16 => self.converted::<bf16>(to),
            from => Err(Error::NotFloat { from, to }),
        }
    }

    fn converted<T: Float>(&self, to: DType) -> Result<Self, Error> {
        let (shape, elements) = (self.shape(), self.as_slice::<T>()?.iter());
        match to {
            DType::F32 => Self::from_elements(shape, elements.map(|x| x.single())),
            DType::F64 => Self::from_elements(shape, elements.map(|x| x.double())),
            DType::F16 => Self::from_elements(shape, elements.map(|x| f16::of_double(x.double()))),
            DType::BF16 => Self::from_elements(shape, elements.map(|x| bf16::of_double(x.double()))),
            to => Err(Error::NotFloat { from: T::DTYPE, to }),
        }
    }
}

/// The number in single precision if that is exact, else the neighbour whose last bit is 1.
///
/// With at least two bits less, rounding this to nearest gives what rounding `x` itself does (S. Boldo and
/// G. Melquiond, "When double rounding is odd", 2005). So nothing is rounded to nearest twice.
fn rounded_to_odd(x: f64) -> f32 {
    let nearest = f32::of_double(x);
    if nearest.is_nan() || f64::from(nearest) == x || nearest.to_bits() & 1 == 1 {
        return nearest;
    }
    // The magnitude is in the lower bits, for subnormal and infinite numbers too; 0 is below every other.
    let towards = if f64::from(nearest).abs() > x.abs() { -1 } else { 1 };
    f32::from_bits(nearest.to_bits().wrapping_add_signed(towards))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(to: DType, x: f64) -> f64 {
        let tensor = Tensor::from_slice(&[1], &[x]).and_then(|x| x.to_float(to)?.to_float(DType::F64));
        tensor.expect("one number").as_slice::<f64>().expect("f64")[0]
    }

    /// Every number of 16 bits that is not NaN, in order.
    fn all(to: DType) -> Vec<f64> {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let wide = Tensor::from_le_bytes(to, &[1 << 16], &bytes).and_then(|all| all.to_float(DType::F64));
        let wide = wide.expect("floats");
        let mut all: Vec<f64> = wide.as_slice().expect("f64").iter().copied().filter(|x: &f64| !x.is_nan()).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    #[test]
    fn widening_is_exact() {
        // 0x3555 is 1/3 of half precision, 0x0001 the smallest, 0x7BFF the largest.
        let halves = [0x3555, 0x0001, 0x7BFF, 0xC000].map(f16::from_bits);
        let wide = Tensor::from_slice(&[4], &halves).and_then(|x| x.to_float(DType::F64)).expect("four");
        assert_eq!(wide.as_slice(), Ok(&[0.333_251_953_125, 2_f64.powi(-24), 65_504.0, -2.0][..]));
        for dtype in [DType::F16, DType::BF16] {
            for &x in &all(dtype) {
                assert_eq!(narrowed(dtype, x).to_bits(), x.to_bits(), "{dtype} {x}");
            }
        }
    }

    #[test]
    fn numbers_become_the_nearest() {
        for dtype in [DType::F16, DType::BF16] {
            let all = all(dtype);
            for pair in all.windows(2).filter(|pair| pair.iter().all(|x| x.is_finite())) {
                let (low, high) = (pair[0], pair[1]);
                let middle = f64::midpoint(low, high);
                // The neighbours of the middle differ from it in bits that single precision does not have.
                let tie = narrowed(dtype, middle);
                let is_even = |x: f64| (x / (high - low)).rem_euclid(2.0) == 0.0;
                assert!(low == high || is_even(tie) && (tie == low || tie == high), "{dtype} {middle}");
                assert_eq!(narrowed(dtype, middle.next_down()), low, "{dtype} below {middle}");
                assert_eq!(narrowed(dtype, middle.next_up()), high, "{dtype} above {middle}");
            }
        }
    }

    #[test]
    fn what_is_too_large_is_infinite_and_too_small_is_zero() {
        for (dtype, largest, smallest) in [
            (DType::F16, 65_520.0, 2_f64.powi(-25)),
            (DType::BF16, f64::from(f32::from_bits(0x7F7F_8000)), 2_f64.powi(-134)),
            (DType::F32, 2_f64.powi(128) - 2_f64.powi(103), 2_f64.powi(-150)),
        ] {
            for sign in [1.0, -1.0] {
                assert_eq!(narrowed(dtype, sign * largest), sign * f64::INFINITY, "{dtype}");
                assert!(narrowed(dtype, sign * largest.next_down()).is_finite(), "{dtype}");
                assert_eq!(narrowed(dtype, sign * smallest).to_bits(), (sign * 0.0).to_bits(), "{dtype}");
                assert!(narrowed(dtype, sign * smallest.next_up()) != 0.0, "{dtype}");
                assert_eq!(narrowed(dtype, sign * f64::MAX), sign * f64::INFINITY);
                assert_eq!(narrowed(dtype, sign * f64::MIN_POSITIVE).to_bits(), (sign * 0.0).to_bits());
            }
            assert!(narrowed(dtype, f64::NAN).is_nan());
            assert_eq!(narrowed(dtype, f64::INFINITY), f64::INFINITY);
        }
    }

    #[test]
    fn other_types_are_refused() {
        let numbers = Tensor::from_slice(&[1], &[1_i64]).expect("one");
        assert_eq!(numbers.to_float(DType::F32), Err(Error::NotFloat { from: DType::I64, to: DType::F32 }));
        let real = Tensor::from_slice(&[1], &[1.0_f64]).expect("one");
        assert_eq!(real.to_float(DType::U8), Err(Error::NotFloat { from: DType::F64, to: DType::U8 }));
        assert_eq!(real.to_float(DType::F64).map(|same| same.bytes().as_ptr()), Ok(real.bytes().as_ptr()));
    }
}

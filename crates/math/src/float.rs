//! What the functions share: bits of `f32`, selections without branches, polynomials.

/// `ln 2` in two parts; `n * LN_2_HIGH` is exact for `|n| <= 2^8`.
pub(crate) const LN_2_HIGH: f32 = 0.693_145_75;
pub(crate) const LN_2_LOW: f32 = 1.428_606_8e-6;

/// `c[0] + c[1] x + c[2] x^2 + ...`, from the highest power down, each product and each sum rounded.
#[inline(always)]
pub(crate) fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    for power in (0..N - 1).rev() {
        sum = sum * x + coefficients[power];
    }
    sum
}

/// `x`, but `bound` if `x` is smaller; NaN stays.
#[inline(always)]
pub(crate) fn at_least(x: f32, bound: f32) -> f32 {
    if x < bound { bound } else { x }
}

/// `x`, but `bound` if `x` is larger; NaN stays.
#[inline(always)]
pub(crate) fn at_most(x: f32, bound: f32) -> f32 {
    if x > bound { bound } else { x }
}

/// `y`, but the one NaN that this crate gives if `x` is any NaN.
///
/// In integers, because to the compiler all NaN of arithmetic are the same, and it may take away the choice between
/// them.
#[inline(always)]
pub(crate) fn known(x: f32, y: f32) -> f32 {
    let is_nan = x.abs().to_bits() > f32::INFINITY.to_bits();
    f32::from_bits(if is_nan { f32::NAN.to_bits() } else { y.to_bits() })
}

/// `2^n` for `-126 <= n <= 127`.
#[inline(always)]
pub(crate) fn power_of_two(n: i32) -> f32 {
    f32::from_bits(n.wrapping_add(127).cast_unsigned() << 23)
}

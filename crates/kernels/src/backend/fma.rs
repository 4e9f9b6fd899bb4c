//! The fused multiply-add of `f32` without the instruction, by arithmetic of `f64`.

/// `a * b + c`, rounded once, to nearest, ties to even.
///
/// ```text
/// p = a * b                                  exact: 48 of 53 bits
/// s + e = p + c                              s rounded, e what is lost, by Knuth's TwoSum
/// odd(s + e)                                 s rounded toward zero, its last bit set if something is lost
/// ```
///
/// A number rounded to odd with 53 bits, at least two more than `f32` has, lies on the same side of every tie as the
/// exact one, so rounding it again is rounding once (Boldo and Melquiond, 2008). Where `s` is not finite, `e` is NaN,
/// and nothing is changed.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the one rounding")]
#[cfg_attr(
    all(feature = "std", not(test), any(target_arch = "aarch64", target_feature = "fma")),
    expect(dead_code, reason = "there is an instruction")
)]
pub(crate) fn fma(a: f32, b: f32, c: f32) -> f32 {
    let (p, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let s = p + c;
    let added = s - p;
    let e = (p - (s - added)) + (c - added);
    let is_inexact = u64::from((e < 0.0) | (e > 0.0));
    let is_too_far = ((s.to_bits() ^ e.to_bits()) >> 63) & is_inexact;
    f64::from_bits(s.to_bits().wrapping_sub(is_too_far) | is_inexact) as f32
}

//! Requantization multipliers, and how many products a sum may have.

use crate::{QuantParams, Scale};

/// The multiplier of equation (4): `m = s_a * s_w / s_y` in `f32`, in this order.
///
/// It may underflow to 0 or overflow to infinity; the arithmetic of (4) is defined for both.
#[must_use]
pub fn multiplier(s_a: Scale, s_w: Scale, s_y: Scale) -> f32 {
    s_a.get() * s_w.get() / s_y.get()
}

/// The largest number of products `(a - z_a)(b - z_b)` whose sum fits `i32`, whatever the quantized values are.
#[must_use]
pub fn exact_depth(a: &QuantParams, b: &QuantParams) -> usize {
    max_products(reach(a).saturating_mul(reach(b)))
}

/// The same for a weight and any activation of 8 bits; at most 65793, for `i8` weights with the zero point 0.
#[must_use]
pub fn exact_weight_depth(weight: &QuantParams) -> usize {
    max_products(reach(weight).max(128).saturating_mul(255))
}

/// The largest distance of a quantized value from its zero point.
fn reach(params: &QuantParams) -> u64 {
    let (min, max) = (i64::from(params.quant_min()), i64::from(params.quant_max()));
    let distances = params.zero_points().iter().map(|&zero_point| {
        let zero_point = i64::from(zero_point);
        (min - zero_point).unsigned_abs().max((max - zero_point).unsigned_abs())
    });
    distances.max().unwrap_or(0).max(1)
}

/// How many products of that size have a sum that fits `i32`.
fn max_products(product: u64) -> usize {
    usize::try_from(u64::from(i32::MAX.unsigned_abs()) / product).unwrap_or(usize::MAX)
}

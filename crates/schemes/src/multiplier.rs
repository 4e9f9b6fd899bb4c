//! Requantization multipliers, and how many products a sum may have.

use crate::{QuantParams, Scale};

/// The multiplier of equation (4): `m = s_a * s_w / s_y` in `f32`, in this order.
///
/// It may underflow to 0 or overflow to infinity; the arithmetic of (4) is defined for both.
#[must_use]
pub fn multiplier(s_a: Scale, s_w: Scale, s_y: Scale) -> f32 {
    s_a.get() * s_w.get() / s_y.get()
}

/// The largest number of products `(a - z_a)(b - z_b)` whose sum fits `i32` whatever the codes are.
#[must_use]
pub fn exact_depth(a: &QuantParams, b: &QuantParams) -> usize {
    let reach = |params: &QuantParams| {
        let (least, most) = (i64::from(params.quant_min()), i64::from(params.quant_max()));
        let steps = params.zero_points().iter().map(|&zero_point| {
            let zero_point = i64::from(zero_point);
            (least - zero_point).unsigned_abs().max((most - zero_point).unsigned_abs())
        });
        steps.max().unwrap_or(0).max(1)
    };
    usize::try_from(u64::from(i32::MAX.unsigned_abs()) / reach(a).saturating_mul(reach(b))).unwrap_or(usize::MAX)
}

//! Requantization multipliers.

use crate::Scale;

/// The multiplier of equation (4): `m = s_a * s_w / s_y` in `f32`, in this order.
///
/// It may underflow to 0 or overflow to infinity; the arithmetic of (4) is defined for both.
#[must_use]
pub fn multiplier(s_a: Scale, s_w: Scale, s_y: Scale) -> f32 {
    s_a.get() * s_w.get() / s_y.get()
}

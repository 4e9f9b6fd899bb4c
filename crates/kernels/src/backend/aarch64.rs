//! Backends of 64-bit Arm.
//!
//! The order is that of instructions for a product: `usmmla` multiplies 32 bytes, `sdot` 16, `smull` and its companions
//! 16 in three.

mod base;
mod dot;
mod i8mm;
mod neon;
mod quarter;

use super::{Backend, Products};

pub(crate) use dot::NeonDot;

/// ARMv8.0.
pub(crate) const NEON: Backend = Backend {
    products_above_min: Products::of::<neon::Neon<base::InPairs<false>>>(),
    ..Backend::of::<neon::Neon<base::InPairs<true>>>()
};

/// ARMv8.6.
pub(crate) const I8MM: Backend =
    Backend { is_fast: is_matrix_fast, ..Backend::with::<i8mm::NeonI8mm>(i8mm::PRODUCTS, i8mm::ROWS) };

/// Whether `usmmla` multiplies more in a cycle than `sdot`: it does on Arm's own cores, but not on those of Apple (M2:
/// 347 to 426 GOPS; M3 and M4: the same) and of Qualcomm (Snapdragon X: 4.3 to 5.2 TOPS).
fn is_matrix_fast() -> bool {
    // Machines with Windows and these instructions have Qualcomm's cores.
    !cfg!(any(target_vendor = "apple", target_os = "windows")) && !is_implemented_by(&[APPLE, QUALCOMM])
}

/// The implementer in the identification register of a core.
const APPLE: u8 = 0x61;
const QUALCOMM: u8 = 0x51;

/// Whether Linux says that the first core was made by one of `makers`.
fn is_implemented_by(makers: &[u8]) -> bool {
    #[cfg(all(feature = "std", target_os = "linux"))]
    {
        // Sixteen hexadecimal digits, of which the implementer is the first two of the last eight.
        let register = std::fs::read_to_string("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1");
        let maker = register.ok().and_then(|digits| {
            let value = u64::from_str_radix(digits.trim().trim_start_matches("0x"), 16).ok()?;
            u8::try_from(value >> 24 & 0xff).ok()
        });
        maker.is_some_and(|maker| makers.contains(&maker))
    }
    #[cfg(not(all(feature = "std", target_os = "linux")))]
    {
        let _ = makers;
        false
    }
}

/// Whether this CPU has all the features: asked of the CPU with `std`, of the compiler's target features without.
macro_rules! has {
    ($($feature:tt)+) => {{
        #[cfg(feature = "std")]
        let has = $(std::arch::is_aarch64_feature_detected!($feature))&&+;
        #[cfg(not(feature = "std"))]
        let has = $(cfg!(target_feature = $feature))&&+;
        has
    }};
}
use has;

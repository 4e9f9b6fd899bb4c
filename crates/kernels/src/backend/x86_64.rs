//! Backends of x86-64.

mod avx2;
mod avx512_vnni;
mod avx_vnni;
mod ymm;

pub(crate) use avx_vnni::AvxVnni;
#[cfg(test)]
pub(crate) use avx_vnni::AvxVnniByAvx512;
pub(crate) use avx2::Avx2;
pub(crate) use avx512_vnni::Avx512Vnni;

/// Whether this CPU has all the features: asked of the CPU with `std`, of the compiler's target features without.
macro_rules! has {
    ($($feature:tt)+) => {{
        #[cfg(feature = "std")]
        let has = $(std::arch::is_x86_feature_detected!($feature))&&+;
        #[cfg(not(feature = "std"))]
        let has = $(cfg!(target_feature = $feature))&&+;
        has
    }};
}
use has;

//! Loops compiled for the widest vectors of the CPU.
#![allow(
    unsafe_code,
    reason = "code for an instruction set may only be called where the CPU has it, which is asked first"
)]

/// Calls `f` compiled for the widest vectors that the CPU has: on x86-64 AVX-512 or AVX2, elsewhere those of the
/// target.
///
/// Only what is inlined into `f` is compiled so: mark it, and what it calls, `#[inline(always)]`. The width changes no
/// bit, since nothing is contracted or reordered by it.
///
/// ```
/// let mut x = [1.0_f32, 2.0, 3.0];
/// fourfold_math::wide(
///     #[inline(always)]
///     || x.iter_mut().for_each(|x| *x = fourfold_math::tanh(*x)),
/// );
/// assert_eq!(x[0], fourfold_math::tanh(1.0));
/// ```
#[inline(always)]
pub fn wide<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    {
        use std::arch::is_x86_feature_detected as has;

        if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
            // SAFETY: the CPU has AVX-512 F, BW, DQ and VL, as was just asked.
            return unsafe { avx512(f) };
        }
        if has!("avx2") {
            // SAFETY: the CPU has AVX2, as was just asked.
            return unsafe { avx2(f) };
        }
    }
    f()
}

/// Calls `f` compiled for AVX-512.
///
/// # Safety
///
/// The CPU has AVX-512 F, BW, DQ and VL.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Calls `f` compiled for AVX2.
///
/// # Safety
///
/// The CPU has AVX2.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[target_feature(enable = "avx2")]
fn avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(all(test, feature = "std", target_arch = "x86_64"))]
mod tests {
    use super::{avx2, avx512};
    use crate::{gelu, silu, tanh};

    /// The bits of three functions of every number.
    #[inline(always)]
    fn bits(x: &[f32], y: &mut [[u32; 3]]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = [tanh(x), gelu(x), silu(x)].map(f32::to_bits);
        }
    }

    #[test]
    fn the_width_changes_no_bit() {
        let x: [f32; 1000] = core::array::from_fn(|index| (index as f32 - 500.0) * 0.021);
        let [mut narrow, mut wide] = [[[0; 3]; 1000]; 2];
        bits(&x, &mut narrow);
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the CPU has AVX2, as was just asked.
            unsafe {
                avx2(
                    #[inline(always)]
                    || bits(&x, &mut wide),
                );
            }
            assert_eq!(wide, narrow);
        }
        let has_avx512 = std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl");
        if has_avx512 {
            wide.fill([0; 3]);
            // SAFETY: the CPU has AVX-512 BW, DQ and VL, as was just asked, and F, with which each of them comes.
            unsafe {
                avx512(
                    #[inline(always)]
                    || bits(&x, &mut wide),
                );
            }
            assert_eq!(wide, narrow);
        }
    }
}

//! The peak of this CPU: multiplication in registers, and reading from memory.
#![expect(unsafe_code, reason = "the loop that finds the peak is made of instructions")]

/// Multiplies in registers, as fast as this CPU can; returns the number of products.
pub(crate) fn peak_products() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512vnni") {
            // SAFETY: the CPU has the instructions.
            return unsafe { x86_64::vpdpbusd() };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the CPU has the instructions.
            return unsafe { x86_64::vpmaddwd() };
        }
    }
    1
}

/// Reads all of `data`; returns a value that depends on every element.
pub(crate) fn read(data: &[u64]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        // SAFETY: the CPU has the instructions.
        return unsafe { x86_64::read_wide(data) };
    }
    lanes(data)
}

/// In lanes that the compiler vectorizes.
#[inline(always)]
fn lanes(data: &[u64]) -> u64 {
    let mut lanes = [0; 64];
    for chunk in data.chunks_exact(64) {
        for (lane, word) in lanes.iter_mut().zip(chunk) {
            *lane ^= word;
        }
    }
    lanes.into_iter().fold(0, |all, lane| all ^ lane)
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    //! Register-only loops.

    use std::arch::x86_64::*;
    use std::hint::black_box;

    const ITERATIONS: usize = 4096;

    /// Dot products of four bytes (`vpdpbusd`).
    ///
    /// # Safety
    ///
    /// The CPU has AVX-512 F and VNNI.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn vpdpbusd() -> usize {
        let mut acc = [_mm512_setzero_si512(); 24];
        let (a, b) = (black_box(_mm512_set1_epi32(3)), black_box(_mm512_set1_epi32(5)));
        for _ in 0..ITERATIONS {
            for acc in &mut acc {
                *acc = _mm512_dpbusd_epi32(*acc, a, b);
            }
        }
        black_box(acc);
        ITERATIONS * 24 * 64
    }

    /// Like [`lanes`](super::lanes), in 512-bit vectors.
    ///
    /// # Safety
    ///
    /// The CPU has AVX-512 F.
    #[target_feature(enable = "avx512f")]
    pub(super) fn read_wide(data: &[u64]) -> u64 {
        super::lanes(data)
    }

    /// Dot products of two 16-bit words (`vpmaddwd`).
    ///
    /// # Safety
    ///
    /// The CPU has AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) fn vpmaddwd() -> usize {
        let mut acc = [_mm256_setzero_si256(); 12];
        let (a, b) = (black_box(_mm256_set1_epi32(3)), black_box(_mm256_set1_epi32(5)));
        for _ in 0..ITERATIONS {
            for acc in &mut acc {
                *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(a, b));
            }
        }
        black_box(acc);
        ITERATIONS * 12 * 16
    }
}

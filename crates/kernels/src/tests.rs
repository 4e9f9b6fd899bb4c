//! Every backend against the reference.
#![expect(clippy::cast_possible_truncation, reason = "values lie in the range of their type")]

mod conv;
mod elementwise;
mod extremes;
mod float;
mod gemm;
mod guard;
mod hostile;
mod noise;
mod shapes;
mod transposed;

use std::vec::Vec;

use crate::Kernel;

/// Every backend that this CPU can run, and those that there are for tests alone.
fn kernels() -> Vec<Kernel> {
    backends().chain(shapes::kernels()).collect()
}

/// The number of random cases for a kernel: a fifth for those that there are for tests alone, most of which a backend
/// shares.
fn cases(kernel: Kernel, count: usize) -> usize {
    if shapes::kernels().any(|shaped| shaped == kernel) { count / 5 } else { count }
}

/// Every backend that this CPU can run, and the AVX-VNNI one in the encoding of AVX512-VNNI where it has that.
fn backends() -> impl Iterator<Item = Kernel> {
    Kernel::supported().chain(avx_vnni_by_avx512())
}

#[cfg(target_arch = "x86_64")]
fn avx_vnni_by_avx512() -> Option<Kernel> {
    use crate::backend::{Backend, x86_64::AvxVnniByAvx512};
    static BY_AVX512: Backend = Backend::of::<AvxVnniByAvx512>();
    (BY_AVX512.is_supported)().then_some(Kernel(&BY_AVX512))
}

#[cfg(not(target_arch = "x86_64"))]
fn avx_vnni_by_avx512() -> Option<Kernel> {
    None
}

#[test]
#[cfg(target_arch = "x86_64")]
fn every_backend_that_this_cpu_has_is_tested() {
    let names: Vec<&str> = backends().map(Kernel::name).collect();
    let has_fma = std::arch::is_x86_feature_detected!("fma");
    let expected = [
        ("avx512-vnni", std::arch::is_x86_feature_detected!("avx512vnni")),
        ("avx-vnni", has_fma && std::arch::is_x86_feature_detected!("avxvnni")),
        ("avx2", has_fma && std::arch::is_x86_feature_detected!("avx2")),
        ("portable", true),
        ("avx-vnni by avx512", std::arch::is_x86_feature_detected!("avx512vnni")),
    ];
    let expected: Vec<&str> = expected.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect();
    assert_eq!(names, expected);
}

#[test]
#[cfg(target_arch = "aarch64")]
fn every_backend_that_this_cpu_has_is_tested() {
    let names: Vec<&str> = backends().map(Kernel::name).collect();
    let expected = [
        ("neon-i8mm", std::arch::is_aarch64_feature_detected!("i8mm")),
        ("neon-dot", std::arch::is_aarch64_feature_detected!("dotprod")),
        ("neon", true),
        ("portable", true),
    ];
    let expected: Vec<&str> = expected.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect();
    assert_eq!(names, expected);
}

#[test]
fn kernels_are_found_by_name() {
    for kernel in Kernel::supported() {
        assert_eq!(Kernel::by_name(kernel.name()), Some(kernel));
    }
    assert_eq!(Kernel::by_name("portable").map(Kernel::name), Some("portable"));
    assert_eq!(Kernel::by_name("abacus"), None);
    assert!(Kernel::supported().any(|kernel| kernel == Kernel::detect()));
}

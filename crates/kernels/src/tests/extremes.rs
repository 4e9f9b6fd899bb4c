//! Edge cases of the arithmetic: saturation, wrap-around, ties, extreme scales.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::kernels;
use super::noise::Noise;
use crate::{
    F32Output, I32Output, Kernel, Lhs, Output, QuantizedSlice, Requantized, Scales, Scratch, Weights, ZeroPoints,
    reference,
};

/// The sums of a product of `u8` and `i8` quantized values without zero points.
fn sums(kernel: Kernel, lhs: &[u8], rhs: &[i8], (m, n, k): (usize, usize, usize)) -> Vec<i32> {
    let packed =
        kernel.pack(&Weights::row_major(QuantizedSlice::I8(rhs), n, k, ZeroPoints::One(0))).expect("valid weights");
    let lhs = Lhs { values: QuantizedSlice::U8(lhs), m, row_stride: k, zero_points: ZeroPoints::One(0) };
    let mut out = vec![0; m * n];
    let output = Output::I32(I32Output { out: &mut out, row_stride: n, bias: None });
    kernel.gemm(&lhs, &packed, output, &mut Scratch::default()).expect("a valid product");
    out
}

#[test]
fn no_pair_of_values_saturates() {
    const UNSIGNED: [u8; 7] = [255, 0, 127, 128, 1, 254, 129];
    const SIGNED: [i8; 7] = [127, -128, -127, 0, 1, -1, 64];
    let (m, n, k) = (9, 50, 36);
    for kernel in kernels() {
        for a in UNSIGNED {
            for (b, c) in SIGNED.iter().flat_map(|&b| SIGNED.map(|c| (b, c))) {
                // Neighbours are equal in one half of the columns and different in the other.
                let rhs: Vec<i8> =
                    (0..n * k).map(|index| if index % 2 == 0 || index < n * k / 2 { b } else { c }).collect();
                let actual = sums(kernel, &vec![a; m * k], &rhs, (m, n, k));
                for (index, actual) in actual.into_iter().enumerate() {
                    let column = &rhs[index % n * k..][..k];
                    let expected: i32 = column.iter().map(|&w| i32::from(a) * i32::from(w)).sum();
                    assert_eq!(actual, expected, "{} {a} {b} {c}", kernel.name());
                }
            }
        }
    }
}

#[test]
fn signed_extremes_do_not_saturate() {
    let (m, n, k) = (7, 33, 40);
    let (lhs, rhs) = (vec![-128_i8; m * k], vec![-128_i8; n * k]);
    for kernel in kernels() {
        let packed =
            kernel.pack(&Weights::row_major(QuantizedSlice::I8(&rhs), n, k, ZeroPoints::One(0))).expect("valid");
        let lhs = Lhs { values: QuantizedSlice::I8(&lhs), m, row_stride: k, zero_points: ZeroPoints::One(127) };
        let mut out = vec![0; m * n];
        let output = Output::I32(I32Output { out: &mut out, row_stride: n, bias: None });
        kernel.gemm(&lhs, &packed, output, &mut Scratch::default()).expect("a valid product");
        assert!(out.iter().all(|&sum| sum == 40 * 255 * 128), "{}", kernel.name());
    }
}

#[test]
fn deep_sums_wrap_on_the_way_and_come_back() {
    // The sums of products leave the range of `i32`; the zero point brings them back.
    let (m, n, k) = (3, 20, 70_000);
    let (lhs, rhs) = (vec![255_u8; m * k], vec![127_i8; n * k]);
    for kernel in kernels() {
        let packed =
            kernel.pack(&Weights::row_major(QuantizedSlice::I8(&rhs), n, k, ZeroPoints::One(0))).expect("valid");
        let lhs = Lhs { values: QuantizedSlice::U8(&lhs), m, row_stride: k, zero_points: ZeroPoints::One(254) };
        let mut out = vec![0; m * n];
        let output = Output::I32(I32Output { out: &mut out, row_stride: n, bias: None });
        kernel.gemm(&lhs, &packed, output, &mut Scratch::default()).expect("a valid product");
        assert!(out.iter().all(|&sum| sum == 70_000 * 127), "{}", kernel.name());
        // 65,793 products of extremes are the most that fit.
        let k = 65_793;
        let deepest = sums(kernel, &vec![255; k], &vec![-128; k], (1, 1, k));
        assert_eq!(i64::from(deepest[0]), -32_640 * 65_793, "{}", kernel.name());
    }
}

#[test]
fn extreme_scales_are_defined() {
    const SUMS: [i32; 14] =
        [i32::MIN, i32::MAX, -(1 << 24) - 1, (1 << 24) + 1, 1 << 24, 0, 1, -1, 3, 5, -5, 255, 256, -12_345];
    const SCALES: [f32; 14] = [
        0.5,
        1.5,
        0.25,
        2.328_306_4e-10,
        1e-38,
        1e-45,
        255.9,
        0.0,
        -0.0,
        f32::MAX,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        -0.5,
    ];
    let n = SUMS.len() * SCALES.len();
    let bias: Vec<i32> = SUMS.iter().flat_map(|&sum| [sum; SCALES.len()]).collect();
    let multipliers: Vec<f32> = SUMS.iter().flat_map(|_| SCALES).collect();
    let weights = Weights::row_major(QuantizedSlice::I8(&[]), n, 0, ZeroPoints::One(0));
    let lhs = Lhs { values: QuantizedSlice::U8(&[]), m: 1, row_stride: 0, zero_points: ZeroPoints::One(0) };
    for kernel in kernels() {
        let packed = kernel.pack(&weights).expect("no values");
        for (zero_point, q_min, q_max) in [(0, 0, 255), (255, 0, 255), (7, 7, 255), (100, 100, 100), (3, 0, 127)] {
            let mut out = [vec![0_u8; n], vec![1_u8; n]];
            let [expected, actual] = &mut out;
            reference::gemm(&lhs, &weights, requantized(expected, &bias, &multipliers, (zero_point, q_min, q_max)));
            let output = requantized(actual, &bias, &multipliers, (zero_point, q_min, q_max));
            kernel.gemm(&lhs, &packed, output, &mut Scratch::default()).expect("a valid product");
            assert_eq!(expected, actual, "{}", kernel.name());
        }
    }
}

fn requantized<'a>(
    out: &'a mut [u8],
    bias: &'a [i32],
    multipliers: &'a [f32],
    (zero_point, q_min, q_max): (i32, i32, i32),
) -> Output<'a> {
    let (row_stride, multipliers) = (out.len(), Scales::Each(multipliers));
    Output::U8(Requantized { out, row_stride, bias: Some(bias), multipliers, zero_point, q_min, q_max, residual: None })
}

#[test]
fn threads_change_nothing() {
    let mut noise = Noise::new(17);
    for (m, n, k) in [(300, 200, 256), (1, 4000, 3000), (5000, 40, 70), (23, 1500, 500)] {
        let (lhs, rhs, scales) = (noise.bytes(m * k), noise.signed(n * k), noise.reals(n));
        for kernel in kernels().into_iter().filter(|kernel| !kernel.name().starts_with("portable")) {
            let packed =
                kernel.pack(&Weights::row_major(QuantizedSlice::I8(&rhs), n, k, ZeroPoints::One(0))).expect("valid");
            let run = || {
                let lhs = Lhs { values: QuantizedSlice::U8(&lhs), m, row_stride: k, zero_points: ZeroPoints::One(9) };
                let mut out = vec![0.0_f32; m * n];
                let output = Output::F32(F32Output {
                    out: &mut out,
                    row_stride: n,
                    row_scales: Scales::One(0.37),
                    column_scales: Scales::Each(&scales),
                    bias: None,
                    min: f32::NEG_INFINITY,
                    max: f32::INFINITY,
                });
                kernel.gemm(&lhs, &packed, output, &mut Scratch::default()).expect("a valid product");
                out
            };
            let alone = on_threads(1, run);
            for threads in [2, 3, 8] {
                assert!(on_threads(threads, run) == alone, "{} on {threads} threads: {m}, {n}, {k}", kernel.name());
            }
        }
    }
}

#[cfg(feature = "rayon")]
fn on_threads<R: Send>(count: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(count).build().expect("threads").install(work)
}

#[cfg(not(feature = "rayon"))]
fn on_threads<R>(_: usize, work: impl FnOnce() -> R) -> R {
    work()
}

#[test]
fn weights_of_another_layout_are_refused() {
    let weights = Weights::row_major(QuantizedSlice::I8(&[1, 2, 3, 4]), 2, 2, ZeroPoints::One(0));
    let lhs = Lhs { values: QuantizedSlice::U8(&[1, 2]), m: 1, row_stride: 2, zero_points: ZeroPoints::One(0) };
    for packer in kernels() {
        let packed = packer.pack(&weights).expect("valid weights");
        for kernel in kernels() {
            let mut out = [0; 2];
            let output = Output::I32(I32Output { out: &mut out, row_stride: 2, bias: None });
            let result = kernel.gemm(&lhs, &packed, output, &mut Scratch::default());
            match result {
                Ok(()) => assert_eq!(out, [5, 11], "{} reads what {} packed", kernel.name(), packer.name()),
                Err(error) => assert!(matches!(error, crate::Error::Layout { .. }) && kernel != packer, "{error}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn products_are_exact(
        m in 0_usize..20,
        n in 0_usize..70,
        k in 0_usize..90,
        seed in any::<u64>(),
        zero_points in (0_i32..=255, -128_i32..=127),
    ) {
        let mut noise = Noise::new(seed);
        let (left, right) = (noise.bytes(m * k), noise.signed(n * k));
        let weights = Weights::row_major(QuantizedSlice::I8(&right), n, k, ZeroPoints::One(zero_points.1));
        let left_zero = ZeroPoints::One(zero_points.0);
        let lhs = Lhs { values: QuantizedSlice::U8(&left), m, row_stride: k, zero_points: left_zero };
        let mut expected = vec![0; m * n];
        reference::gemm(&lhs, &weights, Output::I32(I32Output { out: &mut expected, row_stride: n, bias: None }));
        for kernel in kernels() {
            let packed = kernel.pack(&weights).expect("valid weights");
            let mut out = vec![0; m * n];
            let output = Output::I32(I32Output { out: &mut out, row_stride: n, bias: None });
            kernel.gemm(&lhs, &packed, output, &mut Scratch::default()).expect("a valid product");
            prop_assert_eq!(&out, &expected, "{}", kernel.name());
        }
    }
}

//! Arguments that no caller should give: every one is an error or has a result, at once, and what is packed stays
//! whole.

mod elements;
mod windows;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use std::vec;
use std::vec::Vec;

use super::noise::Noise;
use super::{cases, kernels};
use crate::{
    Error, F32Output, FloatMatrix, I32Output, Kernel, Lhs, Output, PackedWeights, QuantizedSlice, Requantized,
    Residual, Scales, Scratch, Weights, ZeroPoints,
};

/// Sizes and strides: small ones, and those of which products and sums overflow.
const SIZES: [usize; 15] = [
    0,
    1,
    2,
    3,
    17,
    65_536,
    65_537,
    1 << 31,
    1 << 32,
    1 << 40,
    1 << 60,
    1 << 62,
    isize::MAX.unsigned_abs(),
    usize::MAX - 15,
    usize::MAX,
];

/// A size, mostly one of the absurd ones if so said.
fn size(noise: &mut Noise, small: bool) -> usize {
    SIZES[noise.next() as usize % if small { 4 } else { SIZES.len() }]
}

/// Runs a call that must neither panic nor take long; what it returns does not matter.
fn survives<R>(what: &dyn core::fmt::Debug, call: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| panic!("a panic for {what:?}"));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?} for {what:?}", start.elapsed());
    result
}

/// Weights `[5, 3]` and what they multiply, to see that a kernel computes what was packed.
fn is_whole(kernel: Kernel, packed: &PackedWeights) {
    let (n, k) = (packed.n(), packed.k());
    if n > 100 || k > 100 {
        return;
    }
    let mut out = vec![0; n];
    let values = vec![3_u8; k];
    let lhs = Lhs { values: QuantizedSlice::U8(&values), m: 1, row_stride: k, zero_points: ZeroPoints::Each(&[2]) };
    let output = Output::I32(I32Output { out: &mut out, row_stride: n, bias: None });
    kernel.gemm(&lhs, packed, output, &mut Scratch::default()).expect("a valid product");
    assert!(out.iter().all(|&sum| sum == i32::try_from(k).expect("a small depth")), "{} {n} {k}", kernel.name());
}

#[test]
fn packing_of_absurd_sizes_leaves_what_was_packed() {
    let ones = [1_i8; 64];
    for kernel in kernels() {
        let good = Weights::row_major(QuantizedSlice::I8(&ones), 5, 3, ZeroPoints::One(0));
        let mut packed = kernel.pack(&good).expect("valid weights");
        for n in SIZES {
            for k in SIZES {
                for (n_stride, k_stride) in [(k, 1), (1, n), (0, 0), (usize::MAX, usize::MAX)] {
                    for zero_points in [ZeroPoints::One(0), ZeroPoints::One(9), ZeroPoints::Each(&[1; 20])] {
                        let weights =
                            Weights { values: QuantizedSlice::I8(&ones), n, k, n_stride, k_stride, zero_points };
                        let before = (packed.n(), packed.k(), packed.bytes());
                        match survives(&(kernel.name(), weights), || kernel.pack_into(&weights, &mut packed)) {
                            Ok(()) => assert_eq!((packed.n(), packed.k()), (n, k)),
                            Err(_) => assert_eq!((packed.n(), packed.k(), packed.bytes()), before),
                        }
                    }
                    // The zero points of what is packed, where it is of use: none, so that sums are the depth.
                    let weights = Weights { n_stride, k_stride, n, k, ..good };
                    let _ = kernel.pack_into(&weights, &mut packed);
                    survives(&weights, || is_whole(kernel, &packed));
                }
            }
        }
        for n in [1 << 62, usize::MAX] {
            let weights = Weights::row_major(QuantizedSlice::I8(&[]), n, 0, ZeroPoints::One(0));
            assert!(matches!(kernel.pack_into(&weights, &mut packed), Err(Error::TooLarge { .. })), "{n}");
            is_whole(kernel, &packed);
        }
    }
}

/// One of the four outputs, of strides and lengths that may not fit.
fn with_output(noise: &mut Noise, length: usize, call: &mut dyn FnMut(Output<'_>)) {
    let (row_stride, short) = (size(noise, false), noise.next().is_multiple_of(4));
    let count = if short { length / 2 } else { length };
    let values = vec![1_u8; count];
    let (bias, scales, real_bias) = (vec![7; count], vec![0.5; count], vec![0.25; count]);
    let bias = (!noise.next().is_multiple_of(3)).then_some(&bias[..]);
    let multipliers = if noise.next().is_multiple_of(2) { Scales::One(f32::NAN) } else { Scales::Each(&scales) };
    let residual = Residual {
        values: QuantizedSlice::U8(&values),
        row_stride: size(noise, false),
        zero_point: 3,
        multiplier: 1.0,
    };
    let residual = noise.next().is_multiple_of(2).then_some(residual);
    match noise.next() % 3 {
        0 => call(Output::I32(I32Output { out: &mut vec![0; length], row_stride, bias })),
        1 => call(Output::F32(F32Output {
            out: &mut vec![0.0; length],
            row_stride,
            row_scales: multipliers,
            column_scales: Scales::Each(&scales),
            bias: bias.is_some().then_some(&real_bias),
            min: f32::NEG_INFINITY,
            max: f32::NAN,
        })),
        _ => {
            let (out, zero_point, q_min, q_max) = (&mut vec![0; length], 3, 0, 255);
            call(Output::U8(Requantized { out, row_stride, bias, multipliers, zero_point, q_min, q_max, residual }));
        }
    }
}

#[test]
fn products_of_absurd_sizes_are_errors_or_have_results() {
    let mut noise = Noise::new(91);
    for kernel in kernels() {
        let mut scratch = Scratch::default();
        for _ in 0..cases(kernel, 20_000) {
            let (n, k) = (noise.next() as usize % 40, noise.next() as usize % 5);
            let count = noise.next() as usize % 200;
            let (weight_values, values) = (noise.signed(n * k), noise.bytes(count));
            let zero_points = if noise.next().is_multiple_of(2) { ZeroPoints::One(0) } else { ZeroPoints::One(5) };
            let packed =
                kernel.pack(&Weights::row_major(QuantizedSlice::I8(&weight_values), n, k, zero_points)).expect("valid");
            let small = !noise.next().is_multiple_of(4);
            let (m, row_stride) = (size(&mut noise, small), size(&mut noise, false));
            let each = [5; 3];
            let zero_points = if noise.next().is_multiple_of(2) { ZeroPoints::One(3) } else { ZeroPoints::Each(&each) };
            let lhs = Lhs { values: QuantizedSlice::U8(&values), m, row_stride, zero_points };
            let length = noise.next() as usize % 150;
            with_output(&mut noise, length, &mut |output| {
                let what = format!("{} {m} {n} {k} {row_stride} {output:?}", kernel.name());
                let _ = survives(&what, || kernel.gemm(&lhs, &packed, output, &mut scratch));
            });
        }
    }
}

#[test]
fn without_depth_products_are_what_is_added() {
    for kernel in kernels() {
        for (m, n) in [(1, 1), (3, 20), (30, 70)] {
            for weight_zero_point in [0, 4] {
                let each = vec![9; m];
                for zero_points in [ZeroPoints::One(9), ZeroPoints::Each(&each)] {
                    // Whatever the strides are: there is nothing in a row.
                    for row_stride in [0, 5, usize::MAX] {
                        let lhs = Lhs { values: QuantizedSlice::U8(&[]), m, row_stride, zero_points };
                        let weights =
                            Weights::row_major(QuantizedSlice::I8(&[]), n, 0, ZeroPoints::One(weight_zero_point));
                        let packed = kernel.pack(&weights).expect("no values");
                        let bias: Vec<i32> = (0..n).map(|column| i32::try_from(column).expect("small")).collect();
                        let mut out = vec![77; m * n];
                        let output = Output::I32(I32Output { out: &mut out, row_stride: n, bias: Some(&bias) });
                        kernel.gemm(&lhs, &packed, output, &mut Scratch::default()).expect("a valid product");
                        assert!(out.chunks(n).all(|row| row == bias), "{} {m} {n}", kernel.name());
                    }
                }
            }
        }
    }
}

#[test]
fn float_products_of_absurd_sizes_are_errors_or_have_results() {
    let mut noise = Noise::new(93);
    let elements = noise.reals(300);
    for n in [1 << 62, usize::MAX] {
        let matrix = FloatMatrix::row_major(&elements, 1);
        assert!(matches!(matrix.pack(0, n), Err(Error::TooLarge { .. })), "{n}");
    }
    for kernel in kernels() {
        let mut scratch = Scratch::default();
        for _ in 0..cases(kernel, 20_000) {
            let small = noise.next().is_multiple_of(2);
            let [m, n, k] = [(); 3].map(|()| size(&mut noise, small));
            let mut matrix = || {
                let strides = [(); 2].map(|()| size(&mut noise, false));
                FloatMatrix { elements: &elements, row_stride: strides[0], column_stride: strides[1] }
            };
            let (lhs, rhs) = (matrix(), matrix());
            let (row_stride, mut out) = (size(&mut noise, false), vec![0.0; 64]);
            let what = (kernel.name(), m, n, k, lhs.row_stride, lhs.column_stride, rhs.row_stride, row_stride);
            let _ = survives(&what, || kernel.multiply_add((m, n, k), lhs, rhs, &mut out, row_stride, &mut scratch));
            if let Ok(packed) = survives(&what, || rhs.pack(k, n)) {
                let _ = survives(&what, || kernel.multiply_add_packed(m, lhs, &packed, &mut out, row_stride));
            }
        }
    }
}

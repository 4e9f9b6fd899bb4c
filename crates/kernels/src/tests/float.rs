//! The float product against its definition.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::kernels;
use super::noise::Noise;
use crate::backend::fma::fma;
use crate::{Error, FloatMatrix, Kernel, Scratch};

/// `out[i, j] = fma(lhs[i, k - 1], rhs[k - 1, j], .. fma(lhs[i, 0], rhs[0, j], out[i, j]))`.
pub(super) fn defined(
    (m, n, k): (usize, usize, usize),
    lhs: FloatMatrix<'_>,
    rhs: FloatMatrix<'_>,
    out: &mut [f32],
    row_stride: usize,
) {
    for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
        let left = |p: usize| lhs.elements[i * lhs.row_stride + p * lhs.column_stride];
        let right = |p: usize| rhs.elements[p * rhs.row_stride + j * rhs.column_stride];
        let sum = &mut out[i * row_stride + j];
        *sum = (0..k).fold(*sum, |sum, p| left(p).mul_add(right(p), sum));
    }
}

/// A matrix in memory of its own, in each of the ways that one can lie there, between elements that are NaN.
fn matrices(noise: &mut Noise, rows: usize, columns: usize) -> Vec<(Vec<f32>, usize, usize)> {
    let ways = [(columns, 1), (columns + 3, 1), (1, rows), (1, rows + 1), (2 * columns, 2)];
    let mut matrix = |(row_stride, column_stride): (usize, usize)| {
        let places = (0..rows).flat_map(|i| (0..columns).map(move |j| i * row_stride + j * column_stride));
        let mut elements = vec![f32::NAN; places.clone().max().map_or(0, |last| last + 1)];
        places.for_each(|place| elements[place] = noise.reals(1)[0]);
        (elements, row_stride, column_stride)
    };
    ways.map(&mut matrix).into()
}

fn bits(reals: &[f32]) -> Vec<u32> {
    reals.iter().map(|real| real.to_bits()).collect()
}

#[track_caller]
fn check(noise: &mut Noise, (m, n, k): (usize, usize, usize), scratch: &mut Scratch) {
    let (lefts, rights) = (matrices(noise, m, k), matrices(noise, k, n));
    let start = noise.reals(m * (n + 2));
    for (index, (left, row_stride, column_stride)) in lefts.iter().enumerate() {
        let lhs = FloatMatrix { elements: left, row_stride: *row_stride, column_stride: *column_stride };
        let (right, row_stride, column_stride) = &rights[(index + m) % rights.len()];
        let rhs = FloatMatrix { elements: right, row_stride: *row_stride, column_stride: *column_stride };
        let mut expected = start.clone();
        defined((m, n, k), lhs, rhs, &mut expected, n + 2);
        let packed = rhs.pack(k, n).expect("a matrix that fits");
        for kernel in kernels() {
            let (mut out, mut by_packed) = (start.clone(), start.clone());
            kernel.multiply_add((m, n, k), lhs, rhs, &mut out, n + 2, scratch).expect("matrices that fit");
            assert_eq!(bits(&out), bits(&expected), "{} {m} {n} {k} {lhs:?} {rhs:?}", kernel.name());
            kernel.multiply_add_packed(m, lhs, &packed, &mut by_packed, n + 2).expect("matrices that fit");
            assert_eq!(bits(&by_packed), bits(&expected), "{} {m} {n} {k}, packed", kernel.name());
        }
    }
}

#[test]
fn products_are_fused_in_order_on_every_backend() {
    let (mut noise, mut scratch) = (Noise::new(71), Scratch::default());
    for m in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 33] {
        for n in [0, 1, 15, 16, 17, 32, 33, 48, 49, 64, 80, 112, 129] {
            check(&mut noise, (m, n, (m * 5 + n) % 9), &mut scratch);
        }
    }
}

#[test]
fn blocks_change_no_bits() {
    let (mut noise, mut scratch) = (Noise::new(72), Scratch::default());
    for (m, n, k) in
        [(5, 37, 255), (5, 37, 256), (5, 37, 257), (20, 50, 515), (1, 70, 1000), (511, 17, 3), (513, 17, 3)]
    {
        check(&mut noise, (m, n, k), &mut scratch);
    }
}

#[test]
fn packed_matrices_say_what_they_are() {
    let packed = FloatMatrix::row_major(&[1.0; 6], 3).pack(2, 3).expect("a matrix that fits");
    assert_eq!((packed.k(), packed.n(), packed.bytes()), (2, 3, 128));
    let refused = FloatMatrix::row_major(&[1.0; 5], 3).pack(2, 3).expect_err("too short");
    assert!(matches!(refused, Error::Length { expected: 6, actual: 5, .. }), "{refused}");
    let empty = FloatMatrix::row_major(&[], 1).pack(usize::MAX, 0).expect("no columns");
    assert_eq!(empty.bytes(), 0);
}

#[test]
fn matrices_that_do_not_fit_are_refused() {
    let (kernel, mut scratch) = (Kernel::detect(), Scratch::default());
    let reals = vec![0.0; 4];
    let matrix = |row_stride| FloatMatrix { elements: &reals, row_stride, column_stride: 1 };
    let packed = matrix(2).pack(2, 2).expect("a matrix that fits");
    let mut refused = |row_stride, out: &mut [f32]| {
        let by_packed = kernel.multiply_add_packed(2, matrix(row_stride), &packed, out, 2).expect_err("too short");
        let error = kernel.multiply_add((2, 2, 2), matrix(row_stride), matrix(2), out, 2, &mut scratch);
        assert_eq!(error, Err(by_packed.clone()));
        by_packed
    };
    assert!(matches!(refused(3, &mut [0.0; 4]), Error::Length { what: "lhs", .. }));
    assert!(matches!(refused(usize::MAX, &mut [0.0; 4]), Error::TooLarge { .. } | Error::Length { .. }));
    assert!(matches!(refused(2, &mut [0.0; 3]), Error::Length { what: "out", .. }));
}

/// The same bits, or both NaN.
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[track_caller]
fn check_fma(a: f32, b: f32, c: f32) {
    let (actual, expected) = (fma(a, b, c), a.mul_add(b, c));
    assert!(same(actual, expected), "fma({a:e}, {b:e}, {c:e}) = {actual:e}, not {expected:e}");
}

#[test]
fn one_rounding_at_every_edge() {
    let tiny = f32::from_bits(1);
    let edges = [
        0.0,
        tiny,
        3.0 * tiny,
        f32::from_bits(0x007f_ffff),
        f32::MIN_POSITIVE,
        f32::MIN_POSITIVE * (1.0 + f32::EPSILON),
        f32::EPSILON / 2.0,
        f32::EPSILON,
        0.5,
        1.0 - f32::EPSILON / 2.0,
        1.0,
        1.0 + f32::EPSILON,
        1.5,
        16_777_215.0,
        16_777_216.0,
        f32::MAX / 2.0,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
    ];
    let edges: Vec<f32> = edges.into_iter().flat_map(|edge| [edge, -edge]).collect();
    for &a in &edges {
        for &b in &edges {
            edges.iter().for_each(|&c| check_fma(a, b, c));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn one_rounding_of_any_bits(a: u32, b: u32, c: u32) {
        check_fma(f32::from_bits(a), f32::from_bits(b), f32::from_bits(c));
    }

    /// Sums near a tie, or that cancel: `c` is the product, moved by some of its last places and powers of two.
    #[test]
    fn one_rounding_near_ties(
        a: u32,
        b in 0x3000_0000_u32..0x5000_0000,
        moved in -3_i32..4,
        power in -26_i32..27,
        flip: bool,
    ) {
        let (a, b) = (f32::from_bits(a), f32::from_bits(b));
        let product = f32::from_bits((a * b).to_bits().wrapping_add_signed(moved));
        let c = product * 2.0_f32.powi(power);
        check_fma(a, b, if flip { -c } else { c });
    }

    /// `a * b` is half of the last place of `c`, less so little that 53 bits cannot hold it: to round twice is to round
    /// wrong.
    #[test]
    fn one_rounding_below_a_tie(
        x in 0_u16..2000,
        c in 1_u32..1 << 24,
        power in -75_i32..40,
        more: bool,
        flips: [bool; 2],
    ) {
        let (scale, step) = (2.0_f32.powi(power), f32::from(x) * f32::EPSILON);
        let other = if more { (1.0 - step).recip() } else { 1.0 - step };
        let sign = |flip| if flip { -1.0 } else { 1.0 };
        let c = c as f32 * scale * scale;
        check_fma(sign(flips[0]) * (1.0 + step) * scale, other * scale * 0.5, sign(flips[1]) * c);
    }

    #[test]
    fn one_rounding_in_every_lane(a: [u32; 16], b: [u32; 16], c: [u32; 16]) {
        let [a, b, c] = [a, b, c].map(|bits| bits.map(f32::from_bits));
        for kernel in kernels() {
            for lane in 0..16 {
                let mut out = c;
                let (lhs, rhs) = (FloatMatrix::row_major(&a[lane..=lane], 1), FloatMatrix::row_major(&b, 16));
                kernel.multiply_add((1, 16, 1), lhs, rhs, &mut out, 16, &mut Scratch::default()).expect("fits");
                for other in 0..16 {
                    prop_assert!(same(out[other], a[lane].mul_add(b[other], c[other])), "{} {}", kernel.name(), other);
                }
            }
        }
    }
}

//! The float product against its definition.

use std::vec;
use std::vec::Vec;

use super::kernels;
use super::noise::Noise;
use crate::{Error, FloatMatrix, Kernel, Scratch};

#[test]
fn products_are_added_in_order_on_every_backend() {
    let (mut noise, mut scratch) = (Noise::new(71), Scratch::default());
    for (m, n, k) in [(1, 1, 1), (3, 2, 5), (7, 9, 4), (2, 3, 0), (0, 3, 2), (8, 16, 33), (9, 17, 64), (20, 50, 7)] {
        let (left, right, start) = (noise.reals(m * k), noise.reals(k * n), noise.reals(m * (n + 2)));
        let lhs = FloatMatrix { elements: &left, row_stride: k, column_stride: 1 };
        let rhs = FloatMatrix { elements: &right, row_stride: 1, column_stride: k };
        let mut expected = start.clone();
        for i in 0..m {
            for j in 0..n {
                let add = |sum: f32, p: usize| sum + left[i * k + p] * right[j * k + p];
                expected[i * (n + 2) + j] = (0..k).fold(start[i * (n + 2) + j], add);
            }
        }
        for kernel in kernels() {
            let mut out = start.clone();
            kernel.multiply_add((m, n, k), lhs, rhs, &mut out, n + 2, &mut scratch).expect("matrices that fit");
            let bits = |reals: &[f32]| reals.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&out), bits(&expected), "{} {m} {n} {k}", kernel.name());
        }
    }
}

#[test]
fn matrices_that_do_not_fit_are_refused() {
    let (kernel, mut scratch) = (Kernel::detect(), Scratch::default());
    let reals = vec![0.0; 4];
    let matrix = |row_stride| FloatMatrix { elements: &reals, row_stride, column_stride: 1 };
    let mut refused = |row_stride, out: &mut [f32]| {
        kernel.multiply_add((2, 2, 2), matrix(row_stride), matrix(2), out, 2, &mut scratch).expect_err("too short")
    };
    assert!(matches!(refused(3, &mut [0.0; 4]), Error::Length { what: "lhs", .. }));
    assert!(matches!(refused(usize::MAX, &mut [0.0; 4]), Error::TooLarge { .. } | Error::Length { .. }));
    assert!(matches!(refused(2, &mut [0.0; 3]), Error::Length { what: "out", .. }));
}

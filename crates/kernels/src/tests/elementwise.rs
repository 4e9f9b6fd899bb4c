//! Element loops against the reference.

use std::vec;
use std::vec::Vec;

use super::kernels;
use super::noise::Noise;
use crate::{Addend, Affine, Codes, CodesMut, Error, MinMax, Sum, reference};

/// Real numbers at which quantizers go wrong.
const EXTREMES: [f32; 16] = [
    0.0,
    -0.0,
    0.5,
    1.5,
    -2.5,
    f32::MIN_POSITIVE,
    1e-45,
    -1e-45,
    3e-37,
    f32::MAX,
    f32::MIN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    127.5,
    -128.5,
];

fn reals(noise: &mut Noise, count: usize) -> Vec<f32> {
    let mut reals = noise.reals(count);
    for x in &mut reals {
        *x = match noise.next() % 8 {
            0 => EXTREMES[noise.next() as usize % EXTREMES.len()],
            1 => (noise.next() % 600) as f32 * 0.5 - 150.0,
            _ => *x * 300.0,
        };
    }
    reals
}

#[test]
fn quantizing_and_dequantizing_equal_the_reference() {
    for kernel in kernels() {
        let mut noise = Noise::new(1);
        for length in (0..70).chain([1000]) {
            let x = reals(&mut noise, length);
            for scale in [1.0, 0.37, 2.0, 1e-38, f32::MIN_POSITIVE, 1e30, f32::MAX] {
                let affine = Affine { scale, zero_point: noise.within((0, 255)), q_min: 0, q_max: 255 };
                let mut out = vec![0; length];
                kernel.quantize_u8(&x, affine, &mut out).expect("valid parameters");
                let expected: Vec<u8> = x.iter().map(|&x| reference::quantize(x, affine) as u8).collect();
                assert_eq!(out, expected, "{} {affine:?}", kernel.name());
                let mut back = vec![0.0; length];
                kernel.dequantize_u8(&out, affine, &mut back).expect("valid parameters");
                let expected: Vec<f32> = out.iter().map(|&q| reference::dequantize(i32::from(q), affine)).collect();
                assert_eq!(back, expected, "{} {affine:?}", kernel.name());

                let affine = Affine { scale, zero_point: noise.within((-128, 127)), q_min: -127, q_max: 100 };
                let mut out = vec![0; length];
                kernel.quantize_i8(&x, affine, &mut out).expect("valid parameters");
                let expected: Vec<i8> = x.iter().map(|&x| reference::quantize(x, affine) as i8).collect();
                assert_eq!(out, expected, "{} {affine:?}", kernel.name());
                kernel.dequantize_i8(&out, affine, &mut back).expect("valid parameters");
                let expected: Vec<f32> = out.iter().map(|&q| reference::dequantize(i32::from(q), affine)).collect();
                assert_eq!(back, expected, "{} {affine:?}", kernel.name());
            }
        }
    }
}

#[test]
fn the_reference_quantizes_as_the_equation_says() {
    let affine = Affine { scale: 0.5, zero_point: 10, q_min: 0, q_max: 255 };
    let codes = [(0.0, 10), (0.25, 10), (0.75, 12), (-0.25, 10), (-100.0, 0), (1e9, 255), (f32::NAN, 10), (-5.0, 0)];
    for (x, q) in codes {
        assert_eq!(reference::quantize(x, affine), q, "{x}");
    }
}

#[test]
fn ranges_leave_out_what_is_not_finite() {
    for kernel in kernels() {
        let mut noise = Noise::new(2);
        for length in (0..70).chain([5000, 70_000]) {
            let x = reals(&mut noise, length);
            let finite = || x.iter().copied().filter(|x| x.is_finite());
            let expected = MinMax {
                min: finite().fold(f32::INFINITY, f32::min),
                max: finite().fold(f32::NEG_INFINITY, f32::max),
                nan: x.iter().filter(|x| x.is_nan()).count(),
                infinite: x.iter().filter(|x| x.is_infinite()).count(),
            };
            assert_eq!(kernel.min_max(&x), expected, "{} {length}", kernel.name());
        }
    }
}

#[test]
fn rows_have_parameters_of_their_own() {
    let x = [0.0, 0.0, 0.0, -1.0, 0.0, 254.0, 1.0, 2.0, f32::NAN, 1e-45, 0.0, 0.0, f32::MIN, f32::MAX, 0.0];
    for kernel in kernels() {
        let (mut out, mut scales, mut zero_points) = ([0; 15], [0.0; 5], [0; 5]);
        kernel.quantize_rows(&x, (5, 3), &mut out, &mut scales, &mut zero_points).expect("five rows");
        assert_eq!(scales, [1.0, 1.0, 2.0 / 255.0, 1.0, 1.0]);
        assert_eq!(zero_points, [0, 1, 0, 0, 0]);
        assert_eq!(
            out,
            [0, 0, 0, 0, 1, 255, 127, 255, 0, 0, 0, 0, 0, 255, 0],
            "1 / (2 / 255) is less than 127.5 in f32"
        );
    }
}

#[test]
fn sums_equal_the_equation() {
    for kernel in kernels() {
        let mut noise = Noise::new(3);
        for length in (0..70).chain([777]) {
            let (a, b) = (noise.bytes(length), noise.signed(length));
            let (z_a, z_b, m_a, m_b) = (noise.within((0, 255)), noise.within((-128, 127)), 0.731_f32, -1.27_f32);
            let mut out = vec![0_i8; length];
            let sum = Sum { out: CodesMut::I8(&mut out), zero_point: -9, q_min: -100, q_max: 127 };
            let left = Addend { codes: Codes::U8(&a), zero_point: z_a, multiplier: m_a };
            let right = Addend { codes: Codes::I8(&b), zero_point: z_b, multiplier: m_b };
            kernel.add(left, right, sum).expect("valid operands");
            for index in 0..length {
                let left = (i32::from(a[index]) - z_a) as f32 * m_a;
                let right = (i32::from(b[index]) - z_b) as f32 * m_b;
                let code = ((left + right).round_ties_even() - 9.0).clamp(-100.0, 127.0);
                assert_eq!(f32::from(out[index]), code, "{} {index}", kernel.name());
            }
        }
    }
}

#[test]
fn operands_of_other_lengths_and_types_are_refused() {
    let kernel = crate::Kernel::detect();
    let affine = Affine { scale: 1.0, zero_point: 0, q_min: 0, q_max: 255 };
    assert!(matches!(kernel.quantize_u8(&[1.0], affine, &mut []), Err(Error::Length { .. })));
    assert!(matches!(kernel.quantize_i8(&[1.0], affine, &mut [0]), Err(Error::Bounds { .. })));
    let off = Affine { zero_point: 256, ..affine };
    assert!(matches!(kernel.quantize_u8(&[1.0], off, &mut [0]), Err(Error::ZeroPoint { .. })));
    assert!(matches!(kernel.lookup(&[0; 256], &[1], &mut []), Err(Error::Length { .. })));
}

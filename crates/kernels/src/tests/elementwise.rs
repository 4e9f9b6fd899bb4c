//! Element loops against the reference.

use std::vec;
use std::vec::Vec;

use super::kernels;
use super::noise::Noise;
use crate::{Affine, Bounded, Dynamic, Error, MinMax, Operand, QuantizedSlice, QuantizedSliceMut, Scales, reference};

/// Floats at which quantizers go wrong.
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
    let values = [(0.0, 10), (0.25, 10), (0.75, 12), (-0.25, 10), (-100.0, 0), (1e9, 255), (f32::NAN, 10), (-5.0, 0)];
    for (x, q) in values {
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
        let rows = (&x[..], 5, 3);
        kernel.quantize_rows(Dynamic::Affine, rows, &mut out, &mut scales, &mut zero_points).expect("five rows");
        assert_eq!(scales, [1.0, 1.0, 2.0 / 255.0, 1.0, 1.0]);
        assert_eq!(zero_points, [0, 1, 0, 0, 0]);
        assert_eq!(
            out,
            [0, 0, 0, 0, 1, 255, 127, 255, 0, 0, 0, 0, 0, 255, 0],
            "1 / (2 / 255) is less than 127.5 in f32"
        );
        kernel.quantize_rows(Dynamic::Symmetric, rows, &mut out, &mut scales, &mut zero_points).expect("five rows");
        assert_eq!(scales, [1.0, 2.0, 2.0 / 127.0, 1.0, f32::MAX / 127.0]);
        assert_eq!(zero_points, [128; 5]);
        assert_eq!(out, [128, 128, 128, 128, 128, 255, 192, 255, 128, 128, 128, 128, 1, 255, 128]);
        // All of it has one range, which is that of the last row: too large for affine parameters.
        let all = [Dynamic::Affine, Dynamic::Symmetric].map(|dynamic| kernel.quantize_tensor(dynamic, &x, &mut out));
        let scales = all.map(|affine| affine.expect("one length").scale);
        assert_eq!(scales, [1.0, f32::MAX / 127.0]);
    }
}

/// A way to draw operands: whole ones, or a single quantized value.
fn operand<'a>(noise: &mut Noise, values: QuantizedSlice<'a>) -> Operand<'a> {
    let zero_point = noise.within(values.range());
    let is_single = !values.is_empty() && noise.next().is_multiple_of(3);
    let values = match values {
        QuantizedSlice::I8(values) => QuantizedSlice::I8(if is_single { &values[..1] } else { values }),
        QuantizedSlice::U8(values) => QuantizedSlice::U8(if is_single { &values[..1] } else { values }),
    };
    Operand { values, zero_point }
}

fn code_at(operand: Operand<'_>, index: usize) -> i32 {
    operand.values.at(if operand.values.len() == 1 { 0 } else { index })
}

fn steps(operand: Operand<'_>, index: usize) -> i32 {
    code_at(operand, index) - operand.zero_point
}

#[test]
fn sums_and_products_equal_the_equations() {
    for kernel in kernels() {
        let mut noise = Noise::new(3);
        for length in (0..70).chain([777]) {
            let (a, b) = (noise.bytes(length), noise.signed(length));
            let (a, b) = (operand(&mut noise, QuantizedSlice::U8(&a)), operand(&mut noise, QuantizedSlice::I8(&b)));
            let (m_a, m_b) = (0.731_f32, -1.27_f32);
            let mut out = vec![0_i8; length];
            let sum = Bounded { out: QuantizedSliceMut::I8(&mut out), zero_point: -9, q_min: -100, q_max: 127 };
            kernel.add((a, m_a), (b, m_b), sum).expect("valid operands");
            let code = |real: f32| real.round_ties_even().clamp(-100.0, 127.0);
            let constant = -9.0 - (m_a * a.zero_point as f32 + m_b * b.zero_point as f32);
            for (index, &actual) in out.iter().enumerate() {
                let sum = m_a.mul_add(code_at(a, index) as f32, constant);
                let expected = code(m_b.mul_add(code_at(b, index) as f32, sum));
                assert_eq!(f32::from(actual), expected, "{} {index}", kernel.name());
            }
            let product = Bounded { out: QuantizedSliceMut::I8(&mut out), zero_point: -9, q_min: -100, q_max: 127 };
            kernel.multiply(a, b, 0.0137, product).expect("valid operands");
            for (index, &actual) in out.iter().enumerate() {
                let expected = code((steps(a, index) * steps(b, index)) as f32 * 0.0137 - 9.0);
                assert_eq!(f32::from(actual), expected, "{} {index}", kernel.name());
            }
        }
    }
}

#[test]
fn sums_are_requantized_by_column() {
    for kernel in kernels() {
        let mut noise = Noise::new(4);
        for (rows, columns) in [(0, 3), (1, 1), (3, 5), (4, 16), (7, 33), (2, 100)] {
            let sums: Vec<i32> = (0..rows * columns).map(|_| noise.within((-300_000, 300_000))).collect();
            let each: Vec<f32> = noise.reals(columns).into_iter().map(|x| x * 0.01).collect();
            for multipliers in [Scales::Each(&each), Scales::One(0.0005)] {
                let mut out = vec![0_u8; sums.len()];
                let bounded = Bounded { out: QuantizedSliceMut::U8(&mut out), zero_point: 100, q_min: 3, q_max: 250 };
                kernel.requantize(&sums, multipliers, bounded).expect("whole rows");
                for (index, (&sum, &code)) in sums.iter().zip(&out).enumerate() {
                    let real = (sum as f32 * multipliers.at(index % columns)).round_ties_even() + 100.0;
                    assert_eq!(f32::from(code), real.clamp(3.0, 250.0), "{} {index}", kernel.name());
                }
            }
        }
        let bounded = Bounded { out: QuantizedSliceMut::U8(&mut [0; 3]), zero_point: 0, q_min: 0, q_max: 255 };
        let refused = kernel.requantize(&[1; 3], Scales::Each(&[1.0; 2]), bounded);
        assert!(matches!(refused, Err(Error::Length { what: "sums", .. })), "{refused:?}");
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

//! Element loops over slices and parameters that do not fit each other.

use std::vec;

use super::super::noise::Noise;
use super::super::{cases, kernels};
use super::{SIZES, survives};
use crate::{Affine, Bounded, Dynamic, Operand, QuantizedSlice, QuantizedSliceMut, Scales};

fn bounded(out: &mut [u8], (zero_point, q_min, q_max): (i32, i32, i32)) -> Bounded<'_> {
    Bounded { out: QuantizedSliceMut::U8(out), zero_point, q_min, q_max }
}

#[test]
fn element_loops_refuse_what_does_not_fit() {
    const INTEGERS: [i32; 7] = [i32::MIN, -129, -128, 0, 127, 255, i32::MAX];
    const REALS: [f32; 6] = [0.0, f32::NAN, f32::INFINITY, -1.0, 1e-45, f32::MAX];
    let mut noise = Noise::new(94);
    for kernel in kernels() {
        for _ in 0..cases(kernel, 20_000) {
            let mut length = || [0, 1, 2, 15, 16, 17, 40][noise.next() as usize % 7];
            let [a, b, c, d] = [length(), length(), length(), length()];
            let mut integer = || INTEGERS[noise.next() as usize % 7];
            let (zero_point, q_min, q_max, other) = (integer(), integer(), integer(), integer());
            let scale = REALS[noise.next() as usize % 6];
            let affine = Affine { scale, zero_point, q_min, q_max };
            let (values, mut out) = (noise.bytes(a), noise.bytes(b));
            let (mut reals, mut integers) = (vec![scale; c], vec![other; d]);
            let what = (kernel.name(), a, b, c, d, affine);
            let operand = |values| Operand { values: QuantizedSlice::U8(values), zero_point: other };
            let bounds = (zero_point, q_min, q_max);
            survives(&what, || {
                let _ = kernel.quantize_u8(&reals, affine, &mut out);
                let _ = kernel.quantize_i8(&reals, affine, &mut vec![0; b]);
                let _ = kernel.dequantize_u8(&values, affine, &mut reals);
                let _ = kernel.dequantize_i8(&vec![0; a], affine, &mut reals);
                let _ = kernel.min_max(&reals);
                let _ = kernel.requantize(&integers, Scales::Each(&reals), bounded(&mut out, bounds));
                let _ = kernel.requantize(&integers, Scales::One(scale), bounded(&mut out, bounds));
                let _ = kernel.lookup(&[3; 256], &values, &mut out);
                let _ = kernel.add((operand(&values), scale), (operand(&values), scale), bounded(&mut out, bounds));
                let _ = kernel.multiply(operand(&values), operand(&values), scale, bounded(&mut out, bounds));
                let (rows, columns) = (SIZES[a % 15], SIZES[c % 15]);
                let x = (&vec![scale; b][..], rows, columns);
                let _ = kernel.quantize_rows(Dynamic::Affine, x, &mut out, &mut reals, &mut integers);
                let _ = kernel.quantize_tensor(Dynamic::Symmetric, &reals, &mut out);
            });
        }
    }
}

//! Transposed convolutions against the loop that adds every quantized value where its taps reach.

use std::vec;
use std::vec::Vec;

use super::noise::Noise;
use super::{cases, kernels};
use crate::{
    ConvInput, Error, F32Output, Geometry, I32Output, Kernel, Output, QuantizedSlice, Requantized, Residual, Scales,
    Scratch, ZeroPoints, reference,
};

/// Kernels, strides (also larger than the kernel), dilations, paddings (also larger than what a tap reaches) and
/// groups.
fn random_geometry(noise: &mut Noise) -> (Geometry, [usize; 3], [usize; 3]) {
    loop {
        let mut pick = |choices: &[usize]| choices[noise.next() as usize % choices.len()];
        let groups = pick(&[1, 1, 2, 5]);
        let mut geometry = Geometry {
            channels_in: groups * pick(&[1, 3, 4, 9, 16]),
            channels_out: groups * pick(&[1, 2, 16, 20]),
            groups,
            kernel: [1; 3],
            stride: [1; 3],
            dilation: [1; 3],
            pad_begin: [0; 3],
            pad_end: [0; 3],
        };
        let mut size = [1; 3];
        for (axis, size) in size.iter_mut().enumerate().skip(pick(&[0, 1, 1, 1, 2])) {
            geometry.kernel[axis] = pick(&[1, 2, 3, 4, 5]);
            geometry.stride[axis] = pick(&[1, 2, 2, 3, 7]);
            geometry.dilation[axis] = pick(&[1, 1, 2, 3]);
            geometry.pad_begin[axis] = pick(&[0, 1, 2, 4]);
            geometry.pad_end[axis] = pick(&[0, 1, 3]);
            *size = pick(&[1, 2, 5, 6]);
        }
        if let Ok(mut out) = geometry.transposed_size(size) {
            for (axis, out) in out.iter_mut().enumerate() {
                *out += noise.next() as usize % geometry.stride[axis].max(geometry.dilation[axis]);
            }
            return (geometry, size, out);
        }
    }
}

#[test]
fn transposed_convolutions_equal_the_reference() {
    for kernel in kernels() {
        let (mut noise, mut scratch) = (Noise::new(41), Scratch::default());
        for _ in 0..cases(kernel, 250) {
            check(kernel, &mut noise, &mut scratch);
        }
    }
}

fn check(kernel: Kernel, noise: &mut Noise, scratch: &mut Scratch) {
    let (geometry, size, out_size) = random_geometry(noise);
    let batch = 1 + noise.next() as usize % 3;
    let elements = size.iter().product::<usize>() * geometry.channels_in * batch;
    let (unsigned, signed) = (noise.bytes(elements), noise.signed(elements));
    let (values, zero_point) = match noise.next() % 2 {
        0 => (QuantizedSlice::I8(&signed), noise.within((-128, 127))),
        _ => (QuantizedSlice::U8(&unsigned), noise.within((0, 255))),
    };
    let input = ConvInput { values, batch, size, zero_point };
    let n = geometry.channels_out;
    let weight_values = noise.bytes(geometry.taps() * geometry.channels_in / geometry.groups * n);
    let weights = QuantizedSlice::U8(&weight_values);
    let each: Vec<i32> = (0..n).map(|_| noise.within((0, 255))).collect();
    let zero_points = if noise.next().is_multiple_of(2) { ZeroPoints::Each(&each) } else { ZeroPoints::One(128) };
    let packed = kernel.pack_transposed_conv(&geometry, weights, zero_points).expect("valid weights");
    let rows = out_size.iter().product::<usize>() * batch;
    let bias: Vec<i32> = (0..n).map(|_| noise.within((-9999, 9999))).collect();
    let residual = noise.signed(rows * n);
    let row_scales = noise.reals(rows);
    let what = format!("{} {geometry:?} {size:?} x {batch} to {out_size:?}", kernel.name());

    let mut sums = [vec![0_i32; rows * n], vec![0_i32; rows * n]];
    let [a, b] = &mut sums;
    let output = |out| Output::I32(I32Output { out, row_stride: n, bias: Some(&bias) });
    reference::transposed_conv(&input, &geometry, weights, zero_points, out_size, output(a));
    kernel.transposed_conv(&input, &packed, out_size, output(b), scratch).expect("a valid convolution");
    assert!(sums[0] == sums[1], "{what}");

    let mut reals = [vec![0_f32; rows * n], vec![0_f32; rows * n]];
    let [a, b] = &mut reals;
    let output = |out| {
        Output::F32(F32Output {
            out,
            row_stride: n,
            row_scales: Scales::Each(&row_scales),
            column_scales: Scales::One(0.5),
            bias: None,
            min: -1e4,
            max: f32::INFINITY,
        })
    };
    reference::transposed_conv(&input, &geometry, weights, zero_points, out_size, output(a));
    kernel.transposed_conv(&input, &packed, out_size, output(b), scratch).expect("a valid convolution");
    assert!(reals[0] == reals[1], "{what}");

    let mut values = [vec![0_i8; rows * n], vec![0_i8; rows * n]];
    let [a, b] = &mut values;
    let output = |out| {
        Output::I8(Requantized {
            out,
            row_stride: n,
            bias: Some(&bias),
            multipliers: Scales::One(0.003),
            zero_point: -3,
            q_min: -100,
            q_max: 127,
            residual: Some(Residual {
                values: QuantizedSlice::I8(&residual),
                row_stride: n,
                zero_point: 4,
                multiplier: 0.7,
            }),
        })
    };
    reference::transposed_conv(&input, &geometry, weights, zero_points, out_size, output(a));
    kernel.transposed_conv(&input, &packed, out_size, output(b), scratch).expect("a valid convolution");
    assert!(values[0] == values[1], "{what}");
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let kernel = Kernel::detect();
    let (one, none) = ([1; 3], [0; 3]);
    let geometry = Geometry {
        channels_in: 1,
        channels_out: 1,
        groups: 1,
        kernel: [1, 2, 2],
        stride: [1, 2, 2],
        dilation: one,
        pad_begin: none,
        pad_end: none,
    };
    let packed =
        kernel.pack_transposed_conv(&geometry, QuantizedSlice::I8(&[1; 4]), ZeroPoints::One(0)).expect("four values");
    let values = [1_u8; 9];
    let input = ConvInput { values: QuantizedSlice::U8(&values), batch: 1, size: [1, 3, 3], zero_point: 0 };
    for out_size in [[1, 5, 6], [1, 8, 6], [1, 6, 8], [2, 6, 6], none] {
        let output = Output::I32(I32Output { out: &mut [0; 100], row_stride: 1, bias: None });
        let refused = kernel.transposed_conv(&input, &packed, out_size, output, &mut Scratch::default());
        assert!(matches!(refused, Err(Error::Geometry { .. })), "{out_size:?}: {refused:?}");
    }
    let swallowed = Geometry { pad_begin: [0, 3, 0], pad_end: [0, 3, 0], ..geometry };
    assert!(matches!(swallowed.transposed_size(input.size), Err(Error::Geometry { .. })));
    assert!(matches!(swallowed.transposed_size([1, 0, 1]), Err(Error::Geometry { .. })));
    assert!(matches!(swallowed.transposed_size([1, usize::MAX, 1]), Err(Error::TooLarge { .. })));
}

//! Convolutions and poolings against plain loops.

use std::vec;
use std::vec::Vec;

use super::noise::Noise;
use super::{cases, kernels};
use crate::{
    Average, ConvInput, Geometry, I32Output, Kernel, Output, QuantizedSlice, QuantizedSliceMut, Requantized, Scales,
    Scratch, ZeroPoints, reference,
};

/// Sizes that may occur: kernels, strides, dilations, paddings, groups, in 1 to 3 dimensions.
fn random_geometry(noise: &mut Noise) -> (Geometry, [usize; 3]) {
    let mut pick = |choices: &[usize]| choices[noise.next() as usize % choices.len()];
    let form = pick(&[0, 0, 1, 2, 3]);
    let (groups, per_group, results) = match form {
        0 => (1, pick(&[1, 3, 4, 5, 8, 16, 33]), pick(&[1, 4, 10, 16, 17, 48, 65])),
        1 => (pick(&[2, 3]), pick(&[1, 2, 4, 7]), pick(&[1, 3, 16])),
        2 => (pick(&[1, 3, 15, 16, 17, 32, 40]), 1, 1),
        _ => (pick(&[2, 5, 16]), 1, 2),
    };
    let mut geometry = Geometry {
        channels_in: groups * per_group,
        channels_out: groups * results,
        groups,
        kernel: [1; 3],
        stride: [1; 3],
        dilation: [1; 3],
        pad_begin: [0; 3],
        pad_end: [0; 3],
    };
    let mut size = [1; 3];
    for (axis, size) in size.iter_mut().enumerate().skip(pick(&[0, 1, 1, 1, 2])) {
        geometry.kernel[axis] = pick(&[1, 2, 3, 3, 5]);
        geometry.stride[axis] = pick(&[1, 1, 2, 3]);
        geometry.dilation[axis] = pick(&[1, 1, 1, 2]);
        geometry.pad_begin[axis] = pick(&[0, 1, 2]);
        geometry.pad_end[axis] = pick(&[0, 1]);
        *size = pick(&[1, 4, 5, 7, 9]).max(geometry.dilation[axis] * (geometry.kernel[axis] - 1) + 1);
    }
    (geometry, size)
}

#[test]
fn convolutions_equal_the_reference() {
    for kernel in kernels() {
        // One scratch for all: what one call leaves in it must not reach the next.
        let (mut noise, mut scratch) = (Noise::new(11), Scratch::default());
        for _ in 0..cases(kernel, 1500) {
            check_conv(kernel, &mut noise, &mut scratch);
        }
    }
}

fn check_conv(kernel: Kernel, noise: &mut Noise, scratch: &mut Scratch) {
    let (geometry, size) = random_geometry(noise);
    let batch = 1 + noise.next() as usize % 3;
    let elements = size.iter().product::<usize>() * geometry.channels_in * batch;
    let (unsigned, signed) = (noise.bytes(elements), noise.signed(elements));
    let is_signed = noise.next().is_multiple_of(2);
    let (values, zero_point) = match is_signed {
        true => (QuantizedSlice::I8(&signed), noise.within((-128, 127))),
        false => (QuantizedSlice::U8(&unsigned), noise.within((0, 255))),
    };
    let input = ConvInput { values, batch, size, zero_point };
    let count = geometry.taps() * geometry.channels_in / geometry.groups * geometry.channels_out;
    let weight_values = noise.signed(count);
    let weights = QuantizedSlice::I8(&weight_values);
    let each: Vec<i32> = (0..geometry.channels_out).map(|_| noise.within((-128, 127))).collect();
    let zero_points = match noise.next() % 3 {
        0 => ZeroPoints::Each(&each),
        _ => ZeroPoints::One(0),
    };
    let packed = kernel.pack_conv(&geometry, weights, zero_points).expect("valid weights");
    let rows = geometry.output_size(size).expect("a fitting kernel").iter().product::<usize>() * batch;
    let n = geometry.channels_out;
    let what = format!("{} {geometry:?} {size:?} x {batch}, signed {is_signed}", kernel.name());
    let bias: Vec<i32> = (0..n).map(|_| noise.within((-9999, 9999))).collect();

    let mut sums = [vec![0_i32; rows * n], vec![0_i32; rows * n]];
    let [a, b] = &mut sums;
    let output = |out| Output::I32(I32Output { out, row_stride: n, bias: Some(&bias) });
    reference::conv(&input, &geometry, weights, zero_points, output(a));
    kernel.conv(&input, &packed, output(b), scratch).expect("a valid convolution");
    assert!(sums[0] == sums[1], "{what}");

    let mut values = [vec![0_u8; rows * n], vec![0_u8; rows * n]];
    let [a, b] = &mut values;
    let output = |out| {
        let multipliers = Scales::One(0.003);
        Output::U8(Requantized {
            out,
            row_stride: n,
            bias: Some(&bias),
            multipliers,
            zero_point: 100,
            q_min: 7,
            q_max: 250,
            residual: None,
        })
    };
    reference::conv(&input, &geometry, weights, zero_points, output(a));
    kernel.conv(&input, &packed, output(b), scratch).expect("a valid convolution");
    assert!(values[0] == values[1], "{what}");
}

#[test]
fn the_split_of_a_batch_does_not_matter() {
    let mut noise = Noise::new(5);
    let geometry = Geometry {
        channels_in: 24,
        channels_out: 20,
        groups: 1,
        kernel: [1, 3, 3],
        stride: [1; 3],
        dilation: [1; 3],
        pad_begin: [0, 1, 1],
        pad_end: [0, 1, 1],
    };
    let (batch, size) = (60, [1, 30, 30]);
    let values = noise.bytes(batch * 900 * 24);
    let weights = noise.signed(20 * 9 * 24);
    for kernel in kernels() {
        let packed =
            kernel.pack_conv(&geometry, QuantizedSlice::I8(&weights), ZeroPoints::One(0)).expect("valid weights");
        let run = |values: &[u8], batch: usize| {
            let mut out = vec![0_i32; batch * 900 * 20];
            let input = ConvInput { values: QuantizedSlice::U8(values), batch, size, zero_point: 31 };
            let output = Output::I32(I32Output { out: &mut out, row_stride: 20, bias: None });
            kernel.conv(&input, &packed, output, &mut Scratch::default()).expect("a valid convolution");
            out
        };
        let together = run(&values, batch);
        let apart: Vec<i32> = values.chunks(900 * 24).flat_map(|image| run(image, 1)).collect();
        assert!(together == apart, "{}", kernel.name());
    }
}

#[test]
fn kernels_that_do_not_fit_are_refused() {
    let mut noise = Noise::new(7);
    let (good, size) = random_geometry(&mut noise);
    let refused = |change: &dyn Fn(&mut Geometry)| {
        let mut geometry = good.clone();
        change(&mut geometry);
        geometry.output_size(size).expect_err("a geometry that does not fit");
    };
    refused(&|geometry| geometry.stride[1] = 0);
    refused(&|geometry| geometry.dilation[2] = 0);
    refused(&|geometry| geometry.kernel[0] = 0);
    refused(&|geometry| geometry.kernel[0] = 100);
    refused(&|geometry| geometry.kernel[0] = usize::MAX);
    refused(&|geometry| geometry.pad_begin[0] = usize::MAX);
    refused(&|geometry| geometry.groups = 0);
    refused(&|geometry| geometry.groups = geometry.channels_out + 1);
}

#[test]
fn pools_equal_plain_loops() {
    for kernel in kernels() {
        let mut noise = Noise::new(23);
        for _ in 0..400 {
            let (mut geometry, size) = random_geometry(&mut noise);
            (geometry.channels_out, geometry.groups) = (geometry.channels_in, geometry.channels_in);
            for axis in 0..3 {
                // No window lies in the padding alone.
                let most = geometry.kernel[axis] - 1;
                (geometry.pad_begin[axis], geometry.pad_end[axis]) = (geometry.pad_begin[axis].min(most / 2), 0);
            }
            check_pools(kernel, &geometry, size, &mut noise);
        }
    }
}

fn check_pools(kernel: Kernel, geometry: &Geometry, size: [usize; 3], noise: &mut Noise) {
    let (batch, channels) = (2, geometry.channels_in);
    let positions: usize = size.iter().product();
    let values = noise.signed(batch * positions * channels);
    let out_size = geometry.output_size(size).expect("a fitting window");
    let windows: usize = out_size.iter().product();
    let input = ConvInput { values: QuantizedSlice::I8(&values), batch, size, zero_point: -3 };
    let (multiplier, zero_point, count_include_pad) = (1.37_f32, 5, noise.next().is_multiple_of(2));
    let (mut most, mut mean) = (vec![0_i8; batch * windows * channels], vec![0_i8; batch * windows * channels]);
    for (index, (most, mean)) in most.iter_mut().zip(&mut mean).enumerate() {
        let (row, channel) = (index / channels, index % channels);
        let (image, position) = (row / windows, row % windows);
        let corner =
            [position / (out_size[1] * out_size[2]), position / out_size[2] % out_size[1], position % out_size[2]];
        let mut seen = Vec::new();
        geometry.for_each_tap(size, corner, |_, place| {
            seen.push(values[(image * positions + place) * channels + channel]);
        });
        *most = seen.iter().copied().max().expect("a window in the image");
        let count = if count_include_pad { geometry.taps() } else { seen.len() } as f32;
        let sum: i32 = seen.iter().map(|&code| i32::from(code) + 3).sum();
        let code = (sum as f32 * (multiplier / count)).round_ties_even() + zero_point as f32;
        *mean = code.clamp(-128.0, 127.0) as i8;
    }
    let what = format!("{} {geometry:?} {size:?}", kernel.name());
    let mut out = vec![0_i8; most.len()];
    kernel.max_pool(&input, geometry, QuantizedSliceMut::I8(&mut out)).expect("a valid pooling");
    assert!(out == most, "{what}");
    let average = Average {
        out: QuantizedSliceMut::I8(&mut out),
        multiplier,
        zero_point,
        q_min: -128,
        q_max: 127,
        count_include_pad,
    };
    kernel.average_pool(&input, geometry, average, &mut Scratch::default()).expect("a valid pooling");
    assert!(out == mean, "{what}");
}

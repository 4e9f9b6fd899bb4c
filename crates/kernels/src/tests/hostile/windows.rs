//! Convolutions and poolings of absurd sizes, and of none.

use std::vec;
use std::vec::Vec;

use super::super::noise::Noise;
use super::super::{cases, kernels};
use super::{size, survives, with_output};
use crate::{
    Average, ConvInput, Error, Geometry, I32Output, Kernel, Output, QuantizedSlice, QuantizedSliceMut, Scratch,
    ZeroPoints, reference,
};

fn geometry(noise: &mut Noise) -> Geometry {
    let three = |base: [usize; 3], noise: &mut Noise| {
        let mut sizes = base;
        if noise.next().is_multiple_of(4) {
            sizes[noise.next() as usize % 3] = size(noise, false);
        }
        sizes
    };
    let kernel = [1 + noise.next() as usize % 2, 3, 3];
    let pad = [0, noise.next() as usize % 3, 1];
    Geometry {
        channels_in: size(noise, true) * (1 + noise.next() as usize % 7),
        channels_out: size(noise, true) * (1 + noise.next() as usize % 7),
        groups: if noise.next().is_multiple_of(6) { size(noise, false) } else { 1 + noise.next() as usize % 3 },
        kernel: three(kernel, noise),
        stride: three([1, 2, 1], noise),
        dilation: three([1; 3], noise),
        pad_begin: three(pad, noise),
        pad_end: three([0, 1, 1], noise),
    }
}

#[test]
fn convolutions_and_pools_of_absurd_sizes_are_errors_or_have_results() {
    let mut noise = Noise::new(92);
    for kernel in kernels() {
        let mut scratch = Scratch::default();
        for _ in 0..cases(kernel, 10_000) {
            let geometry = geometry(&mut noise);
            let (weights, values) = (noise.signed(2000), noise.bytes(2000));
            let zero_points = ZeroPoints::One([0, 3][noise.next() as usize % 2]);
            let mut image = [1 + noise.next() as usize % 2, 4, 5];
            if noise.next().is_multiple_of(3) {
                image[noise.next() as usize % 3] = size(&mut noise, false);
            }
            let batch = if noise.next().is_multiple_of(5) { size(&mut noise, false) } else { 1 };
            let input = ConvInput { values: QuantizedSlice::U8(&values), batch, size: image, zero_point: 7 };
            let what = format!("{} {geometry:?} {image:?} x {batch}", kernel.name());
            // What fits, but for copies of hundreds of megabytes, which have their own limits elsewhere.
            let padded = (0..3).map(|axis| image[axis].saturating_add(geometry.pad_begin[axis].min(1 << 20)));
            if padded.fold(1, usize::saturating_mul) > 1 << 20 && geometry.channels_in > 0 {
                continue;
            }
            let weights = QuantizedSlice::I8(&weights);
            let packed = survives(&what, || kernel.pack_conv(&geometry, weights, zero_points));
            let transposed = survives(&what, || kernel.pack_transposed_conv(&geometry, weights, zero_points));
            let out_size = geometry.transposed_size(image).unwrap_or(image);
            let _ = (survives(&what, || geometry.output_size(image)), geometry.taps(), geometry.is_depthwise());
            with_output(&mut noise, 3000, &mut |mut output| {
                if let Ok(packed) = &packed {
                    let _ = survives(&what, || kernel.conv(&input, packed, output.reborrow(), &mut scratch));
                }
                if let Ok(transposed) = &transposed {
                    let run = || kernel.transposed_conv(&input, transposed, out_size, output, &mut scratch);
                    let _ = survives(&what, run);
                }
            });
            let mut out = vec![0; 3000];
            let _ = survives(&what, || kernel.max_pool(&input, &geometry, QuantizedSliceMut::U8(&mut out)));
            let out = QuantizedSliceMut::U8(&mut out);
            let (multiplier, zero_point, q_min, q_max) = (f32::NAN, 0, 0, 255);
            let average = Average { out, multiplier, zero_point, q_min, q_max, count_include_pad: true };
            let _ = survives(&what, || kernel.average_pool(&input, &geometry, average, &mut scratch));
        }
    }
}

/// A convolution that leaves sizes as they are.
fn same_size(channels_in: usize, channels_out: usize, groups: usize) -> Geometry {
    Geometry {
        channels_in,
        channels_out,
        groups,
        kernel: [1, 3, 3],
        stride: [1; 3],
        dilation: [1; 3],
        pad_begin: [0, 1, 1],
        pad_end: [0, 1, 1],
    }
}

#[test]
fn convolutions_without_filters_or_channels_or_images_have_results() {
    for kernel in kernels() {
        for (channels_in, channels_out, groups) in
            [(0, 3, 1), (0, 20, 2), (0, 6, 3), (3, 0, 1), (4, 0, 2), (0, 0, 1), (0, 0, 5), (4, 6, 2), (5, 5, 5)]
        {
            for (batch, size) in [(2, [1, 4, 5]), (0, [1, 4, 5]), (2, [1, 0, 5]), (1, [1, 4, 0])] {
                for zero_points in [ZeroPoints::One(0), ZeroPoints::One(3)] {
                    // So much padding that the kernel fits around nothing too.
                    let geometry = Geometry { pad_begin: [0, 2, 2], ..same_size(channels_in, channels_out, groups) };
                    check_empty(kernel, &geometry, (batch, size), zero_points);
                }
            }
        }
    }
}

fn check_empty(kernel: Kernel, geometry: &Geometry, (batch, size): (usize, [usize; 3]), zero_points: ZeroPoints<'_>) {
    let Geometry { channels_in, channels_out, groups, .. } = *geometry;
    let what = format!("{} {geometry:?} {size:?} x {batch}", kernel.name());
    let weights = vec![1; channels_out * 9 * channels_in / groups];
    let values = vec![9; batch * size.iter().product::<usize>() * channels_in];
    let (input, weights) =
        (ConvInput { values: QuantizedSlice::U8(&values), batch, size, zero_point: 7 }, QuantizedSlice::I8(&weights));
    let bias: Vec<i32> = (5..).take(channels_out).collect();
    let sums = |out_size: [usize; 3], call: &mut dyn FnMut(Output<'_>)| {
        let mut out = vec![77; batch * out_size.iter().product::<usize>() * channels_out];
        call(Output::I32(I32Output { out: &mut out, row_stride: channels_out, bias: Some(&bias) }));
        out
    };
    let mut scratch = Scratch::default();

    let packed = kernel.pack_conv(geometry, weights, zero_points).expect("valid weights");
    let out_size = geometry.output_size(size).expect("padding around nothing is enough");
    let actual = sums(out_size, &mut |output| {
        kernel.conv(&input, &packed, output, &mut scratch).expect("a valid convolution");
    });
    let expected = sums(out_size, &mut |output| reference::conv(&input, geometry, weights, zero_points, output));
    assert_eq!(actual, expected, "{what}");

    let packed = kernel.pack_transposed_conv(geometry, weights, zero_points).expect("valid weights");
    // Of an empty image there is no transposed convolution.
    let Ok(out_size) = geometry.transposed_size(size) else { return };
    let actual = sums(out_size, &mut |output| {
        kernel.transposed_conv(&input, &packed, out_size, output, &mut scratch).expect("a valid convolution");
    });
    if channels_out > 0 {
        let expected = sums(out_size, &mut |output| {
            reference::transposed_conv(&input, geometry, weights, zero_points, out_size, output);
        });
        assert_eq!(actual, expected, "{what}, transposed");
    }
}

#[test]
fn any_number_of_taps_in_the_padding_takes_no_time() {
    let window = Geometry {
        kernel: [65_536; 3],
        pad_begin: [65_536; 3],
        pad_end: [65_536; 3],
        stride: [65_536; 3],
        ..same_size(1, 1, 1)
    };
    let mut scratch = Scratch::default();
    for kernel in kernels() {
        let input = ConvInput { values: QuantizedSlice::U8(&[5]), batch: 1, size: [1; 3], zero_point: 0 };
        let mut out = [0; 8];
        survives(&window, || kernel.max_pool(&input, &window, QuantizedSliceMut::U8(&mut out)))
            .expect("a valid pooling");
        assert_eq!(out.iter().filter(|&&code| code == 5).count(), 1, "{out:?}");
        let out = QuantizedSliceMut::U8(&mut out);
        let average = Average { out, multiplier: 1.0, zero_point: 0, q_min: 0, q_max: 255, count_include_pad: false };
        survives(&window, || kernel.average_pool(&input, &window, average, &mut scratch)).expect("a valid pooling");
    }
}

#[test]
fn memory_that_is_not_there_is_an_error() {
    // A padded image of 2^51 quantized values for a result of 27.
    let wide = Geometry {
        kernel: [1; 3],
        stride: [65_536; 3],
        pad_begin: [65_536; 3],
        pad_end: [65_536; 3],
        ..same_size(1, 1, 1)
    };
    for kernel in kernels() {
        let packed = kernel.pack_conv(&wide, QuantizedSlice::I8(&[1]), ZeroPoints::One(0)).expect("one value");
        let input = ConvInput { values: QuantizedSlice::U8(&[5]), batch: 1, size: [1; 3], zero_point: 0 };
        let mut out = [0; 27];
        let output = Output::I32(I32Output { out: &mut out, row_stride: 1, bias: None });
        let refused = kernel.conv(&input, &packed, output, &mut Scratch::default());
        assert!(matches!(refused, Err(Error::OutOfMemory { .. } | Error::TooLarge { .. })), "{refused:?}");
    }
}

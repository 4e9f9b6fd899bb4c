//! Convolutions next to the peak; padding and copies are included.

use std::hint::black_box;

use fourfold_benches::{signed, unsigned};
use fourfold_kernels::{ConvInput, Geometry, Kernel, Output, QuantizedSlice, Requantized, Scales, Scratch, ZeroPoints};

use crate::ceiling::peak_products;
use crate::clock::time;

/// `(size, channels, groups)` of convolutions 3x3 with stride 1 and padding 1: the four of ResNet-50, and depthwise
/// ones of MobileNet.
const CASES: [(usize, usize, usize); 6] =
    [(56, 64, 1), (28, 128, 1), (14, 256, 1), (7, 512, 1), (112, 96, 96), (14, 576, 576)];

/// Times every case on every kernel.
pub(crate) fn measure_all(kernels: &[Kernel]) {
    println!(
        "{:>16} {:>8} {:>12} {:>8} {:>8} {:>7} {:>9}",
        "3x3 on h,w,c", "groups", "backend", "GOPS", "median", "% peak", "us"
    );
    for case in CASES {
        kernels.iter().for_each(|kernel| measure(*kernel, case));
    }
}

fn measure(kernel: Kernel, (size, channels, groups): (usize, usize, usize)) {
    let geometry = Geometry {
        channels_in: channels,
        channels_out: channels,
        groups,
        kernel: [1, 3, 3],
        stride: [1; 3],
        dilation: [1; 3],
        pad_begin: [0, 1, 1],
        pad_end: [0, 1, 1],
    };
    let positions = size * size;
    let (values, weights) = (unsigned(positions * channels), signed(channels * 9 * channels / groups));
    let (multipliers, bias) = (vec![1e-4; channels], vec![5; channels]);
    let packed = kernel.pack_conv(&geometry, QuantizedSlice::I8(&weights), ZeroPoints::One(0)).expect("valid weights");
    let (mut out, mut scratch) = (vec![0_u8; positions * channels], Scratch::default());
    let mut convolve = || {
        let input = ConvInput { values: QuantizedSlice::U8(&values), batch: 1, size: [1, size, size], zero_point: 7 };
        let output = Output::U8(Requantized {
            out: &mut out,
            row_stride: channels,
            bias: Some(&bias),
            multipliers: Scales::Each(&multipliers),
            zero_point: 9,
            q_min: 9,
            q_max: 255,
            residual: None,
        });
        kernel.conv(black_box(&input), &packed, output, &mut scratch).expect("a valid convolution");
    };
    let mut peak = || {
        black_box(peak_products());
    };
    let [(best, median), (best_peak, _)] = time(&mut [&mut convolve, &mut peak]);
    let operations = (2 * positions * channels * 9 * channels / groups) as f64;
    println!(
        "{:>16} {:>8} {:>12} {:>8.1} {:>8.1} {:>6.1}% {:>9.2}",
        format!("{size},{size},{channels}"),
        groups,
        kernel.name(),
        1e-9 * operations / best,
        1e-9 * operations / median,
        100.0 * operations / best / (2.0 * peak_products() as f64 / best_peak),
        1e6 * best,
    );
}

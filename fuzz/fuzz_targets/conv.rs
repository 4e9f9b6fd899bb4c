//! Every backend convolves exactly like the reference, also transposed, for any geometry and quantized values.
#![no_main]

use fourfold_kernels::{
    ConvInput, Geometry, I32Output, Kernel, Output, QuantizedSlice, Scratch, ZeroPoints, reference,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((head, values)) = bytes.split_first_chunk::<16>() else { return };
    let pick = |index: usize, min: usize, max: usize| min + usize::from(head[index]) % (max - min + 1);
    let groups = pick(0, 1, 3);
    let geometry = Geometry {
        channels_in: groups * pick(1, 1, 20),
        channels_out: groups * pick(2, 1, 20),
        groups,
        kernel: [1, pick(3, 1, 4), pick(4, 1, 4)],
        stride: [1, pick(5, 1, 3), pick(6, 1, 3)],
        dilation: [1, pick(7, 1, 2), pick(8, 1, 2)],
        pad_begin: [0, pick(9, 0, 2), pick(10, 0, 2)],
        pad_end: [0, pick(11, 0, 2), pick(12, 0, 2)],
    };
    let (size, batch) = ([1, pick(13, 1, 9), pick(14, 1, 9)], 2);
    if values.is_empty() {
        return;
    }
    let input: Vec<u8> =
        values.iter().copied().cycle().take(batch * size[1] * size[2] * geometry.channels_in).collect();
    let count = geometry.channels_out * geometry.taps() * geometry.channels_in / geometry.groups;
    let weights: Vec<i8> = values.iter().map(|code| code.cast_signed()).rev().cycle().take(count).collect();
    let (weights, none, n) = (QuantizedSlice::I8(&weights), ZeroPoints::One(0), geometry.channels_out);
    let input = ConvInput { values: QuantizedSlice::U8(&input), batch, size, zero_point: i32::from(head[15]) };
    if let Ok(out_size) = geometry.output_size(size) {
        let mut expected = vec![0; batch * out_size[1] * out_size[2] * n];
        let mut out = expected.clone();
        reference::conv(&input, &geometry, weights, none, sums(&mut expected, n));
        for kernel in Kernel::supported() {
            let packed = kernel.pack_conv(&geometry, weights, none).expect("valid weights");
            kernel.conv(&input, &packed, sums(&mut out, n), &mut Scratch::default()).expect("a valid convolution");
            assert_eq!(out, expected, "{kernel:?} {geometry:?}");
        }
    }
    if let Ok(out_size) = geometry.transposed_size(size) {
        let mut expected = vec![0; batch * out_size[1] * out_size[2] * n];
        let mut out = expected.clone();
        reference::transposed_conv(&input, &geometry, weights, none, out_size, sums(&mut expected, n));
        for kernel in Kernel::supported() {
            let packed = kernel.pack_transposed_conv(&geometry, weights, none).expect("valid weights");
            let result = kernel.transposed_conv(&input, &packed, out_size, sums(&mut out, n), &mut Scratch::default());
            result.expect("a valid convolution");
            assert_eq!(out, expected, "transposed {kernel:?} {geometry:?}");
        }
    }
});

fn sums(out: &mut [i32], n: usize) -> Output<'_> {
    Output::I32(I32Output { out, row_stride: n, bias: None })
}

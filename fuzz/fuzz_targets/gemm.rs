//! Every backend multiplies exactly like the reference, for any sizes, quantized values and zero points.
#![no_main]

use fourfold_kernels::{
    I32Output, Kernel, Lhs, Output, QuantizedSlice, Requantized, Scales, Scratch, Weights, ZeroPoints, reference,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[m, n, k, gap, z_l, z_w, multiplier], values)) = bytes.split_first_chunk::<7>() else { return };
    let (m, n, k, gap) = (usize::from(m % 40), usize::from(n % 80), usize::from(k), usize::from(gap % 4));
    let repeated = |count: usize, skip: usize| -> Vec<u8> {
        values.iter().copied().cycle().skip(skip).take(if values.is_empty() { 0 } else { count }).collect()
    };
    let (lhs, rhs) = (repeated(m * (k + gap), 0), repeated(n * k, 3));
    if lhs.len() < m * (k + gap) || rhs.len() < n * k {
        return;
    }
    let rhs: Vec<i8> = rhs.into_iter().map(u8::cast_signed).collect();
    let zero_points = ZeroPoints::One(i32::from(z_w.cast_signed()));
    let weights = Weights::row_major(QuantizedSlice::I8(&rhs), n, k, zero_points);
    let zero_points = ZeroPoints::One(i32::from(z_l));
    let lhs = Lhs { values: QuantizedSlice::U8(&lhs), m, row_stride: k + gap, zero_points };
    let multipliers = Scales::One(f32::from(multiplier) * 1e-4);
    let (mut expected, mut expected_values) = (vec![0; m * n], vec![0; m * n]);
    reference::gemm(&lhs, &weights, sums(&mut expected, n));
    reference::gemm(&lhs, &weights, requantized(&mut expected_values, n, multipliers));
    for kernel in Kernel::supported() {
        let packed = kernel.pack(&weights).expect("valid weights");
        let (mut out, mut out_values, mut scratch) = (vec![0; m * n], vec![0; m * n], Scratch::default());
        kernel.gemm(&lhs, &packed, sums(&mut out, n), &mut scratch).expect("a valid product");
        assert_eq!(out, expected, "{kernel:?}");
        kernel.gemm(&lhs, &packed, requantized(&mut out_values, n, multipliers), &mut scratch).expect("valid");
        assert_eq!(out_values, expected_values, "{kernel:?}");
    }
});

fn requantized<'a>(out: &'a mut [u8], n: usize, multipliers: Scales<'a>) -> Output<'a> {
    Output::U8(Requantized {
        out,
        row_stride: n,
        bias: None,
        multipliers,
        zero_point: 99,
        q_min: 3,
        q_max: 251,
        residual: None,
    })
}

fn sums(out: &mut [i32], n: usize) -> Output<'_> {
    Output::I32(I32Output { out, row_stride: n, bias: None })
}

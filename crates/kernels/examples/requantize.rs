//! A linear layer on quantized values with nothing but this crate: pack once, multiply and requantize, compare with the
//! reference.
//!
//! `cargo run --release --example requantize -p fourfold-kernels`

use std::time::Instant;

use fourfold_kernels::{
    Error, Kernel, Lhs, Output, QuantizedSlice, Requantized, Scales, Scratch, Weights, ZeroPoints, reference,
};

const M: usize = 64;
const N: usize = 768;
const K: usize = 768;
const CALLS: u32 = 100;

fn main() -> Result<(), Error> {
    // Any quantized values will do: these repeat every 251 and 253.
    let activations: Vec<u8> = (0..M * K).map(|index| (index * 7 % 251).to_le_bytes()[0]).collect();
    let weights: Vec<i8> = (0..N * K).map(|index| (index * 11 % 253).to_le_bytes()[0].cast_signed()).collect();
    let weights = Weights::row_major(QuantizedSlice::I8(&weights), N, K, ZeroPoints::One(0));
    let lhs = Lhs { values: QuantizedSlice::U8(&activations), m: M, row_stride: K, zero_points: ZeroPoints::One(117) };
    let multipliers = vec![2e-5; N];
    let mut expected = vec![0; M * N];
    reference::gemm(&lhs, &weights, output(&mut expected, &multipliers));
    for kernel in Kernel::supported() {
        let (packed, mut scratch, mut out) = (kernel.pack(&weights)?, Scratch::default(), vec![0; M * N]);
        let start = Instant::now();
        for _ in 0..CALLS {
            kernel.gemm(&lhs, &packed, output(&mut out, &multipliers), &mut scratch)?;
        }
        let seconds = start.elapsed().as_secs_f64() / f64::from(CALLS);
        let gops = 2e-9 * (M * N * K) as f64 / seconds;
        let verdict = if out == expected { "the bits of the reference" } else { "OTHER BITS" };
        println!("{:>12}: {:.3} ms, {gops:.0} GOPS, {verdict}", kernel.name(), 1e3 * seconds);
    }
    Ok(())
}

/// Quantized values of `out`, with one multiplier for each column.
fn output<'a>(out: &'a mut [u8], multipliers: &'a [f32]) -> Output<'a> {
    Output::U8(Requantized {
        out,
        row_stride: N,
        bias: None,
        multipliers: Scales::Each(multipliers),
        zero_point: 128,
        q_min: 0,
        q_max: 255,
        residual: None,
    })
}

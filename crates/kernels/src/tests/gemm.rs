//! Products against the reference.

use std::vec;
use std::vec::Vec;

use super::kernels;
use super::noise::Noise;
use crate::{
    F32Output, I32Output, Kernel, Lhs, Output, PackedWeights, QuantizedSlice, Requantized, Residual, Scales, Scratch,
    Weights, ZeroPoints, reference,
};

/// A product and everything that may be part of one.
struct Case {
    m: usize,
    n: usize,
    k: usize,
    lhs: (Vec<u8>, bool),
    rhs: (Vec<u8>, bool),
    row_zero_points: Vec<i32>,
    column_zero_points: Vec<i32>,
    bias: Vec<i32>,
    scales: Vec<f32>,
    row_scales: Vec<f32>,
    residual: Vec<u8>,
    gap: usize,
    /// One of 256 ways to combine signs, zero points and output, one bit for each choice.
    form: u32,
}

fn values((bytes, is_signed): &(Vec<u8>, bool)) -> Vec<i8> {
    if *is_signed { bytes.iter().map(|byte| byte.cast_signed()).collect() } else { Vec::new() }
}

impl Case {
    fn new((m, n, k): (usize, usize, usize), noise: &mut Noise) -> Self {
        let (form, gap) = (noise.next() % 256, (noise.next() % 3) as usize);
        let signs = [form & 1 != 0, form & 2 != 0];
        let range = |signed| if signed { (-128, 127) } else { (0, 255) };
        Self {
            m,
            n,
            k,
            lhs: (noise.bytes(m * (k + gap)), signs[0]),
            rhs: (noise.bytes(n * k), signs[1]),
            row_zero_points: (0..m.max(1)).map(|_| noise.within(range(signs[0]))).collect(),
            column_zero_points: (0..n.max(1)).map(|_| noise.within(range(signs[1]))).collect(),
            bias: (0..n).map(|_| noise.within((-100_000, 100_000))).collect(),
            scales: noise.reals(n).iter().map(|x| x * 0.01).collect(),
            row_scales: noise.reals(m),
            residual: noise.bytes(m * n),
            gap,
            form,
        }
    }

    fn check(&self, kernel: Kernel, scratch: &mut Scratch) {
        let (signed_lhs, signed_rhs) = (values(&self.lhs), values(&self.rhs));
        let lhs_values = if self.lhs.1 { QuantizedSlice::I8(&signed_lhs) } else { QuantizedSlice::U8(&self.lhs.0) };
        let rhs_values = if self.rhs.1 { QuantizedSlice::I8(&signed_rhs) } else { QuantizedSlice::U8(&self.rhs.0) };
        let lhs = Lhs {
            values: lhs_values,
            m: self.m,
            row_stride: self.k + self.gap,
            zero_points: match self.form & 4 {
                0 => ZeroPoints::One(self.row_zero_points[0]),
                _ => ZeroPoints::Each(&self.row_zero_points),
            },
        };
        let rhs_zero_points = match self.form & 24 {
            0 => ZeroPoints::One(0),
            8 => ZeroPoints::One(self.column_zero_points[0]),
            _ => ZeroPoints::Each(&self.column_zero_points),
        };
        let weights = Weights::row_major(rhs_values, self.n, self.k, rhs_zero_points);
        let packed = kernel.pack(&weights).expect("valid weights");
        let what = (kernel.name(), self.m, self.n, self.k, self.form);
        let mut run = |expected: Output<'_>, actual: Output<'_>| {
            reference::gemm(&lhs, &weights, expected);
            kernel.gemm(&lhs, &packed, actual, scratch).expect("a valid product");
        };
        let size = self.m * (self.n + self.gap);
        let row_stride = self.n + self.gap;
        match self.form >> 5 & 3 {
            0 => {
                let mut out = [vec![77_i32; size], vec![77_i32; size]];
                let [a, b] = &mut out;
                let output = |out| {
                    Output::I32(I32Output { out, row_stride, bias: (self.form & 128 != 0).then_some(&self.bias) })
                };
                run(output(a), output(b));
                assert_eq!(out[0], out[1], "{what:?}");
            }
            1 => {
                let mut out = [vec![77.0_f32; size], vec![77.0_f32; size]];
                let [a, b] = &mut out;
                let bias: Vec<f32> = self.bias.iter().map(|&x| x as f32 * 1e-3).collect();
                let output = |out| {
                    Output::F32(F32Output {
                        out,
                        row_stride,
                        row_scales: if self.form & 4 == 0 { Scales::One(0.37) } else { Scales::Each(&self.row_scales) },
                        column_scales: Scales::Each(&self.scales),
                        bias: (self.form & 128 != 0).then_some(&bias),
                        min: if self.form & 64 == 0 { f32::NEG_INFINITY } else { 0.0 },
                        max: f32::INFINITY,
                    })
                };
                run(output(a), output(b));
                let bits = |out: &[f32]| out.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&out[0]), bits(&out[1]), "{what:?}");
            }
            2 => {
                let mut out = [vec![77_u8; size], vec![77_u8; size]];
                let [a, b] = &mut out;
                let residual = Residual {
                    values: QuantizedSlice::U8(&self.residual),
                    row_stride: self.n,
                    zero_point: 99,
                    multiplier: 0.7,
                };
                let output = |out| {
                    Output::U8(Requantized {
                        out,
                        row_stride,
                        bias: Some(&self.bias),
                        multipliers: Scales::Each(&self.scales),
                        zero_point: 3,
                        q_min: 3,
                        q_max: 255,
                        residual: (self.form & 128 != 0).then_some(residual),
                    })
                };
                run(output(a), output(b));
                assert_eq!(out[0], out[1], "{what:?}");
            }
            _ => {
                let mut out = [vec![77_i8; size], vec![77_i8; size]];
                let [a, b] = &mut out;
                let signed: Vec<i8> = self.residual.iter().map(|x| x.cast_signed()).collect();
                let residual = Residual {
                    values: QuantizedSlice::I8(&signed),
                    row_stride: self.n,
                    zero_point: -5,
                    multiplier: -0.3,
                };
                let output = |out| {
                    Output::I8(Requantized {
                        out,
                        row_stride,
                        bias: None,
                        multipliers: Scales::One(0.0021),
                        zero_point: -7,
                        q_min: -128,
                        q_max: 120,
                        residual: (self.form & 128 != 0).then_some(residual),
                    })
                };
                run(output(a), output(b));
                assert_eq!(out[0], out[1], "{what:?}");
            }
        }
    }
}

#[test]
fn every_small_shape_is_exact() {
    for (index, kernel) in kernels().into_iter().enumerate() {
        let (mut noise, mut scratch) = (Noise::new(index as u64), Scratch::default());
        for m in 1..=25 {
            for n in [1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 66, 80, 96, 112, 129] {
                for k in [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33] {
                    Case::new((m, n, k), &mut noise).check(kernel, &mut scratch);
                }
            }
        }
    }
}

#[test]
fn every_depth_is_exact() {
    for kernel in kernels() {
        let (mut noise, mut scratch) = (Noise::new(3), Scratch::default());
        for k in (0..=40).chain([63, 64, 65, 66, 127, 128, 129, 130, 255, 256, 257, 258, 1023, 1024, 1025]) {
            for (m, n) in [(1, 70), (2, 33), (7, 50), (13, 64), (70, 20)] {
                Case::new((m, n, k), &mut noise).check(kernel, &mut scratch);
            }
        }
    }
}

#[test]
fn weights_packed_in_the_memory_of_others_are_as_if_packed_anew() {
    for kernel in kernels() {
        let (mut noise, mut scratch, mut packed) = (Noise::new(7), Scratch::default(), PackedWeights::default());
        for (m, n, k) in [(3, 20, 70), (2, 5, 3), (4, 33, 9), (1, 1, 1), (5, 40, 64), (2, 7, 0), (3, 20, 70)] {
            let (lhs, rhs) = (noise.bytes(m * k), noise.bytes(n * k));
            let lhs = Lhs { values: QuantizedSlice::U8(&lhs), m, row_stride: k, zero_points: ZeroPoints::One(3) };
            let zero_point = if n == 5 { 128 } else { 7 };
            let weights = Weights::column_major(QuantizedSlice::U8(&rhs), n, k, ZeroPoints::One(zero_point));
            kernel.pack_into(&weights, &mut packed).expect("valid weights");
            let anew = kernel.pack(&weights).expect("valid weights");
            assert_eq!((packed.n(), packed.k(), packed.bytes()), (anew.n(), anew.k(), anew.bytes()));
            let mut out = [vec![0_i32; m * n], vec![0_i32; m * n]];
            let [a, b] = &mut out;
            let output = |out| Output::I32(I32Output { out, row_stride: n, bias: None });
            kernel.gemm(&lhs, &packed, output(a), &mut scratch).expect("a valid product");
            reference::gemm(&lhs, &weights, output(b));
            assert_eq!(out[0], out[1], "{} {m} {n} {k}", kernel.name());
        }
        let other = kernels().into_iter().find(|other| other.0.layout != kernel.0.layout);
        let Some(other) = other else { continue };
        let weights = Weights::row_major(QuantizedSlice::I8(&[1]), 1, 1, ZeroPoints::One(0));
        kernel.pack_into(&weights, &mut packed).expect("valid weights");
        let lhs = Lhs { values: QuantizedSlice::U8(&[1]), m: 1, row_stride: 1, zero_points: ZeroPoints::One(0) };
        let output = Output::I32(I32Output { out: &mut [0], row_stride: 1, bias: None });
        assert!(other.gemm(&lhs, &packed, output, &mut scratch).is_err(), "packed for another kernel");
    }
}

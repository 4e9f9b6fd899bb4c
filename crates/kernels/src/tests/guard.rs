//! Operands whose neighbours must not be touched: a page without access lies behind each, or in front of it.
#![cfg(target_os = "linux")]

use std::vec::Vec;

use super::float::defined;
use super::kernels;
use super::noise::Noise;
use crate::{
    ConvInput, FloatMatrix, Geometry, Lhs, Output, QuantizedSlice, Requantized, Residual, Scales, Scratch, Weights,
    ZeroPoints, reference,
};

const PAGE: usize = 4096;

/// Memory between two pages that must not be read or written.
struct Guarded<T> {
    map: *mut u8,
    bytes: usize,
    data: *mut T,
    length: usize,
}

impl<T: Copy> Guarded<T> {
    /// A copy of `values` that ends where the last page begins, or begins where the first page ends.
    fn new(values: &[T], at_end: bool) -> Self {
        let size = size_of_val(values);
        let inner = size.next_multiple_of(PAGE).max(PAGE);
        let bytes = inner + 2 * PAGE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh mapping, of which the middle is made accessible and filled.
        unsafe {
            let map: *mut u8 = libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0).cast();
            assert_ne!(map.cast(), libc::MAP_FAILED);
            let middle = map.add(PAGE);
            assert_eq!(libc::mprotect(middle.cast(), inner, libc::PROT_READ | libc::PROT_WRITE), 0);
            let data: *mut T = if at_end { middle.add(inner - size) } else { middle }.cast();
            std::ptr::copy_nonoverlapping(values.as_ptr(), data, values.len());
            Self { map, bytes, data, length: values.len() }
        }
    }

    fn get(&self) -> &[T] {
        // SAFETY: the mapping lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }

    fn get_mut(&mut self) -> &mut [T] {
        // SAFETY: the mapping lives as long as `self`.
        unsafe { std::slice::from_raw_parts_mut(self.data, self.length) }
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is that of `new`.
        unsafe { libc::munmap(self.map.cast(), self.bytes) };
    }
}

#[test]
fn products_touch_nothing_but_their_operands() {
    let mut noise = Noise::new(41);
    for kernel in kernels() {
        for (m, n, k) in (1..=9).flat_map(|m| [1, 5, 16, 17, 40, 66].map(|n| (m, n, 3 * m + n % 7))).chain([(70, 3, 2)])
        {
            for at_end in [false, true] {
                let (a, w) = (noise.bytes(m * k), noise.signed(n * k));
                let (bias, scales): (Vec<i32>, Vec<f32>) =
                    ((0..n).map(|_| noise.within((-99, 99))).collect(), noise.reals(n));
                let residual = noise.bytes(m * n);
                let (lhs, rhs) = (Guarded::new(&a, at_end), Guarded::new(&w, at_end));
                let (bias, scales) = (Guarded::new(&bias, at_end), Guarded::new(&scales, at_end));
                let residual = Guarded::new(&residual, at_end);
                let mut out = Guarded::new(&std::vec![0_u8; m * n], at_end);
                let mut expected = std::vec![0_u8; m * n];
                let weights = Weights::row_major(QuantizedSlice::I8(rhs.get()), n, k, ZeroPoints::One(0));
                let lhs =
                    Lhs { values: QuantizedSlice::U8(lhs.get()), m, row_stride: k, zero_points: ZeroPoints::One(8) };
                let packed = kernel.pack(&weights).expect("valid weights");
                reference::gemm(&lhs, &weights, output(&mut expected, n, bias.get(), scales.get(), residual.get()));
                let to = output(out.get_mut(), n, bias.get(), scales.get(), residual.get());
                kernel.gemm(&lhs, &packed, to, &mut Scratch::default()).expect("a valid product");
                assert_eq!(out.get(), expected, "{} {m} {n} {k}", kernel.name());
            }
        }
    }
}

#[test]
fn float_products_touch_nothing_but_their_operands() {
    let mut noise = Noise::new(44);
    for kernel in kernels() {
        for (m, n) in (1..=9).chain([17]).flat_map(|m| [1, 5, 16, 17, 40, 66].map(|n| (m, n))) {
            for (transposed, at_end) in [(false, false), (false, true), (true, false), (true, true)] {
                let k = 3 * m + n % 7;
                let lhs = Guarded::new(&noise.reals(m * k), at_end);
                let rhs = Guarded::new(&noise.reals(k * n), at_end);
                let mut out = Guarded::new(&noise.reals(m * n), at_end);
                let mut expected = out.get().to_vec();
                let matrix = |elements, rows, columns| match transposed {
                    true => FloatMatrix::row_major(elements, rows).transposed(),
                    false => FloatMatrix::row_major(elements, columns),
                };
                let (lhs, rhs) = (matrix(lhs.get(), m, k), matrix(rhs.get(), k, n));
                defined((m, n, k), lhs, rhs, &mut expected, n);
                let scratch = &mut Scratch::default();
                kernel.multiply_add((m, n, k), lhs, rhs, out.get_mut(), n, scratch).expect("a valid product");
                assert_eq!(out.get(), expected, "{} {m} {n} {k}", kernel.name());
            }
        }
    }
}

fn output<'a>(out: &'a mut [u8], n: usize, bias: &'a [i32], scales: &'a [f32], residual: &'a [u8]) -> Output<'a> {
    let residual = Residual { values: QuantizedSlice::U8(residual), row_stride: n, zero_point: 3, multiplier: 0.25 };
    let (multipliers, bias, residual) = (Scales::Each(scales), Some(bias), Some(residual));
    Output::U8(Requantized { out, row_stride: n, bias, multipliers, zero_point: 128, q_min: 0, q_max: 255, residual })
}

#[test]
fn convolutions_touch_nothing_but_their_operands() {
    let mut noise = Noise::new(43);
    for kernel in kernels() {
        for (channels, groups) in [(1, 1), (3, 1), (5, 1), (16, 1), (17, 17), (6, 2), (33, 33)] {
            for (taps, padding) in [(1, 0), (3, 0), (3, 1)] {
                for at_end in [false, true] {
                    let geometry = Geometry {
                        channels_in: channels,
                        channels_out: channels,
                        groups,
                        kernel: [1, taps, taps],
                        stride: [1; 3],
                        dilation: [1; 3],
                        pad_begin: [0, padding, padding],
                        pad_end: [0, padding, padding],
                    };
                    let size = [1, 5, 4];
                    let rows = 2 * geometry.output_size(size).expect("fits").iter().product::<usize>();
                    let input = Guarded::new(&noise.bytes(40 * channels), at_end);
                    let weights = Guarded::new(&noise.signed(channels * taps * taps * channels / groups), at_end);
                    let mut out = Guarded::new(&std::vec![0_u8; rows * channels], at_end);
                    let mut expected = std::vec![0_u8; rows * channels];
                    let input = ConvInput { values: QuantizedSlice::U8(input.get()), batch: 2, size, zero_point: 77 };
                    let (values, zero_points) = (QuantizedSlice::I8(weights.get()), ZeroPoints::One(0));
                    let (bias, scales) = (std::vec![5; channels], std::vec![0.01; channels]);
                    let residual = std::vec![3; rows * channels];
                    let packed = kernel.pack_conv(&geometry, values, zero_points).expect("valid weights");
                    let to = output(&mut expected, channels, &bias, &scales, &residual);
                    reference::conv(&input, &geometry, values, zero_points, to);
                    let to = output(out.get_mut(), channels, &bias, &scales, &residual);
                    kernel.conv(&input, &packed, to, &mut Scratch::default()).expect("a valid convolution");
                    assert_eq!(out.get(), expected, "{} {geometry:?}", kernel.name());
                }
            }
        }
    }
}

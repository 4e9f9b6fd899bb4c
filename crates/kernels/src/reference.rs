//! The specification: plain loops that every kernel equals bit for bit. Slow; for tests and for reading.

use crate::{
    Affine, ConvInput, F32Output, Geometry, I32Output, Lhs, Output, QuantizedSlice, Requantized, Weights, ZeroPoints,
};

/// Equation (3): `sum_p (lhs[i, p] - z_l[i]) * (weights[j, p] - z_w[j])`, modulo 2^32.
///
/// # Panics
///
/// If an operand is too short.
#[must_use]
pub fn sum(lhs: &Lhs<'_>, weights: &Weights<'_>, i: usize, j: usize) -> i32 {
    let (z_l, z_w) = (lhs.zero_points.at(i), weights.zero_points.at(j));
    (0..weights.k).fold(0, |sum: i32, p| {
        let a = lhs.values.at(i * lhs.row_stride + p) - z_l;
        let w = weights.values.at(j * weights.n_stride + p * weights.k_stride) - z_w;
        sum.wrapping_add(a * w)
    })
}

/// [`Kernel::gemm`](crate::Kernel::gemm).
///
/// # Panics
///
/// If an operand is too short.
pub fn gemm(lhs: &Lhs<'_>, weights: &Weights<'_>, mut output: Output<'_>) {
    for i in 0..lhs.m {
        for j in 0..weights.n {
            store(&mut output, i, j, sum(lhs, weights, i, j));
        }
    }
}

/// [`Kernel::conv`](crate::Kernel::conv) with weights `[channels_out, kd, kh, kw, channels_in / groups]`.
///
/// # Panics
///
/// If an operand is too short or the sizes do not fit.
pub fn conv(
    input: &ConvInput<'_>,
    geometry: &Geometry,
    weights: QuantizedSlice<'_>,
    zero_points: ZeroPoints<'_>,
    mut output: Output<'_>,
) {
    let out = geometry.output_size(input.size).expect("a kernel that fits");
    let (group_in, group_out) = (geometry.channels_in / geometry.groups, geometry.channels_out / geometry.groups);
    let positions: usize = input.size.iter().product();
    let mut row = 0;
    for image in 0..input.batch {
        for position in 0..out[0] * out[1] * out[2] {
            let corner = [position / (out[1] * out[2]), position / out[2] % out[1], position % out[2]];
            for o in 0..geometry.channels_out {
                let mut acc = 0_i32;
                geometry.for_each_tap(input.size, corner, |tap, place| {
                    for c in 0..group_in {
                        let channel = o / group_out * group_in + c;
                        let x = input.values.at((image * positions + place) * geometry.channels_in + channel);
                        let w = weights.at((o * geometry.taps() + tap) * group_in + c);
                        acc = acc.wrapping_add((x - input.zero_point) * (w - zero_points.at(o)));
                    }
                });
                store(&mut output, row, o, acc);
            }
            row += 1;
        }
    }
}

/// [`Kernel::transposed_conv`](crate::Kernel::transposed_conv) with weights `[channels_out, kd, kh, kw, channels_in /
/// groups]`: every quantized value is added where its taps reach.
///
/// # Panics
///
/// If an operand is too short or the sizes do not fit.
pub fn transposed_conv(
    input: &ConvInput<'_>,
    geometry: &Geometry,
    weights: QuantizedSlice<'_>,
    zero_points: ZeroPoints<'_>,
    out_size: [usize; 3],
    mut output: Output<'_>,
) {
    let Geometry { channels_in, channels_out, groups, stride, dilation, pad_begin, kernel, .. } = *geometry;
    let (group_in, group_out) = (channels_in / groups, channels_out / groups);
    let volume = |size: [usize; 3]| size.iter().product::<usize>();
    let split = |at: usize, size: [usize; 3]| [at / (size[1] * size[2]), at / size[2] % size[1], at % size[2]];
    for image in 0..input.batch {
        let mut sums = alloc::vec![0_i32; volume(out_size) * channels_out];
        for (place, tap) in (0..volume(input.size)).flat_map(|place| (0..volume(kernel)).map(move |tap| (place, tap))) {
            let (at, step) = (split(place, input.size), split(tap, kernel));
            let reached = [0, 1, 2].map(|axis| {
                let reached = (at[axis] * stride[axis] + step[axis] * dilation[axis]).checked_sub(pad_begin[axis]);
                reached.filter(|&reached| reached < out_size[axis])
            });
            let [Some(z), Some(y), Some(x)] = reached else { continue };
            let row = (z * out_size[1] + y) * out_size[2] + x;
            for o in 0..channels_out {
                for c in 0..group_in {
                    let channel = o / group_out * group_in + c;
                    let code = input.values.at((image * volume(input.size) + place) * channels_in + channel);
                    let weight = weights.at((o * volume(kernel) + tap) * group_in + c);
                    let sum = &mut sums[row * channels_out + o];
                    *sum = sum.wrapping_add((code - input.zero_point) * (weight - zero_points.at(o)));
                }
            }
        }
        for (index, sum) in sums.into_iter().enumerate() {
            store(&mut output, image * volume(out_size) + index / channels_out, index % channels_out, sum);
        }
    }
}

/// Makes the result `[i, j]` of a sum.
///
/// # Panics
///
/// If a part of the output is too short.
#[expect(clippy::cast_precision_loss, reason = "rounded to nearest, as the equations say")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "values lie in the range of their type")]
pub fn store(output: &mut Output<'_>, i: usize, j: usize, acc: i32) {
    match output {
        Output::I32(I32Output { out, row_stride, bias }) => {
            out[i * *row_stride + j] = acc.wrapping_add(bias.map_or(0, |bias| bias[j]));
        }
        Output::F32(F32Output { out, row_stride, row_scales, column_scales, bias, min, max }) => {
            let real = acc as f32 * (row_scales.at(i) * column_scales.at(j)) + bias.map_or(0.0, |bias| bias[j]);
            let bounded = if *min > real { *min } else { real };
            out[i * *row_stride + j] = if *max < bounded { *max } else { bounded };
        }
        Output::U8(output) => output.out[i * output.row_stride + j] = code(output, i, j, acc) as u8,
        Output::I8(output) => output.out[i * output.row_stride + j] = code(output, i, j, acc) as i8,
    }
}

/// Equation (4).
#[expect(clippy::cast_precision_loss, reason = "rounded to nearest, as the equations say")]
fn code<T>(output: &Requantized<'_, T>, i: usize, j: usize, acc: i32) -> i32 {
    let acc = acc.wrapping_add(output.bias.map_or(0, |bias| bias[j]));
    let mut real = acc as f32 * output.multipliers.at(j);
    if let Some(residual) = &output.residual {
        let steps = residual.values.at(i * residual.row_stride + j) - residual.zero_point;
        real += steps as f32 * residual.multiplier;
    }
    clamped(real, output.zero_point, output.q_min, output.q_max)
}

/// `clamp(round(real) + zero_point, q_min, q_max)`, NaN to `q_min`.
#[expect(clippy::cast_precision_loss, reason = "8-bit values")]
fn clamped(real: f32, zero_point: i32, q_min: i32, q_max: i32) -> i32 {
    let (low, high) = ((q_min - zero_point) as f32, (q_max - zero_point) as f32);
    let above = if real > low { real } else { low };
    let within = if above < high { above } else { high };
    round(within) + zero_point
}

/// To the nearest integer, ties to even, for numbers of at most 22 bits.
#[must_use]
pub fn round(real: f32) -> i32 {
    const ROUNDER: f32 = 12_582_912.0;
    (real + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits()).cast_signed()
}

/// Equation (2): `clamp(round(x / scale) + zero_point, q_min, q_max)`, NaN to the zero point.
#[must_use]
pub fn quantize(x: f32, affine: Affine) -> i32 {
    let steps = x / affine.scale;
    let steps = if steps.is_nan() { 0.0 } else { steps };
    clamped(steps, affine.zero_point, affine.q_min, affine.q_max)
}

/// Equation (1): `scale * (q - zero_point)`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "8-bit values")]
pub fn dequantize(q: i32, affine: Affine) -> f32 {
    affine.scale * (q - affine.zero_point) as f32
}

//! Convolutions, channels last: `x: [n, d, h, w, c]`, result `[n, d, h, w, o]`.

use fourfold_graph::{Activation, Value};
use fourfold_kernels::{Codes, FloatMatrix, Geometry, Kernel, PackedConv, ZeroPoints};
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Element, Tensor, View};

use super::requantize::Requantize;
use super::{Action, Call, Scratch, bias_or_zeros, images, reserve};
use crate::Error;
use crate::float_gemm::Multiplier;
use crate::spatial::{Windows, three};

/// Windows gathered at a time before they are multiplied.
const GATHERED: usize = 256;

/// The weight `[o, c / groups, k...]` of a graph as `[o, k..., c / groups]`.
pub(crate) fn channels_last<T: Element>(weight: &Tensor) -> Result<Tensor, Error> {
    let rank = weight.shape().len();
    let axes: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
    Ok(View::permute(&weight.view::<T>()?, &axes)?.to_tensor())
}

/// Equations (3) and (4).
#[derive(Debug)]
pub(crate) struct QuantizedConv {
    packed: PackedConv,
    signed: bool,
    zero_point: i32,
    channels_out: usize,
    end: Requantize,
}

impl QuantizedConv {
    pub(crate) fn new(
        kernel: Kernel,
        geometry: &Geometry,
        x: &QuantParams,
        weight: &Tensor,
        end: Requantize,
    ) -> Result<Self, Error> {
        let weight = channels_last::<i8>(weight)?;
        let packed = kernel.pack_conv(geometry, Codes::I8(weight.as_slice()?), ZeroPoints::One(0))?;
        let (signed, zero_point) = (x.dtype() == DType::I8, x.zero_points()[0]);
        Ok(Self { packed, signed, zero_point, channels_out: geometry.channels_out, end })
    }
}

impl Action for QuantizedConv {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let input = images(&call.inputs[0], self.signed, self.zero_point);
        let output = self.end.output(call.output, self.channels_out);
        Ok(call.kernel.conv(&input, &self.packed, output, &mut call.scratch.kernel)?)
    }

    fn packed_bytes(&self) -> usize {
        self.packed.bytes()
    }
}

/// A convolution of real numbers.
#[derive(Debug)]
pub(crate) struct FloatConv {
    geometry: Geometry,
    /// `[o, k..., c / groups]`; `[k..., c]` for a depthwise convolution.
    weight: Tensor,
    bias: Vec<f32>,
    bounds: (f32, f32),
}

impl FloatConv {
    pub(crate) fn new(
        geometry: Geometry,
        weight: &Tensor,
        bias: Option<&Value>,
        activation: Activation,
    ) -> Result<Self, Error> {
        let mut weight = channels_last::<f32>(weight)?;
        if is_depthwise(&geometry) {
            let taps: usize = geometry.kernel.iter().product();
            let by_channel = weight.reshape(&[geometry.channels_out, taps])?;
            weight = by_channel.view::<f32>()?.permute(&[1, 0])?.to_tensor();
        }
        let bias = bias_or_zeros(bias, geometry.channels_out)?;
        Ok(Self { geometry, weight, bias, bounds: activation.bounds() })
    }

    /// One image of a depthwise convolution: `out[p, c] += sum_t x[seen(p, t), c] * weight[t, c]`.
    fn depthwise(&self, windows: Windows<'_>, x: &[f32], weight: &[f32], out: &mut [f32]) {
        let channels = self.geometry.channels_out;
        for (window, out) in out.chunks_exact_mut(channels).enumerate() {
            windows.for_each_tap(window, |tap, seen| {
                let Some(seen) = seen else { return };
                let (x, weight) = (&x[seen * channels..][..channels], &weight[tap * channels..][..channels]);
                for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
                    *out += x * weight;
                }
            });
        }
    }

    /// One image: windows are gathered into rows, which are multiplied by the weight, group by group.
    fn gathered(
        &self,
        windows: Windows<'_>,
        (x, weight): (&[f32], &[f32]),
        out: &mut [f32],
        rows: &mut Vec<f32>,
        multiplier: &mut Multiplier<'_>,
    ) -> Result<(), Error> {
        let Geometry { channels_in, channels_out, groups, kernel, .. } = self.geometry;
        let (group_in, group_out) = (channels_in / groups, channels_out / groups);
        let depth = kernel.iter().product::<usize>() * group_in;
        for first in (0..windows.count()).step_by(GATHERED) {
            let count = GATHERED.min(windows.count() - first);
            let out = &mut out[first * channels_out..(first + count) * channels_out];
            for group in 0..groups {
                let rows = reserve(rows, count * depth);
                for (row, window) in rows.chunks_exact_mut(depth).zip(first..) {
                    windows.for_each_tap(window, |tap, seen| {
                        let to = &mut row[tap * group_in..][..group_in];
                        match seen {
                            Some(seen) => to.copy_from_slice(&x[seen * channels_in + group * group_in..][..group_in]),
                            None => to.fill(0.0),
                        }
                    });
                }
                let weight = FloatMatrix::row_major(&weight[group * group_out * depth..], depth).transposed();
                let (sizes, lhs) = ((count, group_out, depth), FloatMatrix::row_major(rows, depth));
                multiplier.multiply_add(sizes, lhs, weight, &mut out[group * group_out..], channels_out)?;
            }
        }
        Ok(())
    }
}

impl Action for FloatConv {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0];
        let (size, out_size) = (three(&x.shape[2..]), three(&call.output_shape[2..]));
        let windows = Windows { geometry: &self.geometry, size, out: out_size };
        let weight = self.weight.as_slice::<f32>()?;
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        let Geometry { channels_in, channels_out, .. } = self.geometry;
        out.chunks_exact_mut(channels_out).for_each(|row| row.copy_from_slice(&self.bias));
        let Scratch { kernel: scratch, reals: [gathered, ..], .. } = call.scratch;
        let mut multiplier = Multiplier { products: call.products, kernel: call.kernel, scratch };
        if is_pointwise(&self.geometry) {
            let lhs = FloatMatrix::row_major(x.elements(), channels_in);
            let rhs = FloatMatrix::row_major(weight, channels_in).transposed();
            let sizes = (out.len() / channels_out, channels_out, channels_in);
            multiplier.multiply_add(sizes, lhs, rhs, out, channels_out)?;
        } else {
            let (image_in, image_out) = (size.iter().product::<usize>() * channels_in, windows.count() * channels_out);
            let images = x.elements::<f32>().chunks_exact(image_in).zip(out.chunks_exact_mut(image_out));
            for (x, out) in images {
                if is_depthwise(&self.geometry) {
                    self.depthwise(windows, x, weight, out);
                } else {
                    self.gathered(windows, (x, weight), out, gathered, &mut multiplier)?;
                }
            }
        }
        let (min, max) = self.bounds;
        out.iter_mut().for_each(|value| *value = value.clamp(min, max));
        Ok(())
    }

    fn packed_bytes(&self) -> usize {
        self.weight.bytes().len()
    }
}

/// Whether every channel is convolved by itself, with one result.
fn is_depthwise(geometry: &Geometry) -> bool {
    geometry.groups == geometry.channels_in && geometry.channels_in == geometry.channels_out && geometry.groups > 1
}

/// Whether the convolution is a plain matrix product.
fn is_pointwise(geometry: &Geometry) -> bool {
    let Geometry { groups, kernel, stride, pad_begin, pad_end, .. } = geometry;
    *groups == 1 && *kernel == [1; 3] && *stride == [1; 3] && *pad_begin == [0; 3] && *pad_end == [0; 3]
}

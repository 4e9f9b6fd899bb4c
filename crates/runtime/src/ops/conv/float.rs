//! Convolutions of floats.

use fourfold_graph::{Activation, Value};
use fourfold_kernels::{FloatMatrix, Geometry, Kernel, PackedFloatMatrix};
use fourfold_tensor::Tensor;

use super::channels_last;
use crate::Error;
use crate::ops::linear::pack_float;
use crate::ops::weight::bias_or_zeros;
use crate::ops::{Action, Budget, Call, Scratch, clamp};
use crate::spatial::{Windows, three};

/// Windows gathered at a time before they are multiplied.
const GATHERED: usize = 256;

/// The weight of a convolution of floats.
#[derive(Debug)]
enum FloatWeight {
    /// `[k..., c]`, of a depthwise convolution.
    Depthwise(Tensor),
    /// For each group `[k... * c / groups, o / groups]`.
    Groups(Vec<PackedFloatMatrix>),
}

impl FloatWeight {
    /// Of the weight `[o, k..., c / groups]`.
    fn new(geometry: &Geometry, weight: &Tensor) -> Result<Self, Error> {
        let Geometry { channels_in, channels_out, groups, .. } = *geometry;
        let taps = geometry.taps();
        if geometry.is_depthwise() && groups > 1 {
            let by_channel = weight.reshape(&[channels_out, taps])?;
            return Ok(Self::Depthwise(by_channel.view::<f32>()?.permute(&[1, 0])?.to_tensor()?));
        }
        let by_channel = weight.reshape(&[channels_out, taps * (channels_in / groups)])?;
        let width = channels_out / groups;
        let group = |group: usize| pack_float(&by_channel.rows(group * width..(group + 1) * width)?);
        Ok(Self::Groups((0..groups).map(group).collect::<Result<_, Error>>()?))
    }
}

/// A convolution of floats.
#[derive(Debug)]
pub(crate) struct FloatConv {
    geometry: Geometry,
    weight: FloatWeight,
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
        let weight = FloatWeight::new(&geometry, &channels_last::<f32>(weight)?)?;
        let bias = bias_or_zeros(bias, geometry.channels_out)?;
        Ok(Self { geometry, weight, bias, bounds: activation.bounds() })
    }

    /// One image of a depthwise convolution: `out[p, c] += sum_t x[seen(p, t), c] * weight[t, c]`.
    fn depthwise(&self, windows: Windows<'_>, x: &[f32], weight: &[f32], out: &mut [f32]) {
        let channels = self.geometry.channels_out;
        for (window, out) in out.chunks_exact_mut(channels).enumerate() {
            windows.for_each_seen(window, |tap, seen| {
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
        x: &[f32],
        weights: &[PackedFloatMatrix],
        out: &mut [f32],
        gathering: &mut Gathering<'_>,
    ) -> Result<(), Error> {
        let Geometry { channels_in, channels_out, groups, .. } = self.geometry;
        let (group_in, group_out) = (channels_in / groups, channels_out / groups);
        let depth = self.geometry.taps() * group_in;
        for first in (0..windows.count()).step_by(GATHERED) {
            let count = GATHERED.min(windows.count() - first);
            let out = &mut out[first * channels_out..(first + count) * channels_out];
            for (group, weight) in weights.iter().enumerate() {
                let rows = gathering.budget.reserve(gathering.rows, count * depth)?;
                for (row, window) in rows.chunks_exact_mut(depth).zip(first..) {
                    windows.for_each_run(window, |taps, seen| {
                        let to = &mut row[taps.start * group_in..taps.end * group_in];
                        let Some(seen) = seen else { return to.fill(0.0) };
                        let from = &x[seen * channels_in + group * group_in..];
                        if groups == 1 {
                            return to.copy_from_slice(&from[..to.len()]);
                        }
                        for (to, from) in to.chunks_exact_mut(group_in).zip(from.chunks(channels_in)) {
                            to.copy_from_slice(&from[..group_in]);
                        }
                    });
                }
                let (lhs, out) = (FloatMatrix::row_major(rows, depth), &mut out[group * group_out..]);
                gathering.kernel.multiply_add_packed(count, lhs, weight, out, channels_out)?;
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
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        let Geometry { channels_in, channels_out, .. } = self.geometry;
        out.chunks_exact_mut(channels_out).for_each(|row| row.copy_from_slice(&self.bias));
        let Scratch { floats: [rows, ..], budget, .. } = call.scratch;
        let (image_in, image_out) = (size.iter().product::<usize>() * channels_in, windows.count() * channels_out);
        match &self.weight {
            FloatWeight::Depthwise(weight) => {
                let weight = weight.as_slice()?;
                let images = x.elements::<f32>().chunks_exact(image_in).zip(out.chunks_exact_mut(image_out));
                images.for_each(|(x, out)| self.depthwise(windows, x, weight, out));
            }
            FloatWeight::Groups(weights) if is_pointwise(&self.geometry) => {
                let (m, lhs) = (out.len() / channels_out, FloatMatrix::row_major(x.elements(), channels_in));
                call.kernel.multiply_add_packed(m, lhs, &weights[0], out, channels_out)?;
            }
            FloatWeight::Groups(weights) => {
                let images = x.elements::<f32>().chunks_exact(image_in).zip(out.chunks_exact_mut(image_out));
                let mut gathering = Gathering { rows, budget, kernel: call.kernel };
                for (x, out) in images {
                    self.gathered(windows, x, weights, out, &mut gathering)?;
                }
            }
        }
        clamp(out, self.bounds);
        Ok(())
    }

    fn packed_bytes(&self) -> usize {
        match &self.weight {
            FloatWeight::Depthwise(weight) => weight.bytes().len(),
            FloatWeight::Groups(weights) => weights.iter().map(PackedFloatMatrix::bytes).sum(),
        }
    }
}

/// What windows are gathered into, and multiplied with.
struct Gathering<'s> {
    rows: &'s mut Vec<f32>,
    budget: &'s mut Budget,
    kernel: Kernel,
}

/// Whether the convolution is a plain matrix product.
fn is_pointwise(geometry: &Geometry) -> bool {
    let Geometry { groups, kernel, stride, pad_begin, pad_end, .. } = geometry;
    *groups == 1 && *kernel == [1; 3] && *stride == [1; 3] && *pad_begin == [0; 3] && *pad_end == [0; 3]
}

//! Transposed convolutions, channels last: `x: [n, d, h, w, c]`, result `[n, d, h, w, o]`.

use core::ops::Range;

use fourfold_graph::{Activation, ConvTranspose, Node, Value};
use fourfold_kernels::{FloatMatrix, Geometry, Kernel, PackedFloatMatrix, PackedTransposedConv};
use fourfold_schemes::{Granularity, QuantParams};
use fourfold_tensor::Tensor;

use super::conv::channels_last;
use super::requantize::Requantize;
use super::weight::{QuantizedWeight, bias_or_zeros, quantized_elements};
use super::{Action, Call, Encoding, Lower, Scratch, bias, clamp, images};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;
use crate::spatial::{geometry, three};

/// Positions multiplied at a time before their products are added to the result.
const TOGETHER: usize = 256;

impl Lower for ConvTranspose {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let (weight, groups) = (lowering.constant(node, 1)?, self.groups);
        let params = lowering.params(node, 1).ok().map(|params| of_all_groups(params, groups)).transpose()?;
        if weight.is_empty() {
            return bias::lower(lowering, node, params.as_ref(), self.activation, Layout::ChannelsLast);
        }
        let geometry = geometry(&self.window, weight.shape()[0], weight.shape()[1] * groups, groups);
        if lowering.is_quantized(node) {
            let params = &params.ok_or_else(|| lowering.unsupported(node))?;
            let (x, y, bias) = (lowering.params(node, 0)?, lowering.result_params(node)?, lowering.bias(node));
            let requantize = Requantize::new(x, params, bias, y, self.activation)?;
            let weight = QuantizedWeight { tensor: weight, params };
            let action = QuantizedConvTranspose::new(lowering.kernel, &geometry, x, weight, requantize)?;
            lowering.add(node, Layout::ChannelsLast, 1, action);
        } else {
            let action = FloatConvTranspose::new(geometry, weight, lowering.bias(node), self.activation)?;
            lowering.add(node, Layout::ChannelsLast, 1, action);
        }
        Ok(())
    }

    fn packed_operands(&self) -> Range<usize> {
        1..3
    }

    fn has_windows(&self) -> bool {
        true
    }
}

/// Parameters for the channels of one group, on axis 1, as those of all output channels, on axis 0.
fn of_all_groups(params: &QuantParams, groups: usize) -> Result<QuantParams, Error> {
    let Granularity::PerChannel { scales, zero_points, .. } = params.granularity() else { return Ok(params.clone()) };
    let (scales, zero_points) = (scales.repeat(groups), zero_points.repeat(groups));
    let granularity = Granularity::PerChannel { axis: 0, scales, zero_points };
    Ok(QuantParams::new(params.dtype(), (params.quant_min(), params.quant_max()), granularity)?)
}

/// Equations (3) and (4).
#[derive(Debug)]
struct QuantizedConvTranspose {
    packed: PackedTransposedConv,
    x: Encoding,
    channels_out: usize,
    requantize: Requantize,
}

impl QuantizedConvTranspose {
    /// With the weight `[in, out / groups, k...]` of a graph, and zero points for all output channels.
    fn new(
        kernel: Kernel,
        geometry: &Geometry,
        x: &QuantParams,
        weight: QuantizedWeight<'_>,
        requantize: Requantize,
    ) -> Result<Self, Error> {
        let Geometry { channels_in, channels_out, groups, kernel: taps, .. } = *geometry;
        let (group_in, group_out, taps) = (channels_in / groups, channels_out / groups, taps.iter().product::<usize>());
        let bytes = weight.tensor.bytes();
        // [out, taps, in / groups], as the kernels take it.
        let element = |at: usize| {
            let (o, tap, c) = (at / (taps * group_in), at / group_in % taps, at % group_in);
            bytes[((o / group_out * group_in + c) * group_out + o % group_out) * taps + tap]
        };
        let mut transposed = Tensor::zeros(weight.tensor.dtype(), weight.tensor.shape())?;
        transposed.bytes_mut()?.iter_mut().enumerate().for_each(|(at, transposed)| *transposed = element(at));
        let packed = kernel.pack_transposed_conv(geometry, quantized_elements(&transposed)?, weight.zero_points())?;
        Ok(Self { packed, x: Encoding::of(x), channels_out, requantize })
    }
}

impl Action for QuantizedConvTranspose {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let input = images(&call.inputs[0], self.x);
        let (size, output) = (three(&call.output_shape[2..]), self.requantize.output(call.output, self.channels_out));
        Ok(call.kernel.transposed_conv(&input, &self.packed, size, output, &mut call.scratch.kernel)?)
    }
}

/// A transposed convolution of floats: every position times all taps, then each product is added to its element of the
/// result.
#[derive(Debug)]
struct FloatConvTranspose {
    geometry: Geometry,
    /// For each group `[in / groups, k... * out / groups]`.
    weights: Vec<PackedFloatMatrix>,
    bias: Vec<f32>,
    bounds: (f32, f32),
}

impl FloatConvTranspose {
    /// With the weight `[in, out / groups, k...]` of a graph.
    fn new(geometry: Geometry, weight: &Tensor, bias: Option<&Value>, activation: Activation) -> Result<Self, Error> {
        let bias = bias_or_zeros(bias, geometry.channels_out)?;
        let weight = channels_last::<f32>(weight)?;
        let Geometry { channels_in, channels_out, groups, kernel, .. } = geometry;
        let (group_in, columns) = (channels_in / groups, kernel.iter().product::<usize>() * channels_out / groups);
        let elements = weight.as_slice::<f32>()?;
        let group = |group: usize| {
            FloatMatrix::row_major(&elements[group * group_in * columns..], columns).pack(group_in, columns)
        };
        let weights = (0..groups).map(group).collect::<Result<_, _>>()?;
        Ok(Self { geometry, weights, bias, bounds: activation.bounds() })
    }

    /// Adds the products `[taps, out / groups]` of one position of an image to its result.
    fn scatter(&self, position: [usize; 3], products: &[f32], group: usize, size: [usize; 3], out: &mut [f32]) {
        let Geometry { channels_out, groups, kernel, stride, dilation, pad_begin, .. } = self.geometry;
        let width = channels_out / groups;
        let target = |axis: usize, tap: usize| {
            let padded = position[axis] * stride[axis] + tap * dilation[axis];
            padded.checked_sub(pad_begin[axis]).filter(|&target| target < size[axis])
        };
        let mut products = products.chunks_exact(width);
        for d in 0..kernel[0] {
            for h in 0..kernel[1] {
                for (w, products) in (0..kernel[2]).zip(&mut products) {
                    let (Some(d), Some(h), Some(w)) = (target(0, d), target(1, h), target(2, w)) else { continue };
                    let at = ((d * size[1] + h) * size[2] + w) * channels_out + group * width;
                    out[at..at + width].iter_mut().zip(products).for_each(|(out, product)| *out += product);
                }
            }
        }
    }
}

impl Action for FloatConvTranspose {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0];
        let (size, out_size) = (three(&x.shape[2..]), three(&call.output_shape[2..]));
        let Geometry { channels_in, channels_out, groups, .. } = self.geometry;
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        out.chunks_exact_mut(channels_out).for_each(|row| row.copy_from_slice(&self.bias));
        let Scratch { floats: [products, ..], budget, .. } = call.scratch;
        let (positions, image_out) =
            (size.iter().product::<usize>(), out_size.iter().product::<usize>() * channels_out);
        let inputs = x.elements::<f32>().chunks_exact((positions * channels_in).max(1));
        for (x, out) in inputs.zip(out.chunks_exact_mut(image_out.max(1))) {
            for (group, weight) in self.weights.iter().enumerate() {
                let (group_in, columns) = (channels_in / groups, weight.n());
                for first in (0..positions).step_by(TOGETHER) {
                    let count = TOGETHER.min(positions - first);
                    let products = budget.reserve(products, count * columns)?;
                    products.fill(0.0);
                    let lhs = FloatMatrix::row_major(&x[first * channels_in + group * group_in..], channels_in);
                    call.kernel.multiply_add_packed(count, lhs, weight, products, columns)?;
                    for (products, at) in products.chunks_exact(columns).zip(first..) {
                        let position = [at / (size[1] * size[2]), at / size[2] % size[1], at % size[2]];
                        self.scatter(position, products, group, out_size, out);
                    }
                }
            }
        }
        clamp(out, self.bounds);
        Ok(())
    }

    fn packed_bytes(&self) -> usize {
        self.weights.iter().map(PackedFloatMatrix::bytes).sum()
    }
}

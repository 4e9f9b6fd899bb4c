//! Transposed convolutions, channels last: `x: [n, d, h, w, c]`, result `[n, d, h, w, o]`.

use fourfold_graph::{Activation, Value};
use fourfold_kernels::{FloatMatrix, Geometry, Kernel, PackedFloatMatrix, PackedTransposedConv};
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Tensor};

use super::conv::channels_last;
use super::requantize::Requantize;
use super::{Action, Call, Scratch, bias_or_zeros, clamp, images, weight_codes, zero_points};
use crate::Error;
use crate::spatial::three;

/// Positions multiplied at a time before their products are added where they belong.
const TOGETHER: usize = 256;

/// Equations (3) and (4).
#[derive(Debug)]
pub(crate) struct QuantizedConvTranspose {
    packed: PackedTransposedConv,
    signed: bool,
    zero_point: i32,
    channels_out: usize,
    end: Requantize,
}

impl QuantizedConvTranspose {
    /// With the weight `[in, out / groups, k...]` of a graph, and zero points for all output channels.
    pub(crate) fn new(
        kernel: Kernel,
        geometry: &Geometry,
        x: &QuantParams,
        (weight, params): (&Tensor, &QuantParams),
        end: Requantize,
    ) -> Result<Self, Error> {
        let Geometry { channels_in, channels_out, groups, kernel: taps, .. } = *geometry;
        let (group_in, group_out, taps) = (channels_in / groups, channels_out / groups, taps.iter().product::<usize>());
        let codes = weight.bytes();
        // [out, taps, in / groups], as the kernels take it.
        let code = |at: usize| {
            let (o, tap, c) = (at / (taps * group_in), at / group_in % taps, at % group_in);
            codes[((o / group_out * group_in + c) * group_out + o % group_out) * taps + tap]
        };
        let mut turned = Tensor::zeros(weight.dtype(), weight.shape())?;
        turned.bytes_mut()?.iter_mut().enumerate().for_each(|(at, turned)| *turned = code(at));
        let packed = kernel.pack_transposed_conv(geometry, weight_codes(&turned)?, zero_points(params))?;
        let (signed, zero_point) = (x.dtype() == DType::I8, x.zero_points()[0]);
        Ok(Self { packed, signed, zero_point, channels_out, end })
    }
}

impl Action for QuantizedConvTranspose {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let input = images(&call.inputs[0], self.signed, self.zero_point);
        let (size, output) = (three(&call.output_shape[2..]), self.end.output(call.output, self.channels_out));
        Ok(call.kernel.transposed_conv(&input, &self.packed, size, output, &mut call.scratch.kernel)?)
    }
}

/// A transposed convolution of real numbers: every position times all taps, then each product is added where it
/// belongs.
#[derive(Debug)]
pub(crate) struct FloatConvTranspose {
    geometry: Geometry,
    /// For each group `[in / groups, k... * out / groups]`.
    weights: Vec<PackedFloatMatrix>,
    bias: Vec<f32>,
    bounds: (f32, f32),
}

impl FloatConvTranspose {
    /// With the weight `[in, out / groups, k...]` of a graph.
    pub(crate) fn new(
        geometry: Geometry,
        weight: &Tensor,
        bias: Option<&Value>,
        activation: Activation,
    ) -> Result<Self, Error> {
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
        let place = |axis: usize, tap: usize| {
            let padded = position[axis] * stride[axis] + tap * dilation[axis];
            padded.checked_sub(pad_begin[axis]).filter(|&place| place < size[axis])
        };
        let mut products = products.chunks_exact(width);
        for d in 0..kernel[0] {
            for h in 0..kernel[1] {
                for (w, products) in (0..kernel[2]).zip(&mut products) {
                    let (Some(d), Some(h), Some(w)) = (place(0, d), place(1, h), place(2, w)) else { continue };
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
        let Scratch { reals: [products, ..], budget, .. } = call.scratch;
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

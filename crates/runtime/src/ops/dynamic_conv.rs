//! Convolution with 8-bit weights and real images that are quantized while running, channels last.

use fourfold_graph::{Activation, Value};
use fourfold_kernels::{Codes, ConvInput, F32Output, Geometry, Kernel, Output, PackedConv, Scales};
use fourfold_schemes::{DynamicScheme, QuantParams};
use fourfold_tensor::Tensor;
use fourfold_tensor::memory::collected;

use super::conv::{codes_channels_last, padded_bytes};
use super::dynamic::quantize_tensor;
use super::{Action, Call, Scratch, bias_of, weight_codes, zero_points};
use crate::Error;
use crate::spatial::three;

/// `out = clamp(f32(acc) * (s_x * s_w) + bias, min, max)`; every image has parameters of its own, or all have the same.
#[derive(Debug)]
pub(crate) struct DynamicConv {
    packed: PackedConv,
    geometry: Geometry,
    scales: Vec<f32>,
    bias: Option<Vec<f32>>,
    bounds: (f32, f32),
    scheme: DynamicScheme,
}

impl DynamicConv {
    pub(crate) fn new(
        kernel: Kernel,
        (geometry, scheme): (Geometry, DynamicScheme),
        (weight, params): (&Tensor, &QuantParams),
        bias: Option<&Value>,
        activation: Activation,
    ) -> Result<Self, Error> {
        let weight = codes_channels_last(weight)?;
        Ok(Self {
            packed: kernel.pack_conv(&geometry, weight_codes(&weight)?, zero_points(params))?,
            geometry,
            scales: collected(params.scales().iter().map(|scale| scale.get()))?,
            bias: bias_of(bias)?,
            bounds: activation.bounds(),
            scheme,
        })
    }
}

impl Action for DynamicConv {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let (x, channels) = (call.inputs[0], self.geometry.channels_out);
        let size = three(&x.shape[2..]);
        let image = size.iter().product::<usize>() * self.geometry.channels_in;
        let positions: usize = call.output_shape[2..].iter().product();
        let batch = x.shape[0];
        let together = match self.scheme {
            DynamicScheme::PerRow => 1,
            DynamicScheme::TorchPerTensor | DynamicScheme::OnnxPerTensor => batch.max(1),
        };
        let Scratch { kernel: scratch, codes, budget, .. } = call.scratch;
        let codes = budget.reserve(codes, together * image)?;
        budget.allow(padded_bytes(&self.geometry, size))?;
        let images = x.elements::<f32>().chunks((together * image).max(1));
        let results =
            bytemuck::cast_slice_mut::<u8, f32>(call.output).chunks_mut((together * positions * channels).max(1));
        for (x, out) in images.zip(results) {
            let (scale, zero_point) = quantize_tensor(call.kernel, self.scheme, x, codes)?;
            let input = ConvInput { codes: Codes::U8(codes), batch: together, size, zero_point };
            let output = Output::F32(F32Output {
                out,
                row_stride: channels,
                row_scales: Scales::One(scale),
                column_scales: match self.scales.as_slice() {
                    [one] => Scales::One(*one),
                    each => Scales::Each(each),
                },
                bias: self.bias.as_deref(),
                min: self.bounds.0,
                max: self.bounds.1,
            });
            call.kernel.conv(&input, &self.packed, output, scratch)?;
        }
        Ok(())
    }

    fn packed_bytes(&self) -> usize {
        self.packed.bytes()
    }
}

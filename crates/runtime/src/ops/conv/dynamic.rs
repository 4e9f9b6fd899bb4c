//! Convolutions with 8-bit weights and images of floats that are quantized while running.

use fourfold_graph::{Activation, Value};
use fourfold_kernels::{ConvInput, F32Output, Geometry, Kernel, Output, PackedConv, QuantizedSlice, Scales};
use fourfold_schemes::DynamicScheme;

use super::{padded_bytes, quantized_channels_last};
use crate::Error;
use crate::ops::dynamic::quantize_tensor;
use crate::ops::weight::{QuantizedWeight, bias_of, quantized_elements, scales};
use crate::ops::{Action, Call, Scratch};
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
        geometry: Geometry,
        scheme: DynamicScheme,
        weight: QuantizedWeight<'_>,
        bias: Option<&Value>,
        activation: Activation,
    ) -> Result<Self, Error> {
        let tensor = quantized_channels_last(weight.tensor)?;
        Ok(Self {
            packed: kernel.pack_conv(&geometry, quantized_elements(&tensor)?, weight.zero_points())?,
            geometry,
            scales: weight.scales()?,
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
        let together = if self.scheme == DynamicScheme::PerRow { 1 } else { batch.max(1) };
        let Scratch { kernel: scratch, bytes, budget, .. } = call.scratch;
        let bytes = budget.reserve(bytes, together * image)?;
        budget.allow(padded_bytes(&self.geometry, size))?;
        let images = x.elements::<f32>().chunks((together * image).max(1));
        let results =
            bytemuck::cast_slice_mut::<u8, f32>(call.output).chunks_mut((together * positions * channels).max(1));
        for (x, out) in images.zip(results) {
            let (scale, zero_point) = quantize_tensor(call.kernel, self.scheme, x, bytes)?;
            let input = ConvInput { values: QuantizedSlice::U8(bytes), batch: together, size, zero_point };
            let output = Output::F32(F32Output {
                out,
                row_stride: channels,
                row_scales: Scales::One(scale),
                column_scales: scales(&self.scales),
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

//! Convolutions of quantized values.

use fourfold_kernels::{Geometry, Kernel, PackedConv};
use fourfold_schemes::QuantParams;

use super::{padded_bytes, quantized_channels_last};
use crate::Error;
use crate::ops::requantize::Epilogue;
use crate::ops::weight::{QuantizedWeight, quantized_elements};
use crate::ops::{Action, Call, Encoding, images};

/// Equations (3) and (4).
#[derive(Debug)]
pub(crate) struct QuantizedConv {
    packed: PackedConv,
    x: Encoding,
    channels_out: usize,
    epilogue: Epilogue,
}

impl QuantizedConv {
    pub(crate) fn new(
        kernel: Kernel,
        geometry: &Geometry,
        x: &QuantParams,
        weight: QuantizedWeight<'_>,
        epilogue: Epilogue,
    ) -> Result<Self, Error> {
        let tensor = quantized_channels_last(weight.tensor)?;
        let packed = kernel.pack_conv(geometry, quantized_elements(&tensor)?, weight.zero_points())?;
        Ok(Self { packed, x: Encoding::of(x), channels_out: geometry.channels_out, epilogue })
    }
}

impl Action for QuantizedConv {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let input = images(&call.inputs[0], self.x);
        call.scratch.budget.allow(padded_bytes(self.packed.geometry(), input.size))?;
        let output = self.epilogue.output(call.output, self.channels_out);
        Ok(call.kernel.conv(&input, &self.packed, output, &mut call.scratch.kernel)?)
    }

    fn packed_bytes(&self) -> usize {
        self.packed.bytes()
    }
}

//! Clamps, in any layout.

use fourfold_graph::{Activation, Clip, Node};
use fourfold_schemes::QuantParams;
use fourfold_tensor::DType;

use super::{Action, Call, Lower};
use crate::Error;
use crate::lower::Lowering;

/// The operator [`Op::Relu`](fourfold_graph::Op::Relu).
pub(crate) struct Relu;

impl Lower for Relu {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        lower(lowering, node, Activation::Relu)
    }
}

impl Lower for Clip {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        lower(lowering, node, Activation::Clamp { min: self.min, max: self.max })
    }
}

fn lower(lowering: &mut Lowering<'_>, node: &Node, activation: Activation) -> Result<(), Error> {
    let layout = lowering.layout(node.inputs()[0]);
    if lowering.is_quantized(node) {
        let action = QuantizedClamp::new(lowering.params(node, 0)?, activation);
        lowering.add(node, layout, 1, action);
    } else {
        lowering.add(node, layout, 1, FloatClamp { bounds: activation.bounds() });
    }
    Ok(())
}

/// `min(max(x, min), max)`; NaN stays.
#[derive(Debug)]
struct FloatClamp {
    bounds: (f32, f32),
}

impl Action for FloatClamp {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let (min, max) = self.bounds;
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        out.iter_mut().zip(call.inputs[0].elements::<f32>()).for_each(|(out, x)| *out = x.clamp(min, max));
        Ok(())
    }
}

/// A clamp of quantized values, which keep their parameters.
#[derive(Debug)]
struct QuantizedClamp {
    signed: bool,
    bounds: (i32, i32),
}

impl QuantizedClamp {
    fn new(params: &QuantParams, activation: Activation) -> Self {
        Self { signed: params.dtype() == DType::I8, bounds: activation.quantized_bounds(params) }
    }
}

impl Action for QuantizedClamp {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds are numbers of the type")]
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let ((min, max), x) = (self.bounds, call.inputs[0]);
        if self.signed {
            let out = bytemuck::cast_slice_mut::<u8, i8>(call.output);
            out.iter_mut().zip(x.elements::<i8>()).for_each(|(out, x)| *out = (*x).clamp(min as i8, max as i8));
        } else {
            call.output.iter_mut().zip(x.bytes).for_each(|(out, x)| *out = (*x).clamp(min as u8, max as u8));
        }
        Ok(())
    }
}

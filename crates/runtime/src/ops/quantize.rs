//! Floats to quantized values and back, or both at once.

use fourfold_graph::Node;
use fourfold_kernels::Affine;
use fourfold_schemes::{Granularity, QuantParams};
use fourfold_tensor::DType;

use super::{Action, Call, Lower};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

/// The operator [`Op::Quantize`](fourfold_graph::Op::Quantize).
pub(crate) struct Quantize;

impl Lower for Quantize {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let (layout, action) = (lowering.layout(node.inputs()[0]), Quantizer::new(lowering.result_params(node)?));
        lowering.add(node, layout, 1, action);
        Ok(())
    }
}

/// The operator [`Op::Dequantize`](fourfold_graph::Op::Dequantize).
pub(crate) struct Dequantize;

impl Lower for Dequantize {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let params = lowering.params(node, 0)?;
        let layout = layout_for(params, lowering, node);
        lowering.add(node, layout, 1, Dequantizer { params: params.clone() });
        Ok(())
    }
}

/// The operator [`Op::FakeQuantize`](fourfold_graph::Op::FakeQuantize).
impl Lower for QuantParams {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let layout = layout_for(self, lowering, node);
        lowering.add(node, layout, 1, FakeQuantizer { params: self.clone() });
        Ok(())
    }
}

/// Any layout for parameters of all elements; those of channels are found in row-major memory.
fn layout_for(params: &QuantParams, lowering: &mut Lowering<'_>, node: &Node) -> Layout {
    if params.as_per_tensor().is_some() { lowering.layout(node.inputs()[0]) } else { Layout::RowMajor }
}

/// Equation (2), per tensor, in any layout.
#[derive(Debug)]
struct Quantizer {
    affine: Affine,
    signed: bool,
}

impl Quantizer {
    fn new(params: &QuantParams) -> Self {
        Self { affine: affine(params, 0), signed: params.dtype() == DType::I8 }
    }
}

impl Action for Quantizer {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0].elements();
        if self.signed {
            call.kernel.quantize_i8(x, self.affine, bytemuck::cast_slice_mut(call.output))?;
        } else {
            call.kernel.quantize_u8(x, self.affine, call.output)?;
        }
        Ok(())
    }
}

/// Equation (1): per tensor in any layout, per channel in row-major layout.
#[derive(Debug)]
struct Dequantizer {
    params: QuantParams,
}

impl Action for Dequantizer {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let (operand, out) = (call.inputs[0], bytemuck::cast_slice_mut::<u8, f32>(call.output));
        let length = match self.params.granularity() {
            Granularity::PerTensor { .. } => out.len(),
            Granularity::PerChannel { axis, .. } => operand.shape[axis + 1..].iter().product(),
        };
        let channels = self.params.scales().len();
        let size = self.params.dtype().size();
        let lines = out.chunks_mut(length.max(1)).zip(operand.bytes.chunks(length.max(1) * size)).enumerate();
        for (index, (out, x)) in lines {
            let affine = affine(&self.params, index % channels);
            match self.params.dtype() {
                DType::I8 => call.kernel.dequantize_i8(bytemuck::cast_slice(x), affine, out)?,
                DType::U8 => call.kernel.dequantize_u8(x, affine, out)?,
                _ => dequantize_i32(bytemuck::cast_slice(x), affine, out),
            }
        }
        Ok(())
    }
}

/// Equation (1); the difference is exact, and rounded to `f32` if it has more than 24 bits.
fn dequantize_i32(x: &[i32], affine: Affine, out: &mut [f32]) {
    for (out, &q) in out.iter_mut().zip(x) {
        #[expect(clippy::cast_precision_loss, reason = "equation (1) is in f32")]
        let difference = (i64::from(q) - i64::from(affine.zero_point)) as f32;
        *out = affine.scale * difference;
    }
}

/// Equations (2) and (1) at once: per tensor in any layout, per channel in row-major layout.
#[derive(Debug)]
struct FakeQuantizer {
    params: QuantParams,
}

impl Action for FakeQuantizer {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let (x, out) = (call.inputs[0], bytemuck::cast_slice_mut::<u8, f32>(call.output));
        let length = match self.params.granularity() {
            Granularity::PerTensor { .. } => out.len(),
            Granularity::PerChannel { axis, .. } => x.shape[axis + 1..].iter().product(),
        };
        let lines = out.chunks_mut(length.max(1)).zip(x.elements::<f32>().chunks(length.max(1))).enumerate();
        for (index, (out, x)) in lines {
            fake_quantize(x, affine(&self.params, index % self.params.scales().len()), out);
        }
        Ok(())
    }
}

/// `scale * (clamp(round_half_even(x / scale) + zero_point, q_min, q_max) - zero_point)`, which NaN makes 0.
fn fake_quantize(x: &[f32], affine: Affine, out: &mut [f32]) {
    /// 2^22. A number of this size or less and three times this one have a sum between 2^23 and 2^24, which has no
    /// fraction.
    const WHOLE: f32 = 4_194_304.0;
    let Affine { scale, zero_point, q_min, q_max } = affine;
    #[expect(clippy::cast_precision_loss, reason = "equation (2) is in f32")]
    let bound = |q: i32| (i64::from(q) - i64::from(zero_point)) as f32;
    // Bounds are whole numbers, so it is the same to clamp first.
    let (low, high) = (bound(q_min), bound(q_max));
    let scaled = |x: f32| {
        let scaled = x / scale;
        if scaled.is_nan() { 0.0 } else { scaled.clamp(low, high) }
    };
    if low >= -WHOLE && high <= WHOLE {
        let whole = |x: f32| (x + 3.0 * WHOLE) - 3.0 * WHOLE;
        out.iter_mut().zip(x).for_each(|(out, &x)| *out = scale * whole(scaled(x)));
    } else {
        // Integers have no negative zero.
        out.iter_mut().zip(x).for_each(|(out, &x)| *out = scale * (scaled(x).round_ties_even() + 0.0));
    }
}

fn affine(params: &QuantParams, channel: usize) -> Affine {
    Affine {
        scale: params.scales()[channel].get(),
        zero_point: params.zero_points()[channel],
        q_min: params.quant_min(),
        q_max: params.quant_max(),
    }
}

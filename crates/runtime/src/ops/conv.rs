//! Convolutions, channels last: `x: [n, d, h, w, c]`, result `[n, d, h, w, o]`.

mod dynamic;
mod float;
mod quantized;

use core::ops::Range;

use fourfold_graph::{Conv, Node};
use fourfold_kernels::Geometry;
use fourfold_tensor::{DType, Element, Tensor, View};

use self::dynamic::DynamicConv;
use self::float::FloatConv;
use self::quantized::QuantizedConv;
use super::requantize::Epilogue;
use super::{Lower, bias};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;
use crate::spatial::geometry;

impl Lower for Conv {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let (layout, kernel) = (Layout::ChannelsLast, lowering.kernel);
        let (weight, groups) = (lowering.constant(node, 1)?, self.groups);
        if weight.is_empty() {
            let params = lowering.params(node, 1).ok();
            return bias::lower(lowering, node, params, self.activation, layout);
        }
        let geometry = geometry(&self.window, weight.shape()[1] * groups, weight.shape()[0], groups);
        if let Some(scheme) = self.dynamic {
            let (weight, bias) = (lowering.quantized_weight(node, 1)?, lowering.bias(node));
            let action = DynamicConv::new(kernel, geometry, scheme, weight, bias, self.activation)?;
            lowering.add(node, layout, 1, action);
        } else if lowering.is_quantized(node) {
            let (x, epilogue) = (lowering.params(node, 0)?, Epilogue::new(lowering, node, self.activation)?);
            let weight = lowering.quantized_weight(node, 1)?;
            lowering.add(node, layout, 1, QuantizedConv::new(kernel, &geometry, x, weight, epilogue)?);
        } else {
            let action = FloatConv::new(geometry, weight, lowering.bias(node), self.activation)?;
            lowering.add(node, layout, 1, action);
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

/// The weight `[o, c / groups, k...]` of a graph as `[o, k..., c / groups]`.
pub(crate) fn channels_last<T: Element>(weight: &Tensor) -> Result<Tensor, Error> {
    let rank = weight.shape().len();
    let axes: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
    Ok(View::permute(&weight.view::<T>()?, &axes)?.to_tensor()?)
}

/// The same for a quantized weight.
fn quantized_channels_last(weight: &Tensor) -> Result<Tensor, Error> {
    if weight.dtype() == DType::U8 { channels_last::<u8>(weight) } else { channels_last::<i8>(weight) }
}

/// The bytes that a kernel may need for an image of that size with its padding, as 16-bit integers.
fn padded_bytes(geometry: &Geometry, size: [usize; 3]) -> usize {
    let padded = |axis: usize| {
        let padding = geometry.pad_begin[axis].saturating_add(geometry.pad_end[axis]);
        size[axis].saturating_add(padding)
    };
    (0..3).map(padded).fold(geometry.channels_in.saturating_mul(2), usize::saturating_mul)
}

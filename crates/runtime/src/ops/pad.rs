//! Elements added around others, row-major.

use fourfold_graph::{Node, PadMode};
use fourfold_schemes::{QuantParams, Scale};
use fourfold_tensor::{DType, Element, Tensor};

use super::element::by_size;
use super::{Action, Call, Lower};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::Pad {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let x = lowering.ty(node.inputs()[0]);
        lowering.add(node, Layout::RowMajor, 1, Pad::new(self, x.dtype(), x.params())?);
        Ok(())
    }
}

/// Elements added around others.
#[derive(Debug)]
struct Pad {
    attributes: fourfold_graph::Pad,
    /// The bytes of the number that is added.
    value: [u8; 8],
    /// Bytes of an element.
    size: usize,
}

impl Pad {
    /// Padding of elements of a type; quantized values have the number quantized.
    fn new(attributes: &fourfold_graph::Pad, dtype: DType, params: Option<&QuantParams>) -> Result<Self, Error> {
        let number = if let PadMode::Constant(number) = attributes.mode { number } else { 0.0 };
        let one = Tensor::from_slice(&[1], &[number])?;
        let integers = |dtype: DType, range| QuantParams::per_tensor(dtype, range, Scale::ONE, 0);
        let value = match (params, dtype) {
            (Some(params), _) => fourfold_schemes::quantize(&one, params)?,
            (None, DType::F32) => one,
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            (None, DType::I64) => Tensor::from_slice(&[1], &[number.round_ties_even() as i64])?,
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            (None, DType::I32) => Tensor::from_slice(&[1], &[number.round_ties_even() as i32])?,
            (None, DType::Bool) => Tensor::from_bools(&[1], &[number != 0.0])?,
            (None, _) => fourfold_schemes::quantize(&one, &integers(dtype, dtype.byte_range().unwrap_or((0, 1)))?)?,
        };
        let mut bytes = [0; 8];
        bytes[..dtype.size()].copy_from_slice(value.bytes());
        Ok(Self { attributes: attributes.clone(), value: bytes, size: dtype.size() })
    }

    fn pad<T: Element>(&self, call: Call<'_>) -> Result<(), Error> {
        let (x, shape) = (call.inputs[0], call.output_shape);
        let (elements, strides, size) = (x.elements::<T>(), x.shape.strides(), x.shape);
        let value = *bytemuck::from_bytes::<T>(&self.value[..self.size]);
        let out = bytemuck::cast_slice_mut::<u8, T>(call.output);
        let Some(last) = shape.len().checked_sub(1) else {
            out.copy_from_slice(elements);
            return Ok(());
        };
        for (row, out) in out.chunks_exact_mut(shape[last].max(1)).enumerate() {
            let mut rest = row;
            let mut from = Some(0);
            for axis in (0..last).rev() {
                let seen = self.seen(axis, rest % shape[axis], size[axis]);
                from = from.zip(seen).map(|(from, seen)| from + seen * strides[axis]);
                rest /= shape[axis];
            }
            for (position, out) in out.iter_mut().enumerate() {
                let seen = from.zip(self.seen(last, position, size[last]));
                *out = seen.map_or(value, |(from, seen)| elements[from + seen]);
            }
        }
        Ok(())
    }

    /// The element of the operand that one of the result shows, `None` for the number that is added.
    fn seen(&self, axis: usize, position: usize, size: usize) -> Option<usize> {
        let begin = self.attributes.begin[axis];
        match (position.checked_sub(begin), self.attributes.mode) {
            (Some(inside), _) if inside < size => Some(inside),
            (_, PadMode::Constant(_)) => None,
            (None, PadMode::Edge) => Some(0),
            (Some(_), PadMode::Edge) => size.checked_sub(1),
            (None, PadMode::Reflect) => Some(begin - position),
            (Some(past), PadMode::Reflect) => (2 * size).checked_sub(past + 2),
            (None, PadMode::Wrap) => (size + position).checked_sub(begin),
            (Some(past), PadMode::Wrap) => Some(past - size),
        }
    }
}

impl Action for Pad {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_size!(self.size, self.pad(call))
    }
}

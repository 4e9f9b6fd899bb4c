//! Resampling to other sizes, row-major.

use fourfold_graph::{Coordinates, Interpolation, Node, Rounding};
use fourfold_tensor::{DType, Element};

use super::element::by_size;
use super::{Action, Call, Lower, Scratch};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

/// The largest number of axes besides the last that can be resized.
const MAX_OUTER_AXES: usize = 3;

impl Lower for fourfold_graph::Resize {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let x = lowering.ty(node.inputs()[0]);
        let outer_axes = self.scales.iter().zip(&self.sizes).rev().skip(1);
        let resized = outer_axes.filter(|(scale, size)| **scale != 1.0 || size.is_some()).count();
        let is_number = x.is_f32() || x.is_quantized();
        if resized > MAX_OUTER_AXES || !is_number {
            return Err(lowering.unsupported(node));
        }
        lowering.add(node, Layout::RowMajor, 1, Resize { attributes: self.clone(), dtype: x.dtype() });
        Ok(())
    }
}

/// Elements between others.
#[derive(Debug)]
struct Resize {
    attributes: fourfold_graph::Resize,
    dtype: DType,
}

impl Resize {
    /// The position in an operand axis of `size` that element `index` of a result axis of `new_size` has.
    #[expect(clippy::cast_precision_loss, reason = "positions are in f32, as ONNX Runtime has them")]
    fn position(&self, axis: usize, index: usize, size: usize, new_size: usize) -> f32 {
        let scale = match self.attributes.sizes[axis] {
            Some(_) => new_size as f32 / size as f32,
            None => self.attributes.scales[axis],
        };
        let half_pixel = (index as f32 + 0.5) / scale - 0.5;
        match self.attributes.coordinates {
            _ if scale == 1.0 => index as f32,
            Coordinates::HalfPixel => half_pixel,
            Coordinates::PytorchHalfPixel => {
                if new_size > 1 {
                    half_pixel
                } else {
                    0.0
                }
            }
            Coordinates::AlignCorners if new_size > 1 => index as f32 * (size - 1) as f32 / (new_size - 1) as f32,
            Coordinates::AlignCorners => 0.0,
            Coordinates::Asymmetric => index as f32 / scale,
        }
    }

    /// The nearest element, or the one below, and how far the position is above it.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the axis"
    )]
    fn neighbour(&self, axis: usize, index: usize, size: usize, new_size: usize) -> (usize, f32) {
        let (position, last) = (self.position(axis, index, size, new_size), (size - 1) as f32);
        let rounded = match self.attributes.interpolation {
            Interpolation::Linear => {
                let inside = position.clamp(0.0, last);
                return (inside.floor() as usize, inside - inside.floor());
            }
            Interpolation::Nearest(Rounding::Floor) => position.floor(),
            Interpolation::Nearest(Rounding::Ceil) => position.ceil(),
            Interpolation::Nearest(Rounding::PreferFloor) => (position - 0.5).ceil(),
            Interpolation::Nearest(Rounding::PreferCeil) => (position + 0.5).floor(),
        };
        (rounded.clamp(0.0, last) as usize, 0.0)
    }

    /// `out = sum over neighbours of weight * element`, the last axis innermost, neighbours in their order.
    fn resize<T: Element>(&self, call: Call<'_>, float: fn(T) -> f32, element: fn(f32) -> T) -> Result<(), Error> {
        let (x, shape) = (call.inputs[0], call.output_shape);
        let (elements, strides, sizes) = (x.elements::<T>(), x.shape.strides(), x.shape);
        let out = bytemuck::cast_slice_mut::<u8, T>(call.output);
        let Some(last) = shape.len().checked_sub(1) else {
            out.copy_from_slice(elements);
            return Ok(());
        };
        let Scratch { indices: firsts, floats: [weights, _], budget, .. } = call.scratch;
        let (firsts, weights) = (budget.reserve(firsts, shape[last])?, budget.reserve(weights, shape[last])?);
        for (index, (first, weight)) in firsts.iter_mut().zip(&mut *weights).enumerate() {
            (*first, *weight) = self.neighbour(last, index, sizes[last], shape[last]);
        }
        for (row, out) in out.chunks_exact_mut(shape[last].max(1)).enumerate() {
            let mut corners = [(0, 1.0_f32); 1 << MAX_OUTER_AXES];
            let mut count = 1;
            let mut rest = row;
            for axis in (0..last).rev() {
                let (first, weight) = self.neighbour(axis, rest % shape[axis], sizes[axis], shape[axis]);
                rest /= shape[axis];
                if weight > 0.0 && 2 * count <= corners.len() {
                    for corner in 0..count {
                        let (from, factor) = corners[corner];
                        corners[count + corner] = (from + (first + 1) * strides[axis], factor * weight);
                        corners[corner] = (from + first * strides[axis], factor * (1.0 - weight));
                    }
                    count *= 2;
                } else {
                    corners[..count].iter_mut().for_each(|(from, _)| *from += first * strides[axis]);
                }
            }
            for ((out, &first), &weight) in out.iter_mut().zip(&*firsts).zip(&*weights) {
                if weight == 0.0 && count == 1 {
                    *out = elements[corners[0].0 + first];
                    continue;
                }
                let mut sum = 0.0;
                for &(from, factor) in &corners[..count] {
                    let before = float(elements[from + first]) * (1.0 - weight);
                    let after = if weight > 0.0 { float(elements[from + first + 1]) * weight } else { 0.0 };
                    sum += factor * (before + after);
                }
                *out = element(sum);
            }
        }
        Ok(())
    }

    fn nearest<T: Element>(&self, call: Call<'_>) -> Result<(), Error> {
        // No element has a weight, so none is made from a sum.
        self.resize::<T>(call, |_| 0.0, |_| T::zeroed())
    }
}

impl Action for Resize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "means are in the range of the type")]
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        match (self.attributes.interpolation, self.dtype) {
            (Interpolation::Linear, DType::I8) => self.resize::<i8>(call, f32::from, |x| x.round_ties_even() as i8),
            (Interpolation::Linear, DType::U8) => self.resize::<u8>(call, f32::from, |x| x.round_ties_even() as u8),
            (Interpolation::Linear, _) => self.resize::<f32>(call, |x| x, |x| x),
            (Interpolation::Nearest(_), dtype) => by_size!(dtype.size(), self.nearest(call)),
        }
    }
}

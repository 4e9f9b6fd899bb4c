//! Elements of one axis chosen by index, row-major.

use fourfold_graph::Node;
use fourfold_schemes::{Granularity, QuantParams};
use fourfold_tensor::{DType, Element};

use super::element::by_size;
use super::{Action, Call, Lower};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::Gather {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let x = lowering.ty(node.inputs()[0]);
        if x.params().is_some() && lowering.ty(node.output()).is_f32() {
            let action = Embedding::new(lowering.params(node, 0)?);
            lowering.add(node, Layout::RowMajor, 2, action);
        } else {
            lowering.add(node, Layout::RowMajor, 2, Gather { axis: self.axis, size: x.dtype().size() });
        }
        Ok(())
    }
}

impl Lower for fourfold_graph::GatherElements {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let size = lowering.dtype(node).size();
        lowering.add(node, Layout::RowMajor, 2, GatherElements { axis: self.axis, size });
        Ok(())
    }
}

/// Elements of one axis chosen by index.
#[derive(Debug)]
struct Gather {
    axis: usize,
    /// Bytes of an element.
    size: usize,
}

impl Action for Gather {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let [x, indices] = [call.inputs[0], call.inputs[1]];
        let (count, inner) = (x.shape[self.axis], x.shape[self.axis + 1..].iter().product::<usize>() * self.size);
        let chosen = indices.elements::<i64>();
        // An index is wrong even where there is nothing to copy.
        chosen.iter().try_for_each(|&index| position(index, count).map(|_| ()))?;
        let blocks = x.bytes.chunks_exact((count * inner).max(1));
        for (out, x) in call.output.chunks_exact_mut((chosen.len() * inner).max(1)).zip(blocks) {
            for (out, &index) in out.chunks_exact_mut(inner).zip(chosen) {
                out.copy_from_slice(&x[position(index, count)? * inner..][..inner]);
            }
        }
        Ok(())
    }
}

/// Rows of a quantized constant as floats, equation (1), with a scale for each row or one for all.
#[derive(Debug)]
struct Embedding {
    signed: bool,
    params: QuantParams,
}

impl Embedding {
    fn new(params: &QuantParams) -> Self {
        Self { signed: params.dtype() == DType::I8, params: params.clone() }
    }

    /// Scale and zero point of a row.
    fn scale_and_zero_point(&self, row: usize) -> (f32, i32) {
        let position = if matches!(self.params.granularity(), Granularity::PerTensor { .. }) { 0 } else { row };
        (self.params.scales()[position].get(), self.params.zero_points()[position])
    }
}

impl Action for Embedding {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let [x, indices] = [call.inputs[0], call.inputs[1]];
        let width = x.shape[1..].iter().product::<usize>();
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        indices.elements::<i64>().iter().try_for_each(|&index| position(index, x.shape[0]).map(|_| ()))?;
        for (out, &index) in out.chunks_exact_mut(width.max(1)).zip(indices.elements::<i64>()) {
            let row = position(index, x.shape[0])?;
            let (scale, zero_point) = self.scale_and_zero_point(row);
            for (out, &q) in out.iter_mut().zip(&x.bytes[row * width..][..width]) {
                let q = if self.signed { i32::from(q.cast_signed()) } else { i32::from(q) };
                #[expect(clippy::cast_precision_loss, reason = "a difference of 8-bit numbers is small")]
                let difference = (q - zero_point) as f32;
                *out = scale * difference;
            }
        }
        Ok(())
    }
}

/// Elements along one axis chosen by an index for each element of the result.
#[derive(Debug)]
struct GatherElements {
    axis: usize,
    /// Bytes of an element.
    size: usize,
}

impl GatherElements {
    fn gather<T: Element>(&self, call: Call<'_>) -> Result<(), Error> {
        let [x, indices] = [call.inputs[0], call.inputs[1]];
        let (elements, strides, shape) = (x.elements::<T>(), x.shape.strides(), call.output_shape);
        let lies_within = (0..shape.len()).all(|axis| axis == self.axis || shape[axis] <= x.shape[axis]);
        if !lies_within {
            return Err(Error::Broadcast { from: x.shape, to: shape });
        }
        let out = bytemuck::cast_slice_mut::<u8, T>(call.output);
        for (number, (out, &index)) in out.iter_mut().zip(indices.elements::<i64>()).enumerate() {
            let mut from = position(index, x.shape[self.axis])? * strides[self.axis];
            let mut rest = number;
            for axis in (0..shape.len()).rev() {
                from += if axis == self.axis { 0 } else { rest % shape[axis] * strides[axis] };
                rest /= shape[axis];
            }
            *out = elements[from];
        }
        Ok(())
    }
}

impl Action for GatherElements {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_size!(self.size, self.gather(call))
    }
}

/// The position that an index means, negative from the end.
fn position(index: i64, size: usize) -> Result<usize, Error> {
    let from_end = i64::try_from(size).ok().filter(|_| index < 0).and_then(|size| size.checked_add(index));
    let found = usize::try_from(from_end.unwrap_or(index)).ok().filter(|&position| position < size);
    found.ok_or(Error::Index { index, size })
}

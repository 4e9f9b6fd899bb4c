//! Elements of one axis at equal distances, row-major.

use fourfold_graph::Node;
use fourfold_tensor::Element;

use super::element::by_size;
use super::strided::Strided;
use super::{Action, Call, Lower};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::Slice {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let (axis, start, step) = (self.axis, self.start, self.step);
        let size = lowering.dtype(node).size();
        lowering.add(node, Layout::RowMajor, 1, Slice { axis, start, step, size });
        Ok(())
    }
}

/// Elements `start, start + step, ...` of one axis.
#[derive(Debug)]
struct Slice {
    axis: usize,
    start: i64,
    step: i64,
    /// Bytes of an element.
    size: usize,
}

impl Slice {
    fn slice<T: Element>(&self, call: Call<'_>) -> Result<(), Error> {
        let (x, shape) = (call.inputs[0], call.output_shape);
        let (size, count) = (x.shape[self.axis], shape[self.axis]);
        let outside = || Error::Range { axis: self.axis, size, start: self.start, step: self.step, count };
        let position = |position: i64| usize::try_from(position).ok().filter(|&position| position < size);
        let whole = i64::try_from(size).map_err(|_| outside())?;
        let first = if self.start < 0 { whole.saturating_add(self.start) } else { self.start };
        let last = i64::try_from(count)
            .map_err(|_| outside())?
            .saturating_sub(1)
            .saturating_mul(self.step)
            .saturating_add(first);
        if count > 0 {
            let first = position(first).ok_or_else(outside)?;
            position(last).ok_or_else(outside)?;
            let step = isize::try_from(self.step).map_err(|_| outside())?;
            let strided = Strided::slice(x.shape, self.axis, first, step);
            strided.copy(x.elements::<T>(), shape, bytemuck::cast_slice_mut(call.output));
        }
        Ok(())
    }
}

impl Action for Slice {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_size!(self.size, self.slice(call))
    }
}

//! Operators that choose, repeat or join elements, row-major.

use fourfold_schemes::{Granularity, QuantParams};
use fourfold_tensor::{DType, Element};

use super::strided::Strided;
use super::table::Table;
use super::{Action, Call};
use crate::Error;

/// Runs `$run::<T>` with an element of as many bytes; what the bytes mean does not matter to operators that move them.
macro_rules! by_size {
    ($size:expr, $self:ident.$run:ident($call:expr)) => {
        match $size {
            1 => $self.$run::<u8>($call),
            4 => $self.$run::<i32>($call),
            _ => $self.$run::<i64>($call),
        }
    };
}
pub(crate) use by_size;

/// Elements `start, start + step, ...` of one axis.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) axis: usize,
    pub(crate) start: i64,
    pub(crate) step: i64,
    /// Bytes of an element.
    pub(crate) size: usize,
}

impl Slice {
    fn slice<T: Element>(&self, call: Call<'_>) -> Result<(), Error> {
        let (x, shape) = (call.inputs[0], call.output_shape);
        let (size, count) = (x.shape[self.axis], shape[self.axis]);
        let outside = || Error::Range { axis: self.axis, size, start: self.start, step: self.step, count };
        let place = |place: i64| usize::try_from(place).ok().filter(|&place| place < size);
        let whole = i64::try_from(size).map_err(|_| outside())?;
        let first = if self.start < 0 { whole.saturating_add(self.start) } else { self.start };
        let last = i64::try_from(count)
            .map_err(|_| outside())?
            .saturating_sub(1)
            .saturating_mul(self.step)
            .saturating_add(first);
        if count > 0 {
            let first = place(first).ok_or_else(outside)?;
            place(last).ok_or_else(outside)?;
            let step = isize::try_from(self.step).map_err(|_| outside())?;
            let way = Strided::slice(x.shape, self.axis, first, step);
            way.copy(x.elements::<T>(), shape, bytemuck::cast_slice_mut(call.output));
        }
        Ok(())
    }
}

impl Action for Slice {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_size!(self.size, self.slice(call))
    }
}

/// The elements repeated to the shape of the result.
#[derive(Debug)]
pub(crate) struct Expand {
    /// Bytes of an element.
    pub(crate) size: usize,
}

impl Expand {
    fn expand<T: Element>(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0];
        let broadcasts = (1..=x.shape.len()).all(|back| {
            let size = x.shape[x.shape.len() - back];
            size == 1 || size == call.output_shape[call.output_shape.len() - back]
        });
        if !broadcasts {
            return Err(Error::Broadcast { from: x.shape, to: call.output_shape });
        }
        let way = Strided::broadcast(x.shape, call.output_shape);
        way.copy(x.elements::<T>(), call.output_shape, bytemuck::cast_slice_mut(call.output));
        Ok(())
    }
}

impl Action for Expand {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        by_size!(self.size, self.expand(call))
    }
}

/// The operands side by side.
#[derive(Debug)]
pub(crate) struct Concat {
    pub(crate) axis: usize,
    /// For each operand of codes with other parameters than the result, what each of its codes becomes.
    pub(crate) tables: Vec<Option<Table>>,
    /// Bytes of an element.
    pub(crate) size: usize,
}

impl Action for Concat {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let shape = call.output_shape;
        let inner: usize = shape[self.axis + 1..].iter().product::<usize>() * self.size;
        let row = shape[self.axis] * inner;
        let mut from = 0;
        for (index, x) in call.inputs.iter().enumerate() {
            let length = x.shape[self.axis] * inner;
            let rows = call.output.chunks_exact_mut(row.max(1)).zip(x.bytes.chunks_exact(length.max(1)));
            match self.tables.get(index) {
                Some(Some(table)) => {
                    for (out, x) in rows {
                        call.kernel.lookup(table.bytes(), x, &mut out[from..from + length])?;
                    }
                }
                _ => rows.for_each(|(out, x)| out[from..from + length].copy_from_slice(x)),
            }
            from += length;
        }
        Ok(())
    }
}

/// Elements of one axis chosen by number.
#[derive(Debug)]
pub(crate) struct Gather {
    pub(crate) axis: usize,
    /// Bytes of an element.
    pub(crate) size: usize,
}

/// The place that a number means, negative from the end.
pub(crate) fn place(index: i64, size: usize) -> Result<usize, Error> {
    let from_end = i64::try_from(size).ok().filter(|_| index < 0).and_then(|size| size.checked_add(index));
    let found = usize::try_from(from_end.unwrap_or(index)).ok().filter(|&place| place < size);
    found.ok_or(Error::Index { index, size })
}

impl Action for Gather {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let [x, indices] = [call.inputs[0], call.inputs[1]];
        let (count, inner) = (x.shape[self.axis], x.shape[self.axis + 1..].iter().product::<usize>() * self.size);
        let chosen = indices.elements::<i64>();
        // Numbers are wrong even where there is nothing to copy.
        chosen.iter().try_for_each(|&index| place(index, count).map(|_| ()))?;
        let blocks = x.bytes.chunks_exact((count * inner).max(1));
        for (out, x) in call.output.chunks_exact_mut((chosen.len() * inner).max(1)).zip(blocks) {
            for (out, &index) in out.chunks_exact_mut(inner).zip(chosen) {
                out.copy_from_slice(&x[place(index, count)? * inner..][..inner]);
            }
        }
        Ok(())
    }
}

/// Rows of constant codes as real numbers, equation (1), with a scale for each row or one for all.
#[derive(Debug)]
pub(crate) struct Embedding {
    signed: bool,
    params: QuantParams,
}

impl Embedding {
    pub(crate) fn new(params: &QuantParams) -> Self {
        Self { signed: params.dtype() == DType::I8, params: params.clone() }
    }

    /// Scale and zero point of a row.
    fn meaning(&self, row: usize) -> (f32, i32) {
        let place = if matches!(self.params.granularity(), Granularity::PerTensor { .. }) { 0 } else { row };
        (self.params.scales()[place].get(), self.params.zero_points()[place])
    }
}

impl Action for Embedding {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let [x, indices] = [call.inputs[0], call.inputs[1]];
        let width = x.shape[1..].iter().product::<usize>();
        let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
        indices.elements::<i64>().iter().try_for_each(|&index| place(index, x.shape[0]).map(|_| ()))?;
        for (out, &index) in out.chunks_exact_mut(width.max(1)).zip(indices.elements::<i64>()) {
            let row = place(index, x.shape[0])?;
            let (scale, zero_point) = self.meaning(row);
            for (out, &code) in out.iter_mut().zip(&x.bytes[row * width..][..width]) {
                let code = if self.signed { i32::from(code.cast_signed()) } else { i32::from(code) };
                #[expect(clippy::cast_precision_loss, reason = "a difference of codes is small")]
                let steps = (code - zero_point) as f32;
                *out = scale * steps;
            }
        }
        Ok(())
    }
}

/// Elements along one axis chosen by number for each place.
#[derive(Debug)]
pub(crate) struct GatherElements {
    pub(crate) axis: usize,
    /// Bytes of an element.
    pub(crate) size: usize,
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
            let mut from = place(index, x.shape[self.axis])? * strides[self.axis];
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

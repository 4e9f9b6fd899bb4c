//! Means over all positions of an image, which every exporter writes in a form of its own.
//!
//! GlobalAveragePool, ReduceMean over all spatial axes (with Flatten behind it where they are dropped) and AveragePool with a window of the
//! whole image are one operator, GlobalAveragePool, on real numbers and on codes.

use fourfold_graph::{AveragePool, Binary, Dim, NewNode, Op, ValueId, Window};

use super::node::Entry;
use super::target::Moved;
use super::window::POOL;
use crate::Error;

impl Entry<'_, '_> {
    pub(super) fn global_average_pool(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        self.own(|_, _| Ok(Op::GlobalAveragePool))
    }

    /// A window of one position moves nothing, one of the whole image is a mean of it.
    pub(super) fn average_pool(&mut self) -> Result<(), Error> {
        self.attributes(&[&POOL[..], &["count_include_pad"]].concat())?;
        let x = self.moved(0)?;
        let (window, count_include_pad) = self.average_window(x.id(), &[])?;
        let dims = self.dims(x.id());
        let is_plain = is_plain(&window) && window.rank() + 2 == dims.len();
        let positions = dims.get(2..).unwrap_or_default();
        if is_plain && window.kernel.iter().all(|&size| size == 1) && window.stride.iter().all(|&step| step == 1) {
            return self.emit_moved(Op::Identity, x);
        }
        let is_whole = is_plain && window.kernel.iter().zip(positions).all(|(&size, dim)| *dim == Dim::Fixed(size));
        self.own(|_, _| match is_whole {
            true => Ok(Op::GlobalAveragePool),
            false => Ok(Op::AveragePool(AveragePool { window, count_include_pad })),
        })
    }

    /// Whether a mean of `x` over these axes, which ascend, is one over the positions of an image.
    pub(super) fn is_mean_of_image(&self, x: Moved, axes: &[usize]) -> bool {
        let ty = self.importer.builder.value(x.id()).ty();
        let is_real = matches!(x, Moved::Dequantized(_)) || matches!(x, Moved::Real(_)) && ty.is_f32();
        let [_, channels, positions @ ..] = ty.dims() else { return false };
        is_real
            && (1..=3).contains(&positions.len())
            && axes.iter().copied().eq(2..ty.rank())
            && channels.fixed().is_some()
            && positions.iter().all(|size| size.fixed() != Some(0))
            && !self.is_square(x.id())
            && (positions.len() > 1 || !self.is_centre())
    }

    /// The mean over the positions of an image, which become 1 or are dropped.
    pub(super) fn mean_of_image(&mut self, keep: bool) -> Result<(), Error> {
        if keep {
            return self.own(|_, _| Ok(Op::GlobalAveragePool));
        }
        let target = self.target(false)?;
        let codes = if target.is_some() { self.codes(0)? } else { None };
        let pooled = self.importer.fresh_name(&format!("{}.pooled", self.output()));
        let name = self.name.clone();
        let pool = |entry: &mut Self, x: ValueId, params| {
            let new = NewNode { name: &name, output: &pooled, op: Op::GlobalAveragePool, inputs: &[x], params };
            Ok::<_, Error>(entry.importer.builder.add(new)?)
        };
        let flat = Op::Flatten { axis: 1 };
        match target.zip(codes) {
            Some((target, x)) => {
                let pooled = pool(self, x, Some(target.params().clone()))?;
                self.name = self.importer.fresh_name(&format!("{name}.flatten"));
                self.emit_on_codes(target, &flat, &[pooled])
            }
            None => {
                let x = self.operand(0)?;
                let pooled = pool(self, x, None)?;
                self.name = self.importer.fresh_name(&format!("{name}.flatten"));
                self.emit(flat, &[pooled])
            }
        }
    }

    /// Whether a value is the square of another, whose mean is a variance and stays a sum in many lanes.
    fn is_square(&self, id: ValueId) -> bool {
        let producer = self.importer.builder.producer(id);
        producer.is_some_and(|node| *node.op() == Op::Binary(Binary::Mul) && node.inputs()[0] == node.inputs()[1])
    }

    /// Whether the result is taken from what it is the mean of: the vectors of a sequence, which are normalized in steps.
    fn is_centre(&self) -> bool {
        let first = self.importer.readers.get(self.output()).and_then(|&(_, first)| first);
        let reader = first.map(|index| &self.importer.proto.node[index]);
        reader.is_some_and(|node| node.op_type == "Sub" && node.input.first().map(String::as_str) == self.input(0))
    }
}

/// Whether a window neither reaches past the image nor leaves gaps.
fn is_plain(window: &Window) -> bool {
    window.pad_begin.iter().chain(&window.pad_end).all(|&pad| pad == 0) && window.dilation.iter().all(|&step| step == 1)
}

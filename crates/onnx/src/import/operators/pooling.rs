//! The mean and the largest of all positions of an image, which every exporter writes in a form of its own.
//!
//! GlobalAveragePool, ReduceMean over all spatial axes (with Flatten behind it where they are dropped) and AveragePool
//! with a window of the whole image are one operator, GlobalAveragePool, on floats and on quantized values.
//! GlobalMaxPool, ReduceMax and MaxPool are a MaxPool with a window of the whole image, where its size is known.

use fourfold_graph::{AveragePool, Binary, Dim, Flatten, NewNode, Op, Reduce, Reduction, ValueId, Window};

use crate::Error;
use crate::import::emission::node::Entry;
use crate::import::patterns::moved::Moved;
use crate::import::reading::window::{POOL, pool};

impl Entry<'_, '_> {
    /// A window of one position moves nothing, one of the whole image is a mean of it.
    pub(crate) fn average_pool(&mut self) -> Result<(), Error> {
        self.attributes(&[&POOL[..], &["count_include_pad"]].concat())?;
        let x = self.clamped(0)?;
        let (window, count_include_pad) = self.average_window(x.id(), &[])?;
        let dims = self.dims(x.id());
        if has_no_border(&window) && window.kernel.iter().chain(&window.stride).all(|&size| size == 1) {
            return self.emit_moved(Op::Identity, x);
        }
        let count_include_pad = count_include_pad && !has_no_border(&window);
        self.own(|_, _| match is_whole(&window, &dims) {
            true => Ok(Op::GlobalAveragePool),
            false => Ok(Op::AveragePool(AveragePool { window, count_include_pad })),
        })
    }

    pub(crate) fn max_pool(&mut self) -> Result<(), Error> {
        let x = self.clamped(0)?;
        let attributes = self.attributes(&[&POOL[..], &["storage_order"]].concat())?;
        let dims = self.dims(x.id());
        let window = pool(&attributes, &dims)?.window;
        let window = if is_whole(&window, &dims) { Window::new(&window.kernel) } else { window };
        self.emit_moved(Op::MaxPool(window), x)
    }

    pub(crate) fn global_max_pool(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let x = self.clamped(0)?;
        let dims = self.dims(x.id());
        if dims.len() < 3 {
            return Err(self.unsupported(format!("an input of shape {dims:?}")));
        }
        match dims[2..].iter().map(Dim::fixed).collect::<Option<Vec<usize>>>() {
            Some(sizes) => self.emit_moved(Op::MaxPool(Window::new(&sizes)), x),
            // A window has a size, a reduction takes any.
            None => {
                let x = self.operand(0)?;
                self.emit(
                    Op::Reduce(Reduce { reduction: Reduction::Max, axes: (2..dims.len()).collect(), keep: true }),
                    &[x],
                )
            }
        }
    }

    /// Imports the reduction of `x` over these axes, which ascend, as a pooling; `false` if it is none.
    pub(crate) fn reduced_image(
        &mut self,
        reduction: Reduction,
        x: Moved,
        axes: &[usize],
        keep: bool,
    ) -> Result<bool, Error> {
        if !self.is_of_image(x, axes) {
            return Ok(false);
        }
        let sizes: Option<Vec<usize>> = self.dims(x.id())[2..].iter().map(Dim::fixed).collect();
        let limit = self.importer.constants.limits().window;
        match (reduction, sizes) {
            (Reduction::Mean, _) if !self.is_square(x.id()) => self.mean_of_image(keep)?,
            (Reduction::Max, Some(sizes)) if sizes.iter().all(|&size| size as u64 <= limit) => {
                let op = Op::MaxPool(Window::new(&sizes));
                if keep {
                    self.emit_moved(op, x)?;
                } else {
                    let pooled = self.moved_before("pooled", op, x)?;
                    self.emit_moved(Op::Flatten(Flatten { axis: 1 }), pooled)?;
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether these axes of `x` are all positions of an image, or of a signal that is not centred.
    fn is_of_image(&self, x: Moved, axes: &[usize]) -> bool {
        let ty = self.importer.emission.value(x.id()).ty();
        let has_floats = matches!(x, Moved::Dequantized(_)) || matches!(x, Moved::Float(_)) && ty.is_f32();
        let [_, channels, positions @ ..] = ty.dims() else { return false };
        has_floats
            && (1..=3).contains(&positions.len())
            && axes.iter().copied().eq(2..ty.rank())
            && channels.fixed().is_some()
            && positions.iter().all(|size| size.fixed() != Some(0))
            && (positions.len() > 1 || !self.is_centre())
    }

    /// The mean over the positions of an image, which become 1 or are dropped.
    fn mean_of_image(&mut self, keep: bool) -> Result<(), Error> {
        if keep {
            return self.own(|_, _| Ok(Op::GlobalAveragePool));
        }
        let target = self.target(false)?;
        let quantized = if target.is_some() { self.quantized(0)? } else { None };
        let pooled = self.importer.fresh_name(&format!("{}.pooled", self.output()));
        let name = self.name.clone();
        let pool = |entry: &mut Self, x: ValueId, params| {
            let new = NewNode { name: &name, output: &pooled, op: Op::GlobalAveragePool, inputs: &[x], params };
            entry.importer.emission.add(new)
        };
        let flat = Op::Flatten(Flatten { axis: 1 });
        match target.zip(quantized) {
            Some((target, x)) => {
                let pooled = pool(self, x, Some(target.params().clone()))?;
                self.name = self.importer.fresh_name(&format!("{name}.flatten"));
                self.emit_on_quantized(target, &flat, &[pooled])
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
        let producer = self.importer.emission.producer(id);
        producer.is_some_and(|node| *node.op() == Op::Binary(Binary::Mul) && node.inputs()[0] == node.inputs()[1])
    }

    /// Whether the result is taken from what was reduced: the vectors of a sequence, which are normalized in steps.
    fn is_centre(&self) -> bool {
        let first = self.importer.names.first_reader(self.output());
        let reader = first.map(|index| &self.importer.names.file().node[index]);
        reader.is_some_and(|node| node.op_type == "Sub" && node.input.first().map(String::as_str) == self.input(0))
    }
}

/// Whether a window has the size of the image.
fn is_whole(window: &Window, dims: &[Dim]) -> bool {
    let positions = dims.get(2..).unwrap_or_default();
    let sizes = window.kernel.iter().map(|&size| Dim::Fixed(size));
    has_no_border(window) && window.dilation.iter().all(|&step| step == 1) && sizes.eq(positions.iter().cloned())
}

/// Whether a window does not reach past the image.
fn has_no_border(window: &Window) -> bool {
    window.pad_begin.iter().chain(&window.pad_end).all(|&pad| pad == 0)
}

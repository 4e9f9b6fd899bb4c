//! Operators that choose, repeat or join elements.

use fourfold_graph::{
    Concat, Dim, Expand, FIX_SIZES, GatherElements, MAX_CONCAT, NewNode, Op, Polynomial, Reshape, Slice, Transpose,
    ValueId,
};
use fourfold_schemes::QuantParams;
use fourfold_tensor::Tensor;

use crate::Error;
use crate::import::emission::node::Entry;
use crate::import::narrow::narrow;
use crate::proto::data_type;

impl<'a> Entry<'_, 'a> {
    pub(crate) fn concat(&mut self) -> Result<(), Error> {
        let axis = self.attributes(&["axis"])?.int("axis", 1)?;
        let count = self.proto.input.len();
        let target = if count <= MAX_CONCAT { self.target(false)? } else { None };
        let quantized = if target.is_some() {
            (0..count).map(|index| self.quantized(index)).collect::<Result<Option<Vec<_>>, _>>()?
        } else {
            None
        };
        if let Some((target, inputs)) = target.zip(quantized) {
            let axis = self.axis(axis, self.dims(inputs[0]).len(), false)?;
            return self.emit_on_quantized(target, &Op::Concat(Concat { axis }), &inputs);
        }
        let params = self.params_of_all()?;
        let operand = |index| if params.is_some() { self.any_operand(index) } else { self.operand(index) };
        let mut inputs = (0..count).map(operand).collect::<Result<Vec<_>, _>>()?;
        let axis = self.axis(axis, self.dims(inputs[0]).len(), false)?;
        while inputs.len() > MAX_CONCAT {
            let part = |part: &[ValueId]| {
                let name = &self.importer.fresh_name(&format!("{}.part", self.name));
                let (output, op, params) = (name.as_str(), Op::Concat(Concat { axis }), params.clone());
                self.importer.emission.add(NewNode { name, output, op, inputs: part, params })
            };
            inputs = inputs.chunks(MAX_CONCAT).map(part).collect::<Result<_, _>>()?;
        }
        self.emit_quantized(self.output(), Op::Concat(Concat { axis }), &inputs, params)
    }

    /// The parameters of the inputs if all are quantized with the same, and are joined as they are.
    fn params_of_all(&mut self) -> Result<Option<QuantParams>, Error> {
        let mut shared = None;
        for index in 0..self.proto.input.len() {
            let id = self.any_operand(index)?;
            let params = self.ty(id).params();
            match (&shared, params) {
                (None, Some(params)) if index == 0 => shared = Some(params.clone()),
                (Some(shared), Some(params)) if shared == params => {}
                _ => return Ok(None),
            }
        }
        Ok(shared)
    }

    /// Each output is a slice.
    pub(crate) fn split(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["axis", "split", "num_outputs"])?;
        let (axis, given) = (attributes.int("axis", 0)?, attributes.ints("split")?.map(<[i64]>::to_vec));
        let parts = self.proto.output.len();
        let x = self.moved(0)?;
        let axis = self.axis(axis, self.dims(x.id()).len(), false)?;
        let sizes = match given {
            Some(sizes) => Some(sizes),
            None => self.known_integers(1)?,
        };
        let size = self.dims(x.id())[axis].fixed();
        let sizes: Vec<usize> = match (sizes, size) {
            (Some(sizes), _) => {
                let known: Option<Vec<usize>> = sizes.iter().map(|&size| usize::try_from(size).ok()).collect();
                known.ok_or_else(|| self.invalid(format!("has parts of {sizes:?}, of which one is negative")))?
            }
            (None, Some(size)) => self.equal_parts(size, parts)?,
            (None, None) => {
                return Err(self.unsupported(format!("equal parts of an axis whose size is not known ({FIX_SIZES})")));
            }
        };
        if sizes.len() != parts {
            return Err(self.invalid(format!("has {parts} outputs, but {} parts of {sizes:?}", sizes.len())));
        }
        let sum = sizes.iter().fold(0_usize, |sum, &size| sum.saturating_add(size));
        match &self.dims(x.id())[axis] {
            Dim::Fixed(size) if *size != sum => {
                return Err(
                    self.invalid(format!("has parts of {sizes:?}, which are {sum} of the {size} of axis {axis}"))
                );
            }
            Dim::Fixed(_) => {}
            dim => {
                let what =
                    format!("parts of {sizes:?} of axis {axis} of size {dim}, which is not known ({FIX_SIZES}),");
                return Err(self.unsupported(what));
            }
        }
        let name = self.name.clone();
        let mut start = 0_i64;
        for (part, (output, length)) in self.proto.output.iter().zip(sizes).enumerate() {
            let op = Op::Slice(Slice { axis, start, step: 1, length: length.into() });
            start = i64::try_from(length).ok().and_then(|length| start.checked_add(length)).unwrap_or(i64::MAX);
            if !output.is_empty() {
                self.name = if part == 0 { name.clone() } else { self.importer.fresh_name(&format!("{name}.{part}")) };
                self.emit_moved_as(output, op, x, &[])?;
            }
        }
        Ok(())
    }

    /// The sizes of as many parts as there are outputs. Before opset 18 they are equal; since then the last may be
    /// smaller.
    fn equal_parts(&self, size: usize, parts: usize) -> Result<Vec<usize>, Error> {
        let attributes = self.attributes(&["axis", "split", "num_outputs"])?;
        let given = attributes.int("num_outputs", i64::try_from(parts).unwrap_or(i64::MAX))?;
        if usize::try_from(given) != Ok(parts) {
            return Err(self.invalid(format!("has {parts} outputs, but num_outputs is {given}")));
        }
        if self.importer.names.opset() < 18 && !size.is_multiple_of(parts.max(1)) {
            return Err(self.invalid(format!("has {parts} equal parts of {size}, which does not divide it")));
        }
        let each = size.div_ceil(parts.max(1));
        Ok((0..parts).map(|part| each.min(size.saturating_sub(part * each))).collect())
    }

    /// One node for each axis that is cut.
    pub(crate) fn slice(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["starts", "ends", "axes"])?;
        let of_attribute = |name: &str| Ok::<_, Error>(attributes.ints(name)?.map(<[i64]>::to_vec));
        let constants = |numbers: Vec<i64>| numbers.into_iter().map(Polynomial::constant).collect::<Vec<_>>();
        let (starts, ends, axes, steps) = if self.importer.names.opset() < 10 {
            let list = |name: &str| of_attribute(name)?.ok_or_else(|| self.invalid(format!("lacks {name}")));
            (constants(list("starts")?), constants(list("ends")?), of_attribute("axes")?, None)
        } else {
            let (starts, ends) = (self.expect_sizes(1)?.elements, self.expect_sizes(2)?.elements);
            (starts, ends, self.known_integers(3)?, self.known_integers(4)?)
        };
        let x = self.moved(0)?;
        let rank = self.dims(x.id()).len();
        let axes = axes.unwrap_or_else(|| (0..).take(starts.len()).collect());
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
            return Err(self.invalid("has lists of different lengths"));
        }
        let mut cuts = Vec::new();
        for (((start, end), axis), &step) in starts.iter().zip(&ends).zip(axes).zip(&steps) {
            let axis = self.axis(axis, rank, false)?;
            let cut = cut(start, end, step, &self.dims(x.id())[axis]);
            let (start, length) = cut.ok_or_else(|| {
                self.unsupported(format!(
                    "a cut from {start} to {end} in steps of {step} of an axis whose size is not known"
                ))
            })?;
            cuts.push(Op::Slice(Slice { axis, start, step, length }));
        }
        let Some(last) = cuts.pop() else { return self.emit_moved(Op::Identity, x) };
        let mut x = x;
        for op in cuts {
            x = self.moved_before("cut", op, x)?;
        }
        self.emit_moved(last, x)
    }

    pub(crate) fn gather_elements(&mut self) -> Result<(), Error> {
        let axis = self.attributes(&["axis"])?.int("axis", 0)?;
        let indices = self.wide_operand(1)?;
        let x = self.moved(0)?;
        let axis = self.axis(axis, self.dims(x.id()).len(), false)?;
        self.emit_moved_as(self.output(), Op::GatherElements(GatherElements { axis }), x, &[indices])
    }

    /// Broadcasting in both directions: sizes of 1 in the list leave those of the operand.
    pub(crate) fn expand(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let sizes = self.expect_sizes(1)?;
        let mut dims = sizes.dims().ok_or_else(|| self.invalid(format!("expands to {sizes}")))?;
        let x = self.moved(0)?;
        let own = self.dims(x.id());
        while dims.len() < own.len() {
            dims.insert(0, Dim::Fixed(1));
        }
        let offset = dims.len() - own.len();
        for (dim, own) in dims[offset..].iter_mut().zip(own) {
            if *dim == Dim::Fixed(1) {
                *dim = own;
            }
        }
        self.emit_moved(Op::Expand(Expand { dims }), x)
    }

    /// `[a, b]` is `[1, a, 1, b]`, expanded to `[r, a, s, b]`, as `[r * a, s * b]`.
    pub(crate) fn tile(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let repeats = self.expect_sizes(1)?;
        let x = self.moved(0)?;
        let own = self.dims(x.id());
        let times = repeats.dims().filter(|times| times.len() == own.len());
        let times = times.ok_or_else(|| self.invalid(format!("repeats {own:?} {repeats} times")))?;
        let split = own.iter().flat_map(|dim| [Dim::Fixed(1), dim.clone()]).collect();
        let repeated = times.iter().zip(&own).flat_map(|(times, dim)| [times.clone(), dim.clone()]).collect();
        let joined =
            times.iter().zip(&own).map(|(times, dim)| Dim::computed(times.polynomial()?.mul(&dim.polynomial()?)?));
        let joined: Option<Vec<Dim>> = joined.collect();
        let joined = joined.ok_or_else(|| self.invalid("has a result that is too large"))?;
        let x = self.moved_before("split", Op::Reshape(Reshape { dims: split }), x)?;
        let x = self.moved_before("repeated", Op::Expand(Expand { dims: repeated }), x)?;
        self.emit_moved(Op::Reshape(Reshape { dims: joined }), x)
    }

    /// Axes of size 1 taken away or put in; the list is an attribute, or from opset 13 on an input.
    pub(crate) fn squeeze(&mut self) -> Result<(), Error> {
        let given = self.attributes(&["axes"])?.ints("axes")?.map(<[i64]>::to_vec);
        let of_input = self.known_integers(1)?;
        let x = self.moved(0)?;
        let dims = self.dims(x.id());
        let axes = match given.or(of_input) {
            Some(axes) => {
                axes.into_iter().map(|axis| self.axis(axis, dims.len(), false)).collect::<Result<Vec<_>, _>>()?
            }
            None => (0..dims.len()).filter(|&axis| dims[axis] == Dim::Fixed(1)).collect(),
        };
        if let Some(&axis) = axes.iter().find(|&&axis| dims[axis] != Dim::Fixed(1)) {
            let what = format!("takes away axis {axis} of {dims:?}, which is not 1");
            return Err(match dims[axis] {
                Dim::Fixed(_) => self.invalid(what),
                _ => self
                    .unsupported(format!("an axis of free size: the node {what} for all inputs ({FIX_SIZES}); this")),
            });
        }
        let left = (0..dims.len()).filter(|axis| !axes.contains(axis)).map(|axis| dims[axis].clone()).collect();
        self.emit_moved(Op::Reshape(Reshape { dims: left }), x)
    }

    pub(crate) fn unsqueeze(&mut self) -> Result<(), Error> {
        let given = self.attributes(&["axes"])?.ints("axes")?.map(<[i64]>::to_vec);
        let of_input = self.known_integers(1)?;
        let x = self.moved(0)?;
        let axes = given.or(of_input).ok_or_else(|| self.invalid("lacks the axes"))?;
        let mut dims = self.dims(x.id());
        let rank = dims.len() + axes.len();
        let mut axes = axes.into_iter().map(|axis| self.axis(axis, rank, false)).collect::<Result<Vec<_>, _>>()?;
        axes.sort_unstable();
        if axes.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(self.invalid(format!("has the axes {axes:?}")));
        }
        axes.into_iter().for_each(|axis| dims.insert(axis.min(dims.len()), Dim::Fixed(1)));
        self.emit_moved(Op::Reshape(Reshape { dims }), x)
    }

    /// A constant repeated to a shape.
    pub(crate) fn constant_of_shape(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["value"])?;
        let value = match attributes.tensor("value")? {
            Some(proto) if narrow(proto.data_type).is_some() => {
                return Err(self.unsupported(format!("a value of type {}", data_type::name(proto.data_type))));
            }
            Some(proto) => self
                .importer
                .constants
                .in_float(self.output(), crate::import::constants::tensor::read(proto, self.output())?)?,
            None => Tensor::from_slice(&[1], &[0.0_f32]).map_err(fourfold_graph::Error::from)?,
        };
        let sizes = self.expect_sizes(0)?;
        let dims = sizes.dims().ok_or_else(|| self.invalid(format!("has the shape {sizes}")))?;
        if value.len() != 1 {
            return Err(self.invalid(format!("has a value of shape {:?}, expected one number", value.shape())));
        }
        let x = self.filler(value)?;
        self.emit(Op::Expand(Expand { dims }), &[x])
    }

    /// A constant with no axes.
    pub(crate) fn filler(&mut self, value: Tensor) -> Result<ValueId, Error> {
        let value = value.reshape(&[]).map_err(fourfold_graph::Error::from)?;
        let name = self.importer.fresh_name(&format!("{}.value", self.name));
        self.importer.emission.constant(&name, value)
    }

    /// Positions moved to channels or back: reshape, transpose, reshape.
    pub(crate) fn depth_and_space(&mut self, to_space: bool) -> Result<(), Error> {
        let attributes = self.attributes(&["blocksize", "mode"])?;
        let block = attributes.int("blocksize", 0)?;
        let is_crd = match attributes.string("mode")? {
            None | Some(b"DCR") => false,
            Some(b"CRD") if to_space => true,
            Some(b"CRD") => return Err(self.unsupported("the mode CRD")),
            Some(other) => return Err(self.invalid(format!("mode is `{}`", String::from_utf8_lossy(other)))),
        };
        let block = usize::try_from(block).ok().filter(|&block| block > 0);
        let block = block.ok_or_else(|| self.invalid("has a blocksize that is not positive"))?;
        let x = self.moved(0)?;
        let dims = self.dims(x.id());
        let [n, c, h, w] = dims.as_slice() else {
            return Err(self.invalid(format!("has an input of shape {dims:?}, expected four axes")));
        };
        let b = Dim::Fixed(block);
        let times = |dim: &Dim, other: &Dim| {
            let product = dim.polynomial().zip(other.polynomial()).and_then(|(dim, other)| dim.mul(&other));
            product.and_then(Dim::computed).ok_or_else(|| self.invalid("has a result that is too large"))
        };
        let parts = |dim: &Dim, count: &Dim| {
            let part = dim.polynomial().zip(count.polynomial()).and_then(|(dim, count)| dim.div(&count));
            part.and_then(Dim::computed).ok_or_else(|| match dim {
                Dim::Fixed(_) => self.invalid(format!("has blocks of {block}, which {dims:?} does not hold")),
                _ => {
                    self.unsupported(format!("blocks of {block} of {dims:?}, whose sizes are not known ({FIX_SIZES}),"))
                }
            })
        };
        let (split, axes, joined) = if to_space {
            let left = parts(c, &times(&b, &b)?)?;
            let joined = [left.clone(), times(h, &b)?, times(w, &b)?];
            match is_crd {
                false => ([b.clone(), b, left, h.clone(), w.clone()], [0, 3, 4, 1, 5, 2], joined),
                true => ([left, b.clone(), b, h.clone(), w.clone()], [0, 1, 4, 2, 5, 3], joined),
            }
        } else {
            let (rows, columns) = (parts(h, &b)?, parts(w, &b)?);
            let joined = [times(c, &times(&b, &b)?)?, rows.clone(), columns.clone()];
            ([c.clone(), rows, b.clone(), columns, b], [0, 3, 5, 1, 2, 4], joined)
        };
        let shape = |sizes: &[Dim]| [n.clone()].into_iter().chain(sizes.iter().cloned()).collect();
        let x = self.moved_before("split", Op::Reshape(Reshape { dims: shape(&split) }), x)?;
        let x = self.moved_before("turned", Op::Transpose(Transpose { axes: axes.to_vec() }), x)?;
        self.emit_moved(Op::Reshape(Reshape { dims: shape(&joined) }), x)
    }
}

/// The first element and the number of elements of a cut of an axis, `None` if they depend on a size that is not known.
///
/// Of an axis whose size is not known, bounds are assumed to lie within it; the runtime checks that. Ends of 10^9 and
/// more, as converters write them for "all" (10^9, 2^31 - 1, 2^63 - 1), are the axis' own.
fn cut(start: &Polynomial, end: &Polynomial, step: i64, size: &Dim) -> Option<(i64, Dim)> {
    let from = start.as_constant()?;
    if let (Some(size), Some(to)) = (size.fixed().and_then(|size| i64::try_from(size).ok()), end.as_constant()) {
        let position = |position: i64, min: i64, max: i64| {
            (if position < 0 { position.saturating_add(size) } else { position }).clamp(min, max)
        };
        let (first, last) = match step {
            1.. => (position(from, 0, size), position(to, 0, size)),
            _ => (position(from, -1, size - 1), position(to, -1, size - 1)),
        };
        let count = (last - first).checked_add(step - step.signum())?.checked_div(step)?.max(0);
        return Some((first.max(0), usize::try_from(count).ok()?.into()));
    }
    let size = size.polynomial()?;
    let far = 1_000_000_000;
    let last = match end.as_constant() {
        Some(to) if to >= far => size.clone(),
        Some(to) if to < 0 && to > -far => size.add(end)?,
        Some(to) if to <= -far && step == -1 && from == -1 => return Some((-1, Dim::computed(size)?)),
        _ => end.clone(),
    };
    let first = if from < 0 { size.add(start)? } else { start.clone() };
    let length = last.sub(&first)?;
    (step == 1).then(|| Dim::computed(length)).flatten().map(|length| (from, length))
}

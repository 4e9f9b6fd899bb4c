//! Shapes of operators that choose, repeat or join elements.

use crate::{Dim, Op, Pad, PadMode, Polynomial, Problem, Resize, Value};

use super::movement::{axis_problem, broadcast};

/// The result's shape of the operators of this module, `None` for others.
pub(super) fn dims(op: &Op, inputs: &[&Value]) -> Option<Result<Vec<Dim>, Problem>> {
    let x = inputs[0].ty.dims();
    Some(match op {
        Op::Concat { axis } => concat(*axis, inputs),
        Op::Slice { axis, start, step, length } => slice(*axis, *start, *step, length, x),
        Op::Gather { axis } => gather(*axis, x, inputs[1].ty.dims()),
        Op::GatherElements { axis } => gather_elements(*axis, x, inputs[1].ty.dims()),
        Op::Expand { dims } => expand(dims, x),
        Op::Pad(attributes) => pad(attributes, x),
        Op::Resize(attributes) => resize(attributes, x),
        Op::Where => broadcast(inputs[1].ty.dims(), inputs[2].ty.dims()).and_then(|all| broadcast(x, &all)),
        Op::Compare(_) | Op::Logic(_) => broadcast(x, inputs[1].ty.dims()),
        Op::ArgExtreme(found) => super::movement::reduce(&[found.axis], found.keep, x),
        Op::TopK(top) => with_axis(top.axis, x, |size| match size.fixed() {
            Some(size) if top.count <= size => Ok(Dim::Fixed(top.count)),
            None => Ok(Dim::Fixed(top.count)),
            Some(size) => Err(Problem::shape(format!("the {} largest of {size} elements", top.count))),
        }),
        Op::CumSum(sum) => with_axis(sum.axis, x, |size| Ok(size.clone())),
        Op::Not | Op::Cast { .. } => Ok(x.to_vec()),
        _ => return None,
    })
}

/// The shape with another size on one axis.
fn with_axis(axis: usize, x: &[Dim], size: impl FnOnce(&Dim) -> Result<Dim, Problem>) -> Result<Vec<Dim>, Problem> {
    let mut dims = x.to_vec();
    let place = dims.get_mut(axis).ok_or_else(|| axis_problem(axis, x))?;
    *place = size(place)?;
    Ok(dims)
}

fn concat(axis: usize, inputs: &[&Value]) -> Result<Vec<Dim>, Problem> {
    let x = inputs[0].ty.dims();
    let mut total = Polynomial::constant(0);
    for input in inputs {
        let dims = input.ty.dims();
        let same = dims.len() == x.len() && (0..x.len()).all(|other| other == axis || dims[other] == x[other]);
        let size = dims.get(axis).ok_or_else(|| axis_problem(axis, dims))?;
        if !same {
            let differs = |other: usize| other != axis && dims[other].differs(&x[other]);
            let is_open = dims.len() == x.len() && !(0..x.len()).any(differs);
            let reason = format!("the shapes {x:?} and {dims:?} differ on another axis than {axis}");
            return Err(Problem::sizes(is_open, reason));
        }
        total = size.polynomial().and_then(|size| total.add(&size)).ok_or_else(|| too_large(x))?;
    }
    with_axis(axis, x, |_| Dim::computed(total).ok_or_else(|| too_large(x)))
}

fn too_large(x: &[Dim]) -> Problem {
    Problem::shape(format!("the size that follows from {x:?} is too large"))
}

fn slice(axis: usize, start: i64, step: i64, length: &Dim, x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    if step == 0 {
        let reason = "must not be 0".to_owned();
        return Err(Problem::Attribute { name: "step", value: "0".to_owned(), reason });
    }
    with_axis(axis, x, |size| {
        if let (Some(size), Some(length)) = (size.fixed(), length.fixed())
            && !fits(size, start, step, length)
        {
            return Err(Problem::shape(format!("{length} elements from {start} in steps of {step}, of {size}")));
        }
        Ok(length.clone())
    })
}

/// Whether `length` elements from `start` on, in steps, lie within `size`.
fn fits(size: usize, start: i64, step: i64, length: usize) -> bool {
    let (Ok(size), Ok(length)) = (i64::try_from(size), i64::try_from(length)) else { return false };
    let first = if start < 0 { size.checked_add(start) } else { Some(start) };
    let last = step.checked_mul(length - 1).zip(first).and_then(|(way, first)| first.checked_add(way));
    let is_inside = |place: Option<i64>| place.is_some_and(|place| (0..size).contains(&place));
    length == 0 || is_inside(first) && is_inside(last)
}

fn gather(axis: usize, x: &[Dim], indices: &[Dim]) -> Result<Vec<Dim>, Problem> {
    if axis >= x.len() {
        return Err(axis_problem(axis, x));
    }
    Ok([&x[..axis], indices, &x[axis + 1..]].concat())
}

fn gather_elements(axis: usize, x: &[Dim], indices: &[Dim]) -> Result<Vec<Dim>, Problem> {
    if axis >= x.len() {
        return Err(axis_problem(axis, x));
    }
    let within = |other: usize| match (x[other].fixed(), indices[other].fixed()) {
        (Some(size), Some(count)) => count <= size,
        _ => x[other] == indices[other],
    };
    if x.len() != indices.len() || !(0..x.len()).all(|other| other == axis || within(other)) {
        let is_open = x.len() == indices.len() && x.iter().chain(indices).any(|dim| dim.fixed().is_none());
        let reason = format!("the indices {indices:?} do not lie in {x:?} on other axes than {axis}");
        return Err(Problem::sizes(is_open, reason));
    }
    Ok(indices.to_vec())
}

fn expand(dims: &[Dim], x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    match broadcast(dims, x)? {
        all if all == dims => Ok(all),
        _ => {
            let is_open = x.iter().chain(dims).any(|dim| dim.fixed().is_none());
            Err(Problem::sizes(is_open, format!("{x:?} is not repeated to {dims:?}")))
        }
    }
}

fn pad(pad: &Pad, x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    if pad.begin.len() != x.len() || pad.end.len() != x.len() {
        return Err(Problem::shape(format!("{} and {} paddings for {x:?}", pad.begin.len(), pad.end.len())));
    }
    let axes = x.iter().zip(pad.begin.iter().zip(&pad.end)).map(|(dim, (&begin, &end))| {
        let most = match (pad.mode, dim.fixed()) {
            (PadMode::Constant(_), _) => usize::MAX,
            (PadMode::Edge, Some(size)) => {
                if size > 0 {
                    usize::MAX
                } else {
                    0
                }
            }
            (PadMode::Reflect, Some(size)) => size.saturating_sub(1),
            (PadMode::Wrap, Some(size)) => size,
            (_, None) => 0,
        };
        if begin > most || end > most {
            let reason = format!("a padding of {begin} and {end} cannot be made from {dim} elements");
            return Err(Problem::sizes(dim.fixed().is_none(), reason));
        }
        let added = begin.checked_add(end).and_then(|added| i64::try_from(added).ok()).map(Polynomial::constant);
        let size = added.and_then(|added| dim.polynomial()?.add(&added)).and_then(Dim::computed);
        size.ok_or_else(|| too_large(x))
    });
    axes.collect()
}

fn resize(resize: &Resize, x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    if resize.scales.len() != x.len() || resize.sizes.len() != x.len() {
        return Err(Problem::shape(format!(
            "{} factors and {} sizes for {x:?}",
            resize.scales.len(),
            resize.sizes.len()
        )));
    }
    let axes = x.iter().zip(resize.scales.iter().zip(&resize.sizes)).map(|(dim, (&scale, size))| {
        if !(scale.is_finite() && scale > 0.0) {
            let reason = "must be finite and positive".to_owned();
            return Err(Problem::Attribute { name: "scales", value: scale.to_string(), reason });
        }
        match (size, dim.fixed()) {
            (None, _) if scale == 1.0 => Ok(dim.clone()),
            (Some(1..), Some(0)) => Err(Problem::shape(format!("{x:?} has no elements to be resized"))),
            (Some(size), Some(_)) => Ok(Dim::Fixed(*size)),
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates; checked after"
            )]
            (None, Some(old)) => Ok(Dim::Fixed((old as f32 * scale).floor() as usize)),
            (None, None) => multiple(dim, scale)
                .ok_or_else(|| Problem::Open { reason: format!("axis {dim} of {x:?} times {scale} has no form") }),
            (Some(_), None) => {
                let reason = format!("axis {dim} of {x:?} is resized to a size that is known, from one that is not");
                Err(Problem::Open { reason })
            }
        }
    });
    axes.collect()
}

/// A size times a whole number.
fn multiple(dim: &Dim, scale: f32) -> Option<Dim> {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of less than 2^24")]
    let whole = (scale.fract() == 0.0 && scale < 16_777_216.0).then_some(scale as i64)?;
    Dim::computed(dim.polynomial()?.mul(&Polynomial::constant(whole))?)
}

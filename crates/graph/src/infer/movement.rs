//! Shapes of operators that broadcast or move elements.

use std::sync::Arc;

use crate::{Dim, Problem};

pub(super) fn axis_problem(axis: usize, x: &[Dim]) -> Problem {
    let reason = format!("the input {x:?} has {} axes", x.len());
    Problem::Attribute { name: "axis", value: axis.to_string(), reason }
}

/// The shape of an element-by-element result: trailing axes are equal, or one of them is 1.
pub(super) fn broadcast(a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>, Problem> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let offset = long.len() - short.len();
    let joined = long.iter().enumerate().map(|(axis, dim)| match axis.checked_sub(offset).map(|axis| &short[axis]) {
        None | Some(Dim::Fixed(1)) => Ok(dim.clone()),
        Some(other) if other == dim || *dim == Dim::Fixed(1) => Ok(other.clone()),
        Some(_) => Err(Problem::shape(format!("the shapes {a:?} and {b:?} do not broadcast"))),
    });
    joined.collect()
}

/// `[.., m, k] * [.., k, n]`.
pub(super) fn matmul(a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>, Problem> {
    match (a, b) {
        ([a_outer @ .., m, k], [b_outer @ .., k_b, n]) if k == k_b => {
            let mut dims = broadcast(a_outer, b_outer)?;
            dims.extend([m.clone(), n.clone()]);
            Ok(dims)
        }
        _ => Err(Problem::shape(format!("the shapes {a:?} and {b:?} are not [.., m, k] and [.., k, n]"))),
    }
}

pub(super) fn flatten(axis: usize, x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    if axis > x.len() {
        return Err(axis_problem(axis, x));
    }
    let joined = |dims: &[Dim]| Product::of(dims).and_then(Product::dim);
    match (joined(&x[..axis]), joined(&x[axis..])) {
        (Some(outer), Some(inner)) => Ok(vec![outer, inner]),
        _ => Err(Problem::shape(format!("the axes of {x:?} cannot be joined: more than one known size and symbol"))),
    }
}

pub(super) fn reshape(target: &[i64], x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    let invalid = |reason: String| Problem::Attribute { name: "dims", value: format!("{target:?}"), reason };
    let mut rest = Product::of(x).ok_or_else(|| Problem::shape(format!("{x:?} has too many elements")))?;
    let mut open = None;
    let mut dims = Vec::with_capacity(target.len());
    for (axis, &size) in target.iter().enumerate() {
        let dim = match usize::try_from(size) {
            Ok(0) => {
                x.get(axis).cloned().ok_or_else(|| invalid(format!("the input {x:?} has no axis {axis} to copy")))?
            }
            Ok(size) => Dim::Fixed(size),
            Err(_) if size == -1 && open.is_none() => {
                open = Some(axis);
                Dim::Fixed(1)
            }
            Err(_) => return Err(invalid("sizes are positive, 0 to copy, or -1 once".to_owned())),
        };
        rest = rest.without(&dim).ok_or_else(|| invalid(format!("does not hold the elements of {x:?}")))?;
        dims.push(dim);
    }
    match open {
        Some(axis) => {
            dims[axis] = rest.dim().ok_or_else(|| invalid(format!("the open size of {x:?} is not one dimension")))?
        }
        None if rest != Product::ONE => return Err(invalid(format!("does not hold the elements of {x:?}"))),
        None => {}
    }
    Ok(dims)
}

pub(super) fn reduce(axes: &[usize], keep: bool, x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    let is_ascending = axes.windows(2).all(|pair| pair[0] < pair[1]);
    if !is_ascending || axes.last().is_some_and(|&last| last >= x.len()) {
        let reason = format!("expected axes of {x:?}, ascending");
        return Err(Problem::Attribute { name: "axes", value: format!("{axes:?}"), reason });
    }
    let dims = x.iter().enumerate().filter_map(|(axis, dim)| match axes.contains(&axis) {
        false => Some(dim.clone()),
        true => keep.then_some(Dim::Fixed(1)),
    });
    Ok(dims.collect())
}

pub(super) fn transpose(axes: &[usize], x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..x.len()) {
        let reason = format!("expected each axis of {x:?} once");
        return Err(Problem::Attribute { name: "axes", value: format!("{axes:?}"), reason });
    }
    Ok(axes.iter().map(|&axis| x[axis].clone()).collect())
}

/// A product of sizes: the known ones multiplied, the symbols listed.
#[derive(Clone, Debug, PartialEq)]
struct Product {
    size: usize,
    symbols: Vec<Arc<str>>,
}

impl Product {
    const ONE: Product = Product { size: 1, symbols: Vec::new() };

    /// `None` if the known sizes overflow.
    fn of(dims: &[Dim]) -> Option<Self> {
        dims.iter().try_fold(Product::ONE, |mut product, dim| {
            match dim {
                Dim::Fixed(size) => product.size = product.size.checked_mul(*size)?,
                Dim::Symbol(name) => product.symbols.push(Arc::clone(name)),
            }
            Some(product)
        })
    }

    /// The product divided by `dim`, `None` if it does not divide it.
    fn without(mut self, dim: &Dim) -> Option<Self> {
        match dim {
            Dim::Fixed(0) => return (self.size == 0).then_some(self),
            Dim::Fixed(size) if self.size.is_multiple_of(*size) => self.size /= size,
            Dim::Fixed(_) => return None,
            Dim::Symbol(name) => {
                let place = self.symbols.iter().position(|symbol| symbol == name)?;
                self.symbols.remove(place);
            }
        }
        Some(self)
    }

    /// The product as one dimension, `None` if a symbol is multiplied with anything.
    fn dim(self) -> Option<Dim> {
        match self.symbols.as_slice() {
            [] => Some(Dim::Fixed(self.size)),
            [symbol] if self.size == 1 => Some(Dim::Symbol(Arc::clone(symbol))),
            _ => None,
        }
    }
}

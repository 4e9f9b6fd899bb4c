//! Shapes of operators that broadcast or move elements.

use crate::{Dim, Polynomial, Problem};

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
        // A size that is not known may be 1.
        Some(other) => Err(Problem::sizes(
            dim.fixed().is_none() || other.fixed().is_none(),
            format!("the shapes {a:?} and {b:?} do not broadcast"),
        )),
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
        _ => {
            let is_open = matches!((a, b), ([.., _, k], [.., k_b, _]) if !k.differs(k_b));
            Err(Problem::sizes(is_open, format!("the shapes {a:?} and {b:?} are not [.., m, k] and [.., k, n]")))
        }
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

/// Checks that the sizes hold as many elements as `x`.
pub(super) fn reshape(dims: &[Dim], x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    match (Product::of(x), Product::of(dims)) {
        (Some(old), Some(new)) if old.is(&new) => Ok(dims.to_vec()),
        (old, new) => {
            let sizes = old.and_then(|old| old.polynomial()).zip(new.and_then(|new| new.polynomial()));
            let is_open = sizes.is_some_and(|(old, new)| !old.differs(&new));
            Err(Problem::sizes(is_open, format!("the shape {dims:?} does not hold the elements of {x:?}")))
        }
    }
}

/// The sizes that PyTorch and ONNX write with 0 (copied from `x`) and -1 (once, what is left).
pub(crate) fn resolve(target: &[i64], x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    let invalid = |reason: String| Problem::Attribute { name: "dims", value: format!("{target:?}"), reason };
    let size = |(axis, &size): (usize, &i64)| match usize::try_from(size) {
        Ok(0) => match x.get(axis) {
            Some(dim) => Ok(Some(dim.clone())),
            None => Err(invalid(format!("the input {x:?} has no axis {axis} to copy"))),
        },
        Ok(size) => Ok(Some(Dim::Fixed(size))),
        Err(_) if size == -1 => Ok(None),
        Err(_) => Err(invalid("sizes are positive, 0 to copy, or -1 once".to_owned())),
    };
    complete(&target.iter().enumerate().map(size).collect::<Result<Vec<_>, _>>()?, x)
}

/// The sizes, of which one may be open, to hold the elements of `x`.
pub(crate) fn complete(target: &[Option<Dim>], x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    let shown = || target.iter().map(|dim| dim.as_ref().map_or("-1".to_owned(), Dim::to_string)).collect::<Vec<_>>();
    let invalid =
        |reason: String| Problem::Attribute { name: "dims", value: format!("[{}]", shown().join(", ")), reason };
    let known: Vec<Dim> = target.iter().flatten().cloned().collect();
    match target.len() - known.len() {
        0 => return Ok(known),
        1 => {}
        _ => return Err(invalid("sizes are positive, 0 to copy, or -1 once".to_owned())),
    }
    let rest = Product::of(x).zip(Product::of(&known)).and_then(|(all, known)| all.divided(known)?.dim());
    let left = Product::of(x).zip(Product::of(&known)).map(|(all, known)| all.without(known));
    let is_open = left.is_some_and(|(all, known)| !all.others.is_empty() || !known.others.is_empty());
    let reason = || format!("dims [{}]: the open size of {x:?} is not one dimension", shown().join(", "));
    let rest = rest.ok_or_else(|| Problem::sizes(is_open, reason()))?;
    Ok(target.iter().map(|dim| dim.clone().unwrap_or_else(|| rest.clone())).collect())
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

/// A product of sizes: the known ones multiplied, the others listed.
#[derive(Clone, Debug)]
struct Product {
    size: usize,
    others: Vec<Dim>,
}

impl Product {
    /// `None` if the known sizes overflow.
    fn of(dims: &[Dim]) -> Option<Self> {
        dims.iter().try_fold(Product { size: 1, others: Vec::new() }, |mut product, dim| {
            match dim.fixed() {
                Some(size) => product.size = product.size.checked_mul(size)?,
                None => product.others.push(dim.clone()),
            }
            Some(product)
        })
    }

    /// Whether both are the same number for all sizes of the symbols.
    fn is(&self, other: &Product) -> bool {
        self.size == 0 && other.size == 0
            || self.clone().divided(other.clone()).and_then(Self::dim) == Some(Dim::Fixed(1))
    }

    /// Both without the factors that both have.
    fn without(mut self, mut other: Product) -> (Self, Self) {
        other.others.retain(|dim| match self.others.iter().position(|own| own == dim) {
            Some(place) => {
                self.others.remove(place);
                false
            }
            None => true,
        });
        (self, other)
    }

    /// The quotient; factors that both have are left out, so that a product that is too large is no hindrance.
    fn divided(self, other: Product) -> Option<Self> {
        let (own, other) = self.without(other);
        let dim = own.polynomial()?.div(&other.polynomial()?)?;
        let others = vec![Dim::computed(dim)?];
        Product::of(&others)
    }

    fn polynomial(&self) -> Option<Polynomial> {
        let known = Polynomial::constant(i64::try_from(self.size).ok()?);
        self.others.iter().try_fold(known, |product, dim| product.mul(&dim.polynomial()?))
    }

    /// The product as one dimension.
    fn dim(self) -> Option<Dim> {
        Dim::computed(self.polynomial()?)
    }
}

//! The same elements in another shape.

use fourfold_schemes::QuantParams;

use super::{Facts, NodeRows, Op, OpKind, Operator, OutputParams, types};
use crate::{Dim, Error, Limits, Polynomial, Problem, Value, ValueType};

pub(super) const FLATTEN: Facts = Facts::new(OpKind::Flatten, OutputParams::Shared);
pub(super) const RESHAPE: Facts = Facts::new(OpKind::Reshape, OutputParams::Shared);

/// Attributes of [`Op::Flatten`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flatten {
    /// The first axis of the second group.
    pub axis: usize,
}

/// Attributes of [`Op::Reshape`].
#[derive(Clone, Debug, PartialEq)]
pub struct Reshape {
    /// The new sizes, as many elements as before. [`Reshape::resolve`] finds them for the 0 and -1 of PyTorch and ONNX.
    pub dims: Vec<Dim>,
}

impl Flatten {
    /// The shape of the result for an operand of shape `x`.
    pub(crate) fn shape(self, x: &[Dim]) -> Result<Vec<Dim>, Problem> {
        let axis = self.axis;
        if axis > x.len() {
            return Err(axis_problem(axis, x));
        }
        let joined = |dims: &[Dim]| Product::of(dims).and_then(Product::dim);
        match (joined(&x[..axis]), joined(&x[axis..])) {
            (Some(outer), Some(inner)) => Ok(vec![outer, inner]),
            _ => {
                let reason = format!("the axes of {x:?} cannot be joined: more than one known size and symbol");
                Err(Problem::shape(reason))
            }
        }
    }
}

impl Operator for Flatten {
    fn kind(&self) -> OpKind {
        OpKind::Flatten
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        self.shape(operands[0].ty.dims())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::moved(self.kind(), operands, dims, params)
    }

    /// The first size is that of the operand, so the rows are where they were.
    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }
}

impl Reshape {
    /// The reshape of an operand of shape `x` to `target`, where 0 copies the size of that axis of `x` and -1 (once) is
    /// the size that the number of elements leaves.
    ///
    /// # Errors
    ///
    /// [`Problem::Attribute`] if `target` is not such a list; [`Problem::Shape`] or [`Problem::Open`] if no size is
    /// left for -1.
    pub fn resolve(target: &[i64], x: &[Dim]) -> Result<Reshape, Problem> {
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
        Self::complete(&target.iter().enumerate().map(size).collect::<Result<Vec<_>, _>>()?, x)
    }

    /// The reshape of an operand of shape `x` to `target`, where `None` (once) is the size that the number of elements
    /// leaves.
    ///
    /// # Errors
    ///
    /// [`Problem::Attribute`] if several are `None`; [`Problem::Shape`] or [`Problem::Open`] if no size is left for it.
    pub fn complete(target: &[Option<Dim>], x: &[Dim]) -> Result<Reshape, Problem> {
        let shown =
            || target.iter().map(|dim| dim.as_ref().map_or("-1".to_owned(), Dim::to_string)).collect::<Vec<_>>();
        let invalid =
            |reason: String| Problem::Attribute { name: "dims", value: format!("[{}]", shown().join(", ")), reason };
        let known: Vec<Dim> = target.iter().flatten().cloned().collect();
        match target.len() - known.len() {
            0 => return Ok(Reshape { dims: known }),
            1 => {}
            _ => return Err(invalid("sizes are positive, 0 to copy, or -1 once".to_owned())),
        }
        let rest = Product::of(x).zip(Product::of(&known)).and_then(|(all, known)| all.divided(known)?.dim());
        let left = Product::of(x).zip(Product::of(&known)).map(|(all, known)| all.without(known));
        let is_open = left.is_some_and(|(all, known)| !all.others.is_empty() || !known.others.is_empty());
        let reason = || format!("dims [{}]: {x:?} leaves no size for -1 that is one dimension", shown().join(", "));
        let rest = rest.ok_or_else(|| Problem::sizes(is_open, reason()))?;
        let dims = target.iter().map(|dim| dim.clone().unwrap_or_else(|| rest.clone())).collect();
        Ok(Reshape { dims })
    }

    /// The sizes, checked to hold as many elements as an operand of shape `x`.
    pub(crate) fn shape(&self, x: &[Dim]) -> Result<Vec<Dim>, Problem> {
        let dims = &self.dims;
        match (Product::of(x), Product::of(dims)) {
            (Some(old), Some(new)) if old.is(&new) => Ok(dims.clone()),
            (old, new) => {
                let sizes = old.and_then(|old| old.polynomial()).zip(new.and_then(|new| new.polynomial()));
                let is_open = sizes.is_some_and(|(old, new)| !old.differs(&new));
                Err(Problem::sizes(is_open, format!("the shape {dims:?} does not hold the elements of {x:?}")))
            }
        }
    }
}

impl Operator for Reshape {
    fn kind(&self) -> OpKind {
        OpKind::Reshape
    }

    fn dims(&self, operands: &[&Value], _: &Limits) -> Result<Vec<Dim>, Problem> {
        self.shape(operands[0].ty.dims())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        types::moved(self.kind(), operands, dims, params)
    }

    /// The first size is that of the operand, so the rows are where they were.
    fn keeps_rows(&self, _: &NodeRows<'_>) -> bool {
        true
    }

    fn with_sizes(&self, with_sizes: &dyn Fn(&Dim) -> Result<Dim, Error>) -> Option<Result<Op, Error>> {
        let dims: Result<_, _> = self.dims.iter().map(with_sizes).collect();
        Some(dims.map(|dims| Op::Reshape(Reshape { dims })))
    }
}

/// The problem of an axis that `x` does not have.
pub(super) fn axis_problem(axis: usize, x: &[Dim]) -> Problem {
    let reason = format!("the input {x:?} has {} axes", x.len());
    Problem::Attribute { name: "axis", value: axis.to_string(), reason }
}

/// A product of sizes: numbers multiplied, symbolic sizes listed.
#[derive(Clone, Debug)]
struct Product {
    size: usize,
    others: Vec<Dim>,
}

impl Product {
    /// The product of the sizes of a shape; `None` if the product of the numbers overflows.
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

    /// Both products, without the factors that they share.
    fn without(mut self, mut other: Product) -> (Self, Self) {
        other.others.retain(|dim| match self.others.iter().position(|own| own == dim) {
            Some(index) => {
                self.others.remove(index);
                false
            }
            None => true,
        });
        (self, other)
    }

    /// The quotient. Factors that both have are left out first, so that products may overflow that the quotient does
    /// not.
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

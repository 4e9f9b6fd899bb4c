//! Shape arithmetic: integers that follow from the shapes of values, with symbols for what is not known before the
//! model runs.
//!
//! Exporters write a reshape as `Shape`, `Gather`, `Concat`, `Reshape`. None of the former enters the graph: their
//! results are lists of polynomials in the symbols of the inputs' shapes, and the Reshape gets the shape that they say.

use fourfold_graph::{Dim, FIX_SIZES, Polynomial};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::emission::binding::{Binding, Dequantized, Source};
use crate::import::emission::node::Entry;
use crate::import::emission::sizes::Sizes;
use crate::proto::data_type;

/// Whether two sizes are equal, `None` if that depends on the inputs.
fn equal(a: &Polynomial, b: &Polynomial) -> Option<bool> {
    let difference = a.sub(b)?;
    let same_sign = |sign: i64| difference.terms().all(|(coefficient, _)| coefficient.signum() == sign);
    let has_number = difference.terms().any(|(_, symbols)| symbols.is_empty());
    match difference.as_constant() {
        Some(number) => Some(number == 0),
        // Sizes are not negative, so a sum with a number of the same sign is not 0.
        None if has_number && (same_sign(1) || same_sign(-1)) => Some(false),
        None => None,
    }
}

impl<'a> Entry<'_, 'a> {
    /// Binds the result of the node if it is shape arithmetic.
    pub(crate) fn shape_arithmetic(&mut self) -> Result<bool, Error> {
        match self.proto.op_type.as_str() {
            "Shape" => return self.shape_of().map(|()| true),
            "Size" => return self.size_of().map(|()| true),
            "Range" => return self.range(),
            _ => {}
        }
        let count = self.proto.input.len();
        // What is known is computed as any other constant.
        if !(0..count).any(|index| self.is_symbolic(index)) && self.proto.op_type != "ReduceProd" {
            return Ok(false);
        }
        let inputs: Option<Vec<Sizes>> = (0..count).map(|index| self.sizes(index)).collect();
        let Some(inputs) = inputs.filter(|inputs| !inputs.is_empty()) else { return Ok(false) };
        if self.proto.op_type == "Equal" {
            return self.equality(&inputs).map(|()| true);
        }
        match self.computed_sizes(&inputs)? {
            Some(sizes) => self.bind_sizes(sizes).map(|()| true),
            None if inputs.iter().any(|sizes| sizes.known().is_none()) && self.is_arithmetic() => {
                let shown = inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
                Err(self.unsupported(format!("the arithmetic of sizes that are not known ({shown}; {FIX_SIZES})")))
            }
            None => Ok(false),
        }
    }

    /// Whether the operator computes its result from the numbers alone.
    fn is_arithmetic(&self) -> bool {
        let op = self.proto.op_type.as_str();
        matches!(
            op,
            "Add"
                | "Sub"
                | "Mul"
                | "Div"
                | "Mod"
                | "Min"
                | "Max"
                | "Gather"
                | "Slice"
                | "Equal"
                | "Where"
                | "ReduceProd"
        )
    }

    /// The shape of an input, whatever it holds.
    fn shape_of_input(&mut self) -> Result<Vec<Polynomial>, Error> {
        let name = self.input(0).unwrap_or_default();
        let dims: Vec<Dim> = match self.importer.emission.binding(name) {
            Some(Binding::Value(id) | Binding::Dequantized(Dequantized { source: Source::Value(id), .. })) => {
                self.dims(*id)
            }
            Some(Binding::Sizes(sizes)) if sizes.is_scalar => Vec::new(),
            Some(Binding::Sizes(sizes)) => vec![sizes.elements.len().into()],
            _ => match self.importer.constants.shape(name) {
                Some(shape) => shape.into_iter().map(Dim::Fixed).collect(),
                None => {
                    let id = self.any_operand(0)?;
                    self.dims(id)
                }
            },
        };
        let sizes: Option<Vec<Polynomial>> = dims.iter().map(Dim::polynomial).collect();
        sizes.ok_or_else(|| self.invalid(format!("reads `{name}`, whose shape {dims:?} is too large")))
    }

    fn shape_of(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["start", "end"])?;
        let (start, end) = (attributes.int("start", 0)?, attributes.int("end", i64::MAX)?);
        let sizes = self.shape_of_input()?;
        let range = clamped(start, end, sizes.len());
        let elements = sizes.get(range).unwrap_or_default().to_vec();
        self.bind_sizes(Sizes { elements, is_scalar: false, dtype: DType::I64 })
    }

    fn size_of(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let sizes = self.shape_of_input()?;
        let product = sizes.iter().try_fold(Polynomial::constant(1), |product, size| product.mul(size));
        let product = product.ok_or_else(|| self.unsupported("a size of so many factors"))?;
        self.bind_sizes(Sizes { elements: vec![product], is_scalar: true, dtype: DType::I64 })
    }

    /// The result of an operator on sizes, `None` if it is not one that is computed here.
    fn computed_sizes(&mut self, inputs: &[Sizes]) -> Result<Option<Sizes>, Error> {
        let first = &inputs[0];
        let two = |f: fn(&Polynomial, &Polynomial) -> Option<Polynomial>| {
            if let [a, b] = inputs { a.zip(b, f) } else { None }
        };
        let fold = |f: fn(i64, i64) -> i64| {
            let known: Option<Vec<Vec<i64>>> = inputs.iter().map(Sizes::known).collect();
            let constant = |numbers: Vec<i64>, is_scalar| Sizes {
                elements: numbers.into_iter().map(Polynomial::constant).collect(),
                is_scalar,
                dtype: first.dtype,
            };
            let lists = known?.into_iter().zip(inputs).map(|(numbers, sizes)| constant(numbers, sizes.is_scalar));
            lists.reduce(|a, b| {
                let joined = a.zip(&b, |x, y| Some(Polynomial::constant(f(x.as_constant()?, y.as_constant()?))));
                joined.unwrap_or(a)
            })
        };
        Ok(match self.proto.op_type.as_str() {
            "Identity" => Some(first.clone()),
            "Cast" => {
                let to = self.attributes(&["to", "saturate", "round_mode"])?.int("to", 0)?;
                let dtype = match i32::try_from(to) {
                    Ok(data_type::INT64) => Some(DType::I64),
                    Ok(data_type::INT32) => Some(DType::I32),
                    _ => None,
                };
                dtype.map(|dtype| Sizes { dtype, ..first.clone() })
            }
            "Add" => two(Polynomial::add),
            "Sub" => two(Polynomial::sub),
            "Mul" => two(Polynomial::mul),
            "Div" => two(quotient),
            // Sizes are not negative, so that the sign is that of both operands.
            "Mod" => two(remainder),
            "Neg" => Sizes { elements: vec![Polynomial::constant(0)], ..first.clone() }.zip(first, Polynomial::sub),
            "Min" => fold(i64::min),
            "Max" => fold(i64::max),
            "Concat" => Some(first.list(inputs.iter().flat_map(|sizes| sizes.elements.clone()).collect())),
            "Gather" => self.gathered(inputs)?,
            "Slice" => sliced(inputs),
            "Squeeze" if first.elements.len() == 1 => Some(Sizes { is_scalar: true, ..first.clone() }),
            "Unsqueeze" if first.is_scalar => Some(Sizes { is_scalar: false, ..first.clone() }),
            "Reshape" => self.reshaped(inputs),
            "ReduceProd" => self.product(first)?,
            _ => None,
        })
    }

    fn gathered(&self, inputs: &[Sizes]) -> Result<Option<Sizes>, Error> {
        let axis = self.attributes(&["axis"])?.int("axis", 0)?;
        let [list, indices] = inputs else { return Ok(None) };
        let Some(numbers) = indices.known().filter(|_| !list.is_scalar && [0, -1].contains(&axis)) else {
            return Ok(None);
        };
        let count = list.elements.len();
        let chosen = |index: i64| {
            let from_end = i64::try_from(count).ok().filter(|_| index < 0).map(|count| count + index);
            let position = usize::try_from(from_end.unwrap_or(index)).ok();
            let found = position.and_then(|position| list.elements.get(position)).cloned();
            found.ok_or_else(|| self.invalid(format!("chooses number {index} of {count}")))
        };
        let elements = numbers.into_iter().map(chosen).collect::<Result<_, _>>()?;
        Ok(Some(Sizes { elements, is_scalar: indices.is_scalar, dtype: list.dtype }))
    }

    fn reshaped(&self, inputs: &[Sizes]) -> Option<Sizes> {
        let [list, target] = inputs else { return None };
        match target.known()?.as_slice() {
            [] if list.elements.len() == 1 => Some(Sizes { is_scalar: true, ..list.clone() }),
            [size] if *size == -1 || usize::try_from(*size) == Ok(list.elements.len()) => {
                Some(list.list(list.elements.clone()))
            }
            _ => None,
        }
    }

    fn product(&self, list: &Sizes) -> Result<Option<Sizes>, Error> {
        let attributes = self.attributes(&["axes", "keepdims", "noop_with_empty_axes"])?;
        let is_scalar = attributes.int("keepdims", 1)? == 0;
        let product = list.elements.iter().try_fold(Polynomial::constant(1), |product, size| product.mul(size));
        Ok(product.map(|product| Sizes { elements: vec![product], is_scalar, dtype: list.dtype }))
    }

    /// Which of two lists of sizes are equal, a constant of bools.
    fn equality(&mut self, inputs: &[Sizes]) -> Result<(), Error> {
        let [a, b] = inputs else { return Err(self.invalid("does not have two inputs")) };
        let are_equal =
            |a: &Polynomial, b: &Polynomial| equal(a, b).map(|found| Polynomial::constant(i64::from(found)));
        let Some(bools) = a.zip(b, are_equal) else {
            return Err(
                self.unsupported(format!("a comparison of sizes that are not known ({a} and {b}; {FIX_SIZES})"))
            );
        };
        let list: Vec<bool> = bools.elements.iter().map(|found| found.as_constant() == Some(1)).collect();
        let shape: &[usize] = if bools.is_scalar { &[] } else { &[list.len()] };
        let tensor = Tensor::from_bools(shape, &list).map_err(fourfold_graph::Error::from)?;
        self.bind_constant(tensor)
    }

    /// `Where` of sizes, by constant bools.
    pub(crate) fn chosen_sizes(&mut self) -> Result<bool, Error> {
        if !self.is_symbolic(1) && !self.is_symbolic(2) {
            return Ok(false);
        }
        let (Some(a), Some(b)) = (self.sizes(1), self.sizes(2)) else { return Ok(false) };
        let name = self.input(0).unwrap_or_default();
        let Some(condition) = self.importer.constants.stored(name).filter(|condition| condition.shape().len() < 2)
        else {
            return Ok(false);
        };
        let condition_shape = condition.shape().to_vec();
        let Ok(condition) = condition.as_slice::<u8>() else { return Ok(false) };
        let elements = condition.iter().map(|&chosen| Polynomial::constant(i64::from(chosen))).collect();
        let picks = Sizes { elements, is_scalar: condition_shape.is_empty(), dtype: a.dtype };
        let inverse = |chosen: &Polynomial, size: &Polynomial| Polynomial::constant(1).sub(chosen)?.mul(size);
        let both = picks.zip(&a, Polynomial::mul).zip(picks.zip(&b, inverse));
        match both.and_then(|(a, b)| a.zip(&b, Polynomial::add)) {
            Some(sizes) => self.bind_sizes(sizes).map(|()| true),
            None => Ok(false),
        }
    }
}

/// Whole quotients, rounded to zero: exact ones of polynomials, others of those that are not negative.
fn quotient(a: &Polynomial, b: &Polynomial) -> Option<Polynomial> {
    match (a.as_constant(), b.as_constant()) {
        (Some(a), Some(b)) => a.checked_div(b).map(Polynomial::constant),
        (None, Some(number)) if a.terms().all(|(coefficient, _)| coefficient > 0) => {
            a.div(b).or_else(|| a.floor_div(number))
        }
        _ => a.div(b),
    }
}

/// What is left of a quotient of sizes that are not negative: 0 where it is exact.
fn remainder(a: &Polynomial, b: &Polynomial) -> Option<Polynomial> {
    a.sub(&quotient(a, b)?.mul(b)?)
}

/// Intermediate of a list of sizes, or `None`.
fn sliced(inputs: &[Sizes]) -> Option<Sizes> {
    let known = |index: usize| inputs.get(index).map(Sizes::known);
    let (list, starts, ends) = (&inputs[0], known(1)??, known(2)??);
    let step = match known(4) {
        Some(steps) => *steps?.first()?,
        None => 1,
    };
    let range = clamped(*starts.first()?, *ends.first()?, list.elements.len());
    (step == 1 && !list.is_scalar && starts.len() == 1).then(|| list.list(list.elements[range].to_vec()))
}

/// The range of a list from `start` to `end`, counted from its end if negative.
fn clamped(start: i64, end: i64, length: usize) -> core::ops::Range<usize> {
    let position = |position: i64| {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let from_end = if position < 0 { length.saturating_add(position) } else { position };
        usize::try_from(from_end.clamp(0, length)).unwrap_or(0)
    };
    let (start, end) = (position(start), position(end));
    start..end.max(start)
}

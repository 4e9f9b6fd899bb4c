//! Sizes that depend on the inputs, as arithmetic on their shapes.

use std::collections::HashMap;

use fourfold_graph::{Dim, Factor, Graph, Polynomial, Quotient, ValueId};
use fourfold_tensor::Tensor;

use super::Exporter;
use super::message::{int, wide};
use crate::Error;

/// One entry of a list of sizes.
#[derive(Clone, Debug)]
pub(super) enum Size {
    /// A constant, written as it is (0 and -1 have a meaning in Reshape).
    Number(i64),
    /// A size computed from the inputs' shapes.
    Dim(Dim),
}

impl From<&Dim> for Size {
    fn from(dim: &Dim) -> Self {
        match dim.fixed() {
            Some(size) => Size::Number(wide(size)),
            None => Size::Dim(dim.clone()),
        }
    }
}

/// For each symbol, the first input and axis that have it.
pub(super) fn symbols(graph: &Graph) -> HashMap<&str, (ValueId, usize)> {
    let mut symbols = HashMap::new();
    for &id in graph.inputs() {
        for (axis, dim) in graph.value(id).ty().dims().iter().enumerate() {
            if let Dim::Symbol(symbol) = dim {
                symbols.entry(&**symbol).or_insert((id, axis));
            }
        }
    }
    symbols
}

impl Exporter<'_> {
    /// A list of integers.
    pub(super) fn integers(&mut self, base: &str, numbers: &[i64]) -> Result<String, Error> {
        let list = Tensor::from_slice(&[numbers.len()], numbers).map_err(fourfold_graph::Error::from)?;
        Ok(self.initializer(base, &list))
    }

    /// A list of sizes: an initializer if all are constants, else a Concat of constants and computed sizes.
    pub(super) fn sizes(&mut self, base: &str, sizes: &[Size]) -> Result<String, Error> {
        let mut parts = Vec::new();
        let mut numbers = Vec::new();
        for size in sizes {
            match size {
                Size::Number(number) => numbers.push(*number),
                Size::Dim(dim) => {
                    if !numbers.is_empty() {
                        parts.push(self.integers(&format!("{base}.known"), &numbers)?);
                        numbers.clear();
                    }
                    parts.push(self.size(dim)?);
                }
            }
        }
        if parts.is_empty() || !numbers.is_empty() {
            let part = if parts.is_empty() { base.to_owned() } else { format!("{base}.known") };
            parts.push(self.integers(&part, &numbers)?);
        }
        match parts.as_slice() {
            [one] => Ok(one.clone()),
            _ => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                Ok(self.push_fresh("Concat", base, &parts, vec![int("axis", 0)]))
            }
        }
    }

    /// A size as a list of one number; each size is computed once.
    fn size(&mut self, dim: &Dim) -> Result<String, Error> {
        if let Some(name) = self.sizes.get(dim) {
            return Ok(name.clone());
        }
        let name = match dim {
            Dim::Fixed(size) => self.integers(&format!("size.{size}"), &[wide(*size)])?,
            Dim::Symbol(symbol) => self.symbol(symbol)?,
            Dim::Computed(polynomial) => self.polynomial(polynomial)?,
        };
        self.sizes.insert(dim.clone(), name.clone());
        Ok(name)
    }

    /// The size of the first axis that has the symbol, by Shape and Gather.
    fn symbol(&mut self, symbol: &str) -> Result<String, Error> {
        let Some(&(input, axis)) = self.symbols.get(symbol) else {
            let reason = "no axis of an input has this symbol, so a size cannot be computed";
            return Err(Error::Export { value: symbol.to_owned(), reason });
        };
        let input = self.graph.value(input).name();
        let shape = self.push_fresh("Shape", &format!("{input}.shape"), &[input], Vec::new());
        let index = self.integers(&format!("{input}.axis"), &[wide(axis)])?;
        Ok(self.push_fresh("Gather", &format!("size.{symbol}"), &[&shape, &index], vec![int("axis", 0)]))
    }

    /// A quotient, rounded down. ONNX's Div rounds toward zero, which is the same as no size is negative.
    fn quotient(&mut self, quotient: &Quotient) -> Result<String, Error> {
        let dividend = self.polynomial(quotient.dividend())?;
        let divisor = self.integers("size.divisor", &[quotient.divisor()])?;
        Ok(self.push_fresh("Div", "size.quotient", &[&dividend, &divisor], Vec::new()))
    }

    /// A polynomial, as Mul and Add.
    fn polynomial(&mut self, polynomial: &Polynomial) -> Result<String, Error> {
        let mut sum: Option<String> = None;
        for (coefficient, factors) in polynomial.terms() {
            let mut product = match (coefficient, factors.is_empty()) {
                (1, false) => None,
                _ => Some(self.integers("size.factor", &[coefficient])?),
            };
            for factor in factors {
                let factor = match factor {
                    Factor::Symbol(symbol) => self.size(&Dim::Symbol(symbol.clone()))?,
                    Factor::Quotient(quotient) => self.quotient(quotient)?,
                };
                product = Some(match product {
                    None => factor,
                    Some(product) => self.push_fresh("Mul", "size.product", &[&product, &factor], Vec::new()),
                });
            }
            sum = match (sum, product) {
                (Some(sum), Some(product)) => Some(self.push_fresh("Add", "size.sum", &[&sum, &product], Vec::new())),
                (sum, product) => sum.or(product),
            };
        }
        match sum {
            Some(sum) => Ok(sum),
            None => self.integers("size.0", &[0]),
        }
    }
}

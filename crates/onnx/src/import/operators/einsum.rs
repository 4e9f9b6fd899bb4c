//! Einsum of two operands: a batched product of matrices.
//!
//! Letters are sorted into four groups: those that both operands and the result have (batch), those of one operand and
//! the result (rows, columns), and those of both operands alone (depth). Both operands are transposed to `[batch, rows,
//! depth]` and `[batch, depth, columns]`, multiplied, and the product is transposed to the result.

use fourfold_graph::{Dim, Op, Reshape, Transpose, ValueId};

use crate::Error;
use crate::import::emission::node::Entry;

impl<'a> Entry<'_, 'a> {
    pub(crate) fn einsum(&mut self) -> Result<(), Error> {
        let equation = self.attributes(&["equation"])?.string("equation")?.unwrap_or_default().to_vec();
        let text: String =
            String::from_utf8_lossy(&equation).chars().filter(|letter| !letter.is_whitespace()).collect();
        let other = || self.unsupported(format!("the equation `{text}`; two operands without repeated letters are"));
        let (left, result) = text.split_once("->").ok_or_else(other)?;
        let (a, b) = left.split_once(',').ok_or_else(other)?;
        let is_plain = |letters: &str| {
            letters
                .chars()
                .enumerate()
                .all(|(position, letter)| letter.is_ascii_alphabetic() && letters.find(letter) == Some(position))
        };
        if ![a, b, result].into_iter().all(is_plain)
            || !result.chars().all(|letter| a.contains(letter) || b.contains(letter))
        {
            return Err(other());
        }
        let is_summed_alone =
            |of: &str, with: &str| of.chars().any(|letter| !with.contains(letter) && !result.contains(letter));
        if is_summed_alone(a, b) || is_summed_alone(b, a) {
            return Err(other());
        }
        let pick = |from: &str, other: bool, kept: bool, with: &str| -> String {
            from.chars().filter(|&letter| with.contains(letter) == other && result.contains(letter) == kept).collect()
        };
        let (batch, depth) = (pick(a, true, true, b), pick(a, true, false, b));
        let (rows, columns) = (pick(a, false, true, b), pick(b, false, true, a));
        let (x, y) = (self.operand(0)?, self.operand(1)?);
        let (x_dims, y_dims) = (self.dims(x), self.dims(y));
        if x_dims.len() != a.len() || y_dims.len() != b.len() {
            return Err(self.invalid(format!("the equation `{text}` does not fit {x_dims:?} and {y_dims:?}")));
        }
        let size = |letter: char| {
            let of = |letters: &str, dims: &[Dim]| letters.find(letter).map(|position| dims[position].clone());
            of(a, &x_dims).or_else(|| of(b, &y_dims)).unwrap_or(Dim::Fixed(1))
        };
        let sizes = |letters: &str| letters.chars().map(size).collect::<Vec<Dim>>();
        let joined = |letters: &str| {
            let product = sizes(letters)
                .iter()
                .try_fold(fourfold_graph::Polynomial::constant(1), |product, dim| product.mul(&dim.polynomial()?));
            product.and_then(Dim::computed).ok_or_else(|| self.invalid("has sizes that are too large"))
        };
        let (m, k, n) = (joined(&rows)?, joined(&depth)?, joined(&columns)?);
        let batches = sizes(&batch);
        let shape = |last: [Dim; 2]| [&batches[..], &last].concat();
        let x = self.arranged("left", x, a, &format!("{batch}{rows}{depth}"), shape([m.clone(), k.clone()]))?;
        let y = self.arranged("right", y, b, &format!("{batch}{depth}{columns}"), shape([k, n]))?;
        let product = self.emit_before("product", Op::MatMul, &[x, y])?;
        let made = format!("{batch}{rows}{columns}");
        let split = self.emit_before("split", Op::Reshape(Reshape { dims: sizes(&made) }), &[product])?;
        let axes = positions(result, &made).ok_or_else(|| self.invalid(format!("has the equation `{text}`")))?;
        self.emit(Op::Transpose(Transpose { axes }), &[split])
    }

    /// An operand with its axes in another order, in another shape.
    fn arranged(&mut self, what: &str, x: ValueId, from: &str, to: &str, dims: Vec<Dim>) -> Result<ValueId, Error> {
        let axes = positions(to, from).ok_or_else(|| self.invalid("has letters that no operand has"))?;
        let is_in_order = axes.iter().enumerate().all(|(position, &axis)| position == axis);
        let transposed = if is_in_order {
            x
        } else {
            self.emit_before(&format!("{what}.turned"), Op::Transpose(Transpose { axes }), &[x])?
        };
        if self.dims(transposed) == dims {
            return Ok(transposed);
        }
        self.emit_before(what, Op::Reshape(Reshape { dims }), &[transposed])
    }
}

/// Where each letter of `to` stands in `from`.
fn positions(to: &str, from: &str) -> Option<Vec<usize>> {
    to.chars().map(|letter| from.find(letter)).collect()
}

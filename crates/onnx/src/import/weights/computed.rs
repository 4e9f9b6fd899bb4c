//! Constants that the file does not hold, but that follow from those it holds.

use fourfold_graph::ValueId;
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::emission::node::Entry;

/// How a constant of the graph follows from one of the file. Factors are the bits of an `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// The weight of a product: times a factor, and transposed unless it is `[out, in]` already.
    Weight { is_transposed: bool, factor: u32 },
    /// The bias of that many columns: times a factor.
    Bias { columns: usize, factor: u32 },
    /// The weight, or the bias, of a recurrent layer with that many gates: in the graph's order.
    Gates { count: usize, is_bias: bool },
}

impl<'a> Entry<'_, 'a> {
    /// The constant that follows from the one called `base`; it is made once, and named after it.
    ///
    /// The elements of all of them are counted, so that a small file does not become a large graph.
    pub(crate) fn computed(
        &mut self,
        base: &'a str,
        change: Change,
        make: impl FnOnce(&Self) -> Result<Tensor, Error>,
    ) -> Result<ValueId, Error> {
        if let Some(&id) = self.importer.weights.computed.get(&(base, change)) {
            return Ok(id);
        }
        let tensor = make(self)?;
        self.importer.constants.count(&tensor)?;
        let importer = &mut *self.importer;
        let name = importer.constant_name(base);
        let id = importer.emission.constant(&name, tensor)?;
        importer.weights.computed.insert((base, change), id);
        Ok(id)
    }

    /// Makes the node's result a constant, computed now.
    pub(crate) fn bind_constant(&mut self, tensor: Tensor) -> Result<(), Error> {
        self.importer.bind_constant(self.output(), tensor)
    }

    /// The weight `[out, in]` of a product with a constant input, times `alpha`.
    pub(crate) fn weight(&mut self, index: usize, is_transposed: bool, alpha: f32) -> Result<ValueId, Error> {
        let name = self.input(index).unwrap_or_default();
        let b = self.constant(index)?;
        self.computed(name, Change::Weight { is_transposed, factor: alpha.to_bits() }, |entry| {
            let wrong = || {
                let what = format!(
                    "a right side of type {}, of shape {:?}, that is not a float matrix,",
                    b.dtype(),
                    b.shape()
                );
                entry.unsupported(what)
            };
            let view = b.view::<f32>().map_err(|_| wrong())?;
            let view = if is_transposed { Ok(view) } else { view.permute(&[1, 0]) };
            let mut weight = view.map_err(|_| wrong())?.to_tensor()?;
            scale(&mut weight, alpha);
            Ok(weight)
        })
    }

    /// The bias `[columns]` that the constant `c` of that name, times `beta`, stands for.
    pub(crate) fn bias(&mut self, name: &'a str, c: &Tensor, columns: usize, beta: f32) -> Result<ValueId, Error> {
        self.computed(name, Change::Bias { columns, factor: beta.to_bits() }, |entry| {
            entry.importer.constants.check(columns)?;
            let Some(mut bias) = as_vector(c, columns)? else {
                let (dtype, shape) = (c.dtype(), c.shape());
                return Err(entry.unsupported(format!(
                    "a third input {dtype}{shape:?}, which is not one number for each of {columns} columns,"
                )));
            };
            scale(&mut bias, beta);
            Ok(bias)
        })
    }
}

/// A float tensor that broadcasts to rows of `columns` numbers, as one row.
///
/// Axes of size 1 behind the columns are those of positions, whose channels the columns are.
fn as_vector(c: &Tensor, columns: usize) -> Result<Option<Tensor>, Error> {
    let Some(row) = c.as_slice::<f32>().ok().filter(|_| is_vector(c, columns)) else { return Ok(None) };
    let mut vector = Tensor::zeros(DType::F32, &[columns])?;
    match row {
        [one] => vector.as_mut_slice()?.fill(*one),
        row => vector.as_mut_slice()?.copy_from_slice(row),
    }
    Ok(Some(vector))
}

/// Whether [`as_vector`] gives a row.
pub(crate) fn is_vector(c: &Tensor, columns: usize) -> bool {
    c.dtype() == DType::F32 && (c.len() == 1 || c.len() == columns && c.shape().contains(&columns))
}

fn scale(tensor: &mut Tensor, factor: f32) {
    if factor != 1.0
        && let Ok(elements) = tensor.as_mut_slice::<f32>()
    {
        elements.iter_mut().for_each(|element| *element *= factor);
    }
}

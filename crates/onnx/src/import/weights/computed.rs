//! Constants that the file does not hold, but that follow from those it holds.

use fourfold_graph::ValueId;
use fourfold_tensor::Tensor;

use crate::Error;
use crate::import::emission::node::Entry;

/// How a constant of the graph follows from one of the file. Factors are the bits of an `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// The weight of a product: times a factor, and turned unless it is `[out, in]` already.
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
}

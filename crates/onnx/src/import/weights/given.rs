//! Weights whose scales and zero points the node of the product names itself.

use fourfold_graph::ValueId;
use fourfold_schemes::QuantType;

use crate::Error;
use crate::import::constants::Stored;
use crate::import::emission::node::Entry;
use crate::import::weights::quantized::Channels;

impl<'a> Entry<'_, 'a> {
    /// The weight of that name with a scale and a zero point. `transpose` says that it is `[in, out]`.
    pub(crate) fn given_weight(
        &mut self,
        name: &'a str,
        given: [&'a str; 2],
        transpose: bool,
    ) -> Result<ValueId, Error> {
        let parameters = self.named_parameters(given)?;
        let Some(quantized) = self.importer.constants.stored(name) else {
            return Err(self.unsupported(format!("a weight `{name}` that is not constant")));
        };
        let axis = i64::from(transpose);
        let shape = quantized.shape().to_vec();
        let code =
            self.importer.code_of(name).ok_or_else(|| self.invalid(format!("the weight `{name}` is not quantized")))?;
        let params = self.params(&parameters, code, &shape, axis)?;
        let stored = Stored { names: [name, given[0], given[1]], axis, is_transposed: false };
        let channels = if transpose { Channels::Transposed } else { Channels::First };
        let weight = self.quantized_weight(stored, &params, channels)?;
        weight.map_err(|reason| self.unsupported(format!("the weight `{name}` ({reason})")))
    }

    /// The weight that input `place` is, with its zero points, as the graph holds it.
    pub(crate) fn weight_of_integers(
        &mut self,
        index: usize,
        zero_point: usize,
        channels: Channels,
    ) -> Result<ValueId, Error> {
        let name = self.input(index).unwrap_or_default();
        let Some(shape) = self.importer.constants.stored(name).map(|quantized| quantized.shape().to_vec()) else {
            return Err(self.unsupported(format!("a weight `{name}` that is not constant")));
        };
        let parameters = self.integer_parameters(zero_point)?;
        let axis = i64::from(channels == Channels::Transposed);
        let params = self.params(&parameters, self.code_of_input(index)?, &shape, axis)?;
        let stored = Stored { names: [name, "", parameters.names[1]], axis, is_transposed: false };
        let weight = self.quantized_weight(stored, &params, channels)?;
        weight.map_err(|reason| self.unsupported(format!("the weight `{name}` ({reason})")))
    }

    /// The type of the integers that an input holds.
    pub(crate) fn code_of_input(&self, index: usize) -> Result<QuantType, Error> {
        let name = self.input(index).ok_or_else(|| self.invalid(format!("lacks input {index}")))?;
        self.importer.code_of(name).ok_or_else(|| self.unknown(name))
    }
}

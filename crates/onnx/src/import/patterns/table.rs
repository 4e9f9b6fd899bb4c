//! Tables of embeddings that Gather reads: quantized constants of 8 bits stay quantized.
//!
//! ```text
//! Gather(DequantizeLinear(table), ids)      DequantizeLinear(Gather(table, ids))
//! ```

use fourfold_graph::ValueId;
use fourfold_schemes::{Granularity, QuantParams, QuantType};

use crate::Error;
use crate::import::constants::Stored;
use crate::import::emission::binding::{Dequantized, Source};
use crate::import::emission::node::Entry;

impl Entry<'_, '_> {
    /// The quantized constant that the first input was dequantized from, with one scale or one for each row: a table of
    /// embeddings.
    pub(crate) fn table(&mut self) -> Result<Option<ValueId>, Error> {
        let found = self.importer.emission.dequantized(self.input(0).unwrap_or_default());
        let Some(Dequantized { source: Source::Constant(stored), params, .. }) = found else { return Ok(None) };
        let is_by_row =
            matches!(params.granularity(), Granularity::PerTensor { .. } | Granularity::PerChannel { axis: 0, .. });
        if stored.is_transposed || !is_by_row || params.dtype().byte_range().is_none() {
            return Ok(None);
        }
        let (stored, params) = (*stored, (**params).clone());
        self.operand_quantized(stored, params).map(Some)
    }

    /// The quantized constant that the first input was dequantized from, as integers, and the parameters of those
    /// chosen along an axis by indices of rank `rank`; `None` if it is not of 8 bits, or has its scales on that axis.
    pub(crate) fn table_of_integers(
        &mut self,
        axis: usize,
        rank: usize,
    ) -> Result<Option<(ValueId, QuantParams)>, Error> {
        let found = self.importer.emission.dequantized(self.input(0).unwrap_or_default());
        let Some(Dequantized { source: Source::Constant(stored), params, .. }) = found else { return Ok(None) };
        let granularity = match params.granularity().clone() {
            Granularity::PerChannel { axis: own, .. } if own == axis => return Ok(None),
            Granularity::PerChannel { axis: own, scales, zero_points } if own > axis => {
                Granularity::PerChannel { axis: own - 1 + rank, scales, zero_points }
            }
            other => other,
        };
        if stored.is_transposed || params.dtype().byte_range().is_none() {
            return Ok(None);
        }
        let params = QuantParams::new(params.dtype(), (params.quant_min(), params.quant_max()), granularity);
        let params = params.map_err(|error| self.invalid(error.to_string()))?;
        let name = stored.names[0];
        let table = self.importer.value(name)?.ok_or_else(|| self.unknown(name))?;
        Ok(Some((table, params)))
    }

    /// The quantized constant that the first input is, with the scale of the DequantizeLinear that reads the result, as
    /// onnxruntime's `quantize_dynamic` writes tables of embeddings; `None` if there is none.
    pub(crate) fn table_behind(&mut self) -> Result<Option<(ValueId, QuantType, QuantParams)>, Error> {
        let name = self.input(0).unwrap_or_default();
        let code = self.importer.code_of(name).filter(|code| code.dtype().byte_range().is_some());
        let Some(code) = code.filter(|_| self.importer.constants.stored(name).is_some()) else { return Ok(None) };
        let Some((names, params)) = self.importer.meaning(self.output(), code) else { return Ok(None) };
        let stored = Stored { names: [name, names[0], names[1]], axis: 0, is_transposed: false };
        let table = self.operand_quantized(stored, params.clone())?;
        Ok(Some((table, code, params)))
    }
}

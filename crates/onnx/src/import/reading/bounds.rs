//! The bounds of a Clip, which were attributes before they were inputs.

use crate::Error;
use crate::import::emission::node::Entry;

impl Entry<'_, '_> {
    /// The bounds of a Clip.
    pub(crate) fn clip_bounds(&mut self) -> Result<(f32, f32), Error> {
        if self.importer.names.opset() < 11 {
            let attributes = self.attributes(&["min", "max"])?;
            let (min, max) = (attributes.float("min", f32::MIN)?, attributes.float("max", f32::MAX)?);
            return self.ordered(min, max);
        }
        self.attributes(&[])?;
        let (min, max) = (self.bound(1)?.unwrap_or(f32::NEG_INFINITY), self.bound(2)?.unwrap_or(f32::INFINITY));
        self.ordered(min, max)
    }

    /// The bounds in order. The upper one comes last: where it is the smaller one, it is the result everywhere.
    fn ordered(&self, min: f32, max: f32) -> Result<(f32, f32), Error> {
        if min.is_nan() || max.is_nan() {
            return Err(self.unsupported("a bound that is not a number"));
        }
        Ok((min.min(max), max))
    }

    /// A constant number.
    fn bound(&mut self, index: usize) -> Result<Option<f32>, Error> {
        let Some(tensor) = self.optional_constant(index)? else { return Ok(None) };
        match tensor.as_slice::<f32>() {
            Ok([bound]) => Ok(Some(*bound)),
            _ => Err(self.invalid(format!("input {index} has shape {:?}, expected one float", tensor.shape()))),
        }
    }
}

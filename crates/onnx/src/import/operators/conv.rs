//! Convolutions.

use crate::Error;
use crate::import::emission::node::Entry;
use crate::import::reading::window::CONV;
use crate::import::weights::quantized::Channels;

impl Entry<'_, '_> {
    pub(crate) fn conv(&mut self) -> Result<(), Error> {
        self.attributes(&CONV)?;
        let target = self.target(true)?;
        let quantized = if target.is_some() { self.weighted(Channels::First, self.input(2))? } else { None };
        if let Some((target, inputs)) = target.zip(quantized) {
            let op = self.conv_op(inputs[0], inputs[1])?;
            return self.emit_on_quantized(target, &op, &inputs);
        }
        self.constant(1)?;
        let mut inputs = vec![self.operand(0)?, self.operand(1)?];
        if !self.adds_nothing(2)? {
            inputs.push(self.operand(2)?);
        }
        let op = self.conv_op(inputs[0], inputs[1])?;
        self.emit(op, &inputs)
    }
}

//! Gather.

use fourfold_graph::{Gather, Op};

use crate::Error;
use crate::import::emission::node::Entry;

impl Entry<'_, '_> {
    pub(crate) fn gather(&mut self) -> Result<(), Error> {
        let axis = self.attributes(&["axis"])?.int("axis", 0)?;
        let indices = self.wide_operand(1)?;
        if let Some(shape) = self.importer.constants.shape(self.input(0).unwrap_or_default()) {
            let axis = self.axis(axis, shape.len(), false)?;
            if axis == 0
                && let Some(table) = self.table()?
            {
                return self.emit(Op::Gather(Gather { axis: 0 }), &[table, indices]);
            }
            if axis == 0
                && let Some((table, code, params)) = self.table_behind()?
            {
                return self.emit_fake(Op::Gather(Gather { axis: 0 }), &[table, indices], code, params);
            }
            if let Some((table, params)) = self.table_of_integers(axis, self.dims(indices).len())? {
                let quantized = self.emit_before("codes", Op::Gather(Gather { axis }), &[table, indices])?;
                return self.emit_dequantized(quantized, &params);
            }
        }
        let x = self.moved(0)?;
        let axis = self.axis(axis, self.dims(x.id()).len(), false)?;
        self.emit_moved_as(self.output(), Op::Gather(Gather { axis }), x, &[indices])
    }
}

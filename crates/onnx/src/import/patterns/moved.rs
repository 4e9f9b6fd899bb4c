//! Operators that only move or clamp elements, which stay on quantized values wherever their operand was dequantized:
//!
//! ```text
//! op(DequantizeLinear(x))                   ->   DequantizeLinear(op(x)), where nodes ask for floats alone
//! QuantizeLinear(op(DequantizeLinear(x)))   ->   op(x), with the same parameters
//! ```

use std::rc::Rc;

use fourfold_graph::{NewNode, Op, ValueId};
use fourfold_schemes::QuantParams;

use crate::Error;
use crate::import::emission::binding::{Binding, Dequantized, Source};
use crate::import::emission::node::Entry;
use crate::import::patterns::fake::FakeQuantized;

/// The operand of an operator that moves or clamps elements.
#[derive(Clone, Copy)]
pub(crate) enum Moved {
    /// Floats.
    Float(ValueId),
    /// Quantized values that the file treats as integers.
    Raw(ValueId),
    /// Quantized values that were dequantized.
    Dequantized(ValueId),
    /// Quantized values whose floats alone are in the graph.
    Fake(ValueId),
}

impl Moved {
    pub(crate) fn id(self) -> ValueId {
        match self {
            Moved::Float(id) | Moved::Raw(id) | Moved::Dequantized(id) | Moved::Fake(id) => id,
        }
    }
}

impl<'a> Entry<'_, 'a> {
    /// The operand of an operator that moves elements, quantized where it can be.
    pub(crate) fn moved(&mut self, index: usize) -> Result<Moved, Error> {
        match self.importer.patterns.fake(self.input(index).unwrap_or_default()) {
            Some(fake) if fake.is_per_tensor() => Ok(Moved::Fake(fake.float)),
            _ => self.clamped(index),
        }
    }

    /// The operand of an operator that moves or clamps elements and looks at them, quantized where it can be.
    pub(crate) fn clamped(&mut self, index: usize) -> Result<Moved, Error> {
        let name = self.input(index).unwrap_or_default();
        match self.importer.emission.dequantized(name) {
            Some(found @ Dequantized { source: Source::Value(id), .. }) if found.is_activation() => {
                return Ok(Moved::Dequantized(*id));
            }
            _ => {}
        }
        let id = self.any_operand(index)?;
        let is_quantized = self.ty(id).params().is_some();
        Ok(if is_quantized { Moved::Raw(id) } else { Moved::Float(id) })
    }

    /// Adds a node that moves or clamps elements. Quantized values stay quantized, and are dequantized when a node asks
    /// for floats.
    pub(crate) fn emit_moved(&mut self, op: Op, x: Moved) -> Result<(), Error> {
        self.emit_moved_as(self.output(), op, x, &[])
    }

    /// The same for an operator with further operands, or a node with several results.
    pub(crate) fn emit_moved_as(&mut self, output: &'a str, op: Op, x: Moved, more: &[ValueId]) -> Result<(), Error> {
        let with = |id: ValueId| [&[id], more].concat();
        let id = match x {
            Moved::Float(id) => return self.emit_as(output, op, &with(id)),
            Moved::Raw(id) => {
                self.expect_raw(&op, id)?;
                return self.emit_as(output, op, &with(id));
            }
            Moved::Dequantized(id) => id,
            Moved::Fake(id) => {
                let Some(fake) = self.importer.patterns.fake(self.input(0).unwrap_or_default()) else {
                    return self.emit_as(output, op, &with(id));
                };
                let fake = fake.clone();
                let name = self.importer.fresh_name(&format!("{output}.real"));
                let new = NewNode { name: &self.name, output: &name, op, inputs: &with(id), params: None };
                let float = self.importer.emission.add(new)?;
                return self.importer.bind_fake(output, FakeQuantized { float, quantized: None, ..fake });
            }
        };
        let params = self.ty(id).params().cloned();
        let target = self.target_behind(output, false)?.filter(|target| Some(target.params()) == params.as_ref());
        match (target, params) {
            (Some(target), _) => self.emit_on_quantized(target, &op, &with(id)),
            // Bounds may lie between quantized values.
            (None, Some(params)) if !matches!(op, Op::Clip(_)) => {
                let quantized = self.importer.fresh_name(&format!("{output}.codes"));
                let new = NewNode { name: &self.name, output: &quantized, op, inputs: &with(id), params: None };
                let quantized = Source::Value(self.importer.emission.add(new)?);
                let node = self.importer.fresh_name(&format!("{output}.dequantize"));
                self.importer.bind(output, Binding::Dequantized(Dequantized::new(node, quantized, Rc::new(params))))
            }
            _ => {
                let x = self.operand(0)?;
                self.emit_as(output, op, &with(x))
            }
        }
    }

    /// Adds a node that moves elements before this one, named after it; quantized values stay quantized.
    pub(crate) fn moved_before(&mut self, what: &str, op: Op, x: Moved) -> Result<Moved, Error> {
        let id = self.emit_before(what, op, &[x.id()])?;
        Ok(match x {
            Moved::Float(_) => Moved::Float(id),
            Moved::Raw(_) => Moved::Raw(id),
            Moved::Dequantized(_) => Moved::Dequantized(id),
            Moved::Fake(_) => Moved::Fake(id),
        })
    }

    /// Checks that an operator does the same to integers as to the floats that they stand for.
    fn expect_raw(&self, op: &Op, id: ValueId) -> Result<(), Error> {
        let zero_points = self.ty(id).params().map(QuantParams::zero_points);
        match op {
            Op::Relu if zero_points != Some(&[0]) => {
                Err(self.unsupported("a clamp at the quantized value 0, which does not stand for the number 0,"))
            }
            _ => Ok(()),
        }
    }
}

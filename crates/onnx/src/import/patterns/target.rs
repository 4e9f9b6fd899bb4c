//! Operators between DequantizeLinear and QuantizeLinear (QDQ), which run on quantized values:
//!
//! ```text
//! QuantizeLinear(Clip(Relu(op(DequantizeLinear(x), DequantizeLinear(w), ..))))   ->   op(x, w, ..)
//! ```
//!
//! Relu and Clip may be missing, and are absorbed by operators that fuse a clamp. Operators that only move elements stay
//! on quantized values without a QuantizeLinear behind them, too.

use std::rc::Rc;

use fourfold_graph::{Activation, NewNode, Op, OutputParams, ValueId};
use fourfold_schemes::QuantParams;

use crate::Error;
use crate::import::Importer;
use crate::import::emission::binding::{Binding, Dequantized, Source};
use crate::import::emission::node::Entry;
use crate::import::patterns::fake::FakeQuantized;
use crate::import::weights::quantized::Channels;

/// Where the quantized result of an operator goes, and the nodes that the operator absorbs on the way there.
pub(crate) struct Target<'a> {
    /// The name of the quantized result.
    output: &'a str,
    params: QuantParams,
    activation: Activation,
    absorbed: Vec<usize>,
}

impl Target<'_> {
    /// The parameters of the quantized result.
    pub(crate) fn params(&self) -> &QuantParams {
        &self.params
    }
}

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

impl<'a> Importer<'a> {
    /// A node of the file.
    pub(crate) fn at(&mut self, index: usize) -> Entry<'_, 'a> {
        let proto = &self.names.file().node[index];
        let name = if proto.name.is_empty() { format!("{}_{index}", proto.op_type) } else { proto.name.clone() };
        Entry { importer: self, proto, name }
    }
}

impl<'a> Entry<'_, 'a> {
    /// Where this node's quantized result goes, `None` if its first input was not dequantized or its result is not
    /// quantized.
    ///
    /// `fuses` says whether the operator can absorb a clamp.
    pub(crate) fn target(&mut self, fuses: bool) -> Result<Option<Target<'a>>, Error> {
        self.target_behind(self.output(), fuses)
    }

    /// The same for a result that an absorbed node makes.
    pub(crate) fn target_behind(&mut self, mut output: &'a str, fuses: bool) -> Result<Option<Target<'a>>, Error> {
        let name = self.input(0).unwrap_or_default();
        if !self.importer.emission.dequantized(name).is_some_and(Dequantized::is_activation) {
            return Ok(None);
        }
        let (mut bounds, mut absorbed) = ((f32::NEG_INFINITY, f32::INFINITY), Vec::new());
        loop {
            let Some(index) = self.importer.names.sole_reader(output) else { return Ok(None) };
            let node = &self.importer.names.file().node[index];
            if node.input.first().is_none_or(|input| input != output) {
                return Ok(None);
            }
            let mut reader = self.importer.at(index);
            let (min, max) = match node.op_type.as_str() {
                "QuantizeLinear" => {
                    let Some(params) = reader.quantizer()? else { return Ok(None) };
                    absorbed.push(index);
                    let (output, activation) = (reader.output(), activation(bounds));
                    return Ok(Some(Target { output, params, activation, absorbed }));
                }
                "Relu" if fuses => (0.0, f32::INFINITY),
                "Clip" if fuses => reader.clip_bounds()?,
                _ => return Ok(None),
            };
            bounds = (bounds.0.clamp(min, max), bounds.1.clamp(min, max));
            output = reader.output();
            absorbed.push(index);
        }
    }

    /// Adds a node on quantized values, and marks what it absorbs.
    pub(crate) fn emit_on_quantized(&mut self, target: Target<'a>, op: &Op, inputs: &[ValueId]) -> Result<(), Error> {
        let params = (op.kind().output_params() == OutputParams::Own).then_some(target.params);
        let op = op.with_activation(target.activation).unwrap_or_else(|| op.clone());
        target.absorbed.into_iter().for_each(|index| self.importer.names.absorb(index));
        self.emit_quantized(target.output, op, inputs, params)
    }

    /// Quantized operand, weight and bias, `None` if they were not dequantized or the graph has no such operator on
    /// quantized values.
    ///
    /// `channels` says where the output channels of the weight are.
    pub(crate) fn weighted(
        &mut self,
        channels: Channels,
        bias: Option<&'a str>,
    ) -> Result<Option<Vec<ValueId>>, Error> {
        let weight = self.input(1).and_then(|name| self.importer.emission.dequantized(name));
        let Some(Dequantized { source: Source::Constant(stored), params, .. }) = weight else { return Ok(None) };
        let (stored, params) = (*stored, Rc::clone(params));
        let Some(x) = self.quantized(0)? else { return Ok(None) };
        let Ok(weight) = self.quantized_weight(stored, &params, channels)? else { return Ok(None) };
        let mut inputs = vec![x, weight];
        if let Some(bias) = bias {
            let Some(bias) = self.quantized_bias(bias, x, weight, channels)? else { return Ok(None) };
            inputs.push(bias);
        }
        Ok(Some(inputs))
    }

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
        let target = self.target_behind(output, false)?.filter(|target| Some(&target.params) == params.as_ref());
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

/// The clamp with these bounds.
fn activation(bounds: (f32, f32)) -> Activation {
    match bounds {
        (f32::NEG_INFINITY, f32::INFINITY) => Activation::None,
        (0.0, f32::INFINITY) => Activation::Relu,
        (min, max) => Activation::Clamp { min, max },
    }
}

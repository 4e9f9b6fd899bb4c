//! Operators between DequantizeLinear and QuantizeLinear (QDQ), which run on quantized values:
//!
//! ```text
//! QuantizeLinear(Clip(Relu(op(DequantizeLinear(x), DequantizeLinear(w), ..))))   ->   op(x, w, ..)
//! ```
//!
//! Relu and Clip may be missing; operators that fuse a clamp absorb them.

use std::rc::Rc;

use fourfold_graph::{Activation, Op, OutputParams, ValueId};
use fourfold_schemes::QuantParams;

use crate::Error;
use crate::import::Importer;
use crate::import::emission::binding::{Dequantized, Source};
use crate::import::emission::node::Entry;
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
}

/// The clamp with these bounds.
fn activation(bounds: (f32, f32)) -> Activation {
    match bounds {
        (f32::NEG_INFINITY, f32::INFINITY) => Activation::None,
        (0.0, f32::INFINITY) => Activation::Relu,
        (min, max) => Activation::Clamp { min, max },
    }
}

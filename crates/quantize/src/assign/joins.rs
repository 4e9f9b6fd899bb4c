//! Sums and joins whose result needs one scale that an operand is too small for.

use fourfold_graph::{Graph, Node, OpKind, OutputParams, ValueId};
use fourfold_schemes::QuantParams;

use super::{Assignment, activations};
use crate::Error;

/// An operand of a join keeps at least 16 of its 256 values, about 4 bits.
const COARSER_IN_JOINS: f32 = 16.0;

/// An operand of a sum spans at least one scale of the sum: a smaller one would be lost.
const COARSER_IN_SUMS: f32 = 256.0;

impl Assignment {
    /// The assignment without the sums and joins that lose an operand to the scale of the result, now that parameters
    /// are known, and without what reads their results and would need the same scale.
    ///
    /// Nothing has to be observed anew: the results that are quantized all the same have parameters of their own.
    ///
    /// # Errors
    ///
    /// Those of `params`, which gives the parameters of observed values.
    pub(crate) fn without_lossy_joins(
        &self,
        graph: &Graph,
        params: impl Fn(ValueId) -> Result<QuantParams, Error>,
    ) -> Result<Self, Error> {
        let mut settled = self.clone();
        let count = graph.values().len();
        let mut scales = Scales { params, scales: vec![None; count] };
        // Values that one scale does not hold.
        let mut apart = vec![false; count];
        for (node, decision) in graph.nodes().iter().zip(&mut settled.nodes) {
            if decision.is_err() {
                continue;
            }
            let output = node.output().index();
            let shares = node.op().kind().output_params() == OutputParams::Shared;
            let reason = match activations(node).find(|id| apart[id.index()]) {
                Some(id) => {
                    apart[output] = shares;
                    Some(format!("one scale does not hold `{}`, which it reads", graph.value(id).name()))
                }
                None => {
                    let lost = scales.lost_operand(graph, node)?;
                    apart[output] = lost.is_some();
                    lost.map(|id| {
                        let name = graph.value(id).name();
                        format!("the scale of its result is too coarse for its operand `{name}`")
                    })
                }
            };
            match reason {
                Some(reason) => {
                    *decision = Err(reason);
                    settled.quantized[output] = false;
                }
                None if shares => scales.scales[output] = Some(scales.of(node.inputs()[0])?),
                None => {}
            }
        }
        Ok(settled)
    }
}

/// The scales of quantized values.
struct Scales<P> {
    params: P,
    /// Of the values that share the parameters of another.
    scales: Vec<Option<f32>>,
}

impl<P: Fn(ValueId) -> Result<QuantParams, Error>> Scales<P> {
    fn of(&self, id: ValueId) -> Result<f32, Error> {
        match self.scales[id.index()] {
            Some(scale) => Ok(scale),
            None => Ok((self.params)(id)?.scales()[0].get()),
        }
    }

    /// The operand of a sum or join, neither constant nor zero in all samples, for which the scale of the result is too
    /// coarse.
    fn lost_operand(&self, graph: &Graph, node: &Node) -> Result<Option<ValueId>, Error> {
        let limit = match node.op().kind() {
            OpKind::Concat => COARSER_IN_JOINS,
            OpKind::Add => COARSER_IN_SUMS,
            _ => return Ok(None),
        };
        let scale = self.of(node.output())?;
        for id in activations(node).filter(|&id| graph.value(id).constant().is_none()) {
            let own = self.of(id)?;
            // The smallest scale there is means a range of zeros, which any scale holds.
            if own > f32::EPSILON && scale > limit * own {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

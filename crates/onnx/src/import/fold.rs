//! Nodes whose operands are all constant are computed while the model is read.
//!
//! Such a node is imported into a graph of its own, which is evaluated on products with defined bits, so that a file
//! gives the same graph on every CPU. A budget keeps a small file from becoming a large graph or a long wait; beyond it
//! nodes stay in the graph, and are computed when it runs.

use std::collections::HashMap;

use fourfold_graph::{ErrorKind, Graph, Limits, OutputParams, ValueId};
use fourfold_runtime::{Constant, Evaluation, evaluate};
use fourfold_tensor::Tensor;

use super::Importer;
use super::emission::node::Entry;
use crate::Error;

/// The largest number of elements that are read and made for one model.
const ELEMENTS: u64 = 1 << 24;

/// The largest number of multiplications for one node.
const MULTIPLICATIONS: u64 = 1 << 28;

impl<'a> Entry<'_, 'a> {
    /// Computes the node if all its operands are constant.
    pub(super) fn fold(&mut self) -> Result<bool, Error> {
        let names = self.proto.input.iter().map(String::as_str).filter(|name| !name.is_empty());
        let mut operands = Vec::new();
        // Reading counts too: many nodes may read one large constant.
        let mut elements = self.importer.constants.folded_elements();
        for name in names {
            let Some(tensor) = self.importer.constants.stored(name) else { return Ok(false) };
            elements = elements.saturating_add(tensor.len() as u64);
            if elements > ELEMENTS {
                return Ok(false);
            }
            operands.push((name, tensor.clone()));
        }
        let outputs: Vec<&'a str> =
            self.proto.output.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        if operands.is_empty() || !self.is_foldable() {
            return Ok(false);
        }
        let Some(graph) = self.alone(operands, &outputs)? else { return Ok(false) };
        let statistics = graph.statistics();
        let sizes = graph.outputs().iter().map(|&id| graph.value(id).ty().fixed_shape());
        let Some(sizes) = sizes.collect::<Option<Vec<_>>>() else { return Ok(false) };
        let made =
            sizes.iter().map(|sizes| sizes.iter().fold(1_u64, |product, &size| product.saturating_mul(size as u64)));
        let elements = made.fold(elements, u64::saturating_add);
        if elements > ELEMENTS || statistics.macs > MULTIPLICATIONS {
            return Ok(false);
        }
        self.importer.constants.set_folded_elements(elements);
        let Some(tensors) = self.computed_alone(&graph)? else { return Ok(false) };
        for (name, tensor) in outputs.into_iter().zip(tensors) {
            self.importer.bind_constant(name, tensor)?;
        }
        Ok(true)
    }

    /// Whether the operator takes numbers that stand for themselves and gives such.
    fn is_foldable(&self) -> bool {
        let op = self.proto.op_type.as_str();
        let is_quantized = op.contains("uant") || op.contains("QLinear") || op.contains("Integer") || op == "QGemm";
        !is_quantized && !matches!(op, "Transpose" | "LSTM" | "GRU" | "RNN")
    }

    /// The graph of the node alone, `None` if it is too large to be computed now.
    fn alone(&self, operands: Vec<(&'a str, Tensor)>, outputs: &[&'a str]) -> Result<Option<Graph>, Error> {
        match self.imported_alone(operands, outputs) {
            Ok(graph) => Ok(Some(graph)),
            Err(error) if error.kind() == ErrorKind::Limit => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn imported_alone(&self, operands: Vec<(&'a str, Tensor)>, outputs: &[&'a str]) -> Result<Graph, Error> {
        let Importer { names, constants, .. } = &*self.importer;
        let limits = Limits { elements: ELEMENTS.min(constants.limits().elements), ..constants.limits().clone() };
        let mut rooms = Importer::of(names.of_one_node(outputs), &limits, constants.border(), &self.name);
        for (name, tensor) in operands {
            if !rooms.emission.is_bound(name) {
                rooms.bind_stored(name, tensor)?;
            }
        }
        let mut entry = Entry { importer: &mut rooms, proto: self.proto, name: self.name.clone() };
        entry.check()?;
        entry.import().map_err(|error| entry.refused(error))?;
        for name in outputs {
            let id = rooms.value(name)?.ok_or_else(|| self.invalid(format!("does not make its output `{name}`")))?;
            rooms.emission.output(id);
        }
        rooms.emission.finish()
    }

    /// The results of the node, `None` if they take more memory than there is.
    fn computed_alone(&self, graph: &Graph) -> Result<Option<Vec<Tensor>>, Error> {
        match evaluated(graph, self.importer.constants.limits()) {
            Ok(tensors) => Ok(Some(tensors)),
            Err(error) if error.kind() == ErrorKind::Limit => Ok(None),
            Err(error) => Err(self.invalid(format!("cannot be computed: {error}"))),
        }
    }
}

/// The outputs of a graph without inputs.
fn evaluated(graph: &Graph, limits: &Limits) -> Result<Vec<Tensor>, fourfold_runtime::Error> {
    let mut known: HashMap<ValueId, Constant> = HashMap::new();
    for id in graph.value_ids() {
        if let Some(tensor) = graph.value(id).constant() {
            known.insert(id, Constant { tensor: tensor.clone(), params: graph.value(id).ty().params().cloned() });
        }
    }
    for node in graph.nodes() {
        let operands: Vec<Constant> = node.inputs().iter().map(|id| known[id].clone()).collect();
        let result = node.output();
        let is_own = node.op().kind().output_params() == OutputParams::Own;
        let params = graph.value(result).ty().params().filter(|_| is_own);
        let (name, op, operands) = (node.name(), node.op(), &operands[..]);
        let evaluation = Evaluation { name, op, operands, params, limits, max_macs: MULTIPLICATIONS };
        known.insert(result, evaluate(&evaluation)?);
    }
    Ok(graph.outputs().iter().map(|id| known[id].tensor.clone()).collect())
}

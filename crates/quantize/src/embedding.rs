//! Quantized tables of embeddings.

use std::collections::HashMap;

use fourfold_graph::{Gather, Graph, NewNode, Node, Op, OpKind, ValueId};
use fourfold_observers::{Observer, PerChannelMinMax};
use fourfold_schemes::{Scheme, quantize};
use fourfold_tensor::{DType, Tensor};

use crate::rewrite::Rewrite;
use crate::{Error, QConfig, QConfigMapping, Quantized, quantize_dynamic_with};

/// Quantizes the tables of embeddings alone, row by row: [`QConfig::float_qparams_weight_only`] to 8 bits,
/// [`QConfig::float_qparams_weight_only_4bit`] to 4, two values in a byte of a file. The rest of the graph stays as it
/// is.
///
/// A table is a constant `[rows, ..]` from which nothing but Gather chooses rows. The rows that are chosen are
/// dequantized while running, equation (1). Every row has a scale and a zero point:
///
/// ```text
/// lo = min(row, 0)                hi = max(row, 0)
/// scale = (hi - lo) / q_max       zero_point = round_half_even(-lo / scale)       q_max = 255 or 15
/// ```
///
/// PyTorch's zero points are floats, and its range is that of the row alone; here the range holds 0, so that padding
/// stays 0 and the parameters are those of every other tensor. The error is at most half a scale.
///
/// For a mapping that quantizes tables and linear layers at once, see [`quantize_dynamic_with`].
///
/// # Errors
///
/// [`Error::Config`] if the configuration is not one of the two, and the errors of [`quantize_dynamic_with`].
pub fn quantize_embedding(graph: &Graph, qconfig: QConfig) -> Result<Quantized, Error> {
    if qconfig.weight.scheme.rows().is_none() {
        let reason = "is not for tables of embeddings; choose `float_qparams_8` or `float_qparams_4`";
        return Err(Error::Config { part: "weight scheme", reason });
    }
    quantize_dynamic_with(graph, QConfigMapping::default().set_object_type(OpKind::Gather, qconfig))
}

/// What is known of the tables of a float graph.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// Those that are quantized already, by their configuration.
    quantized: HashMap<(ValueId, i32), ValueId>,
    /// Whether another operator than Gather reads them.
    is_shared: HashMap<ValueId, bool>,
}

impl Tables {
    /// Adds a node with its table quantized.
    pub(crate) fn quantize(&mut self, rewrite: &mut Rewrite<'_>, node: &Node, scheme: Scheme) -> Result<(), Error> {
        let (graph, id) = (rewrite.source, node.inputs()[0]);
        let key = (id, scheme.quant_max);
        let table = match self.quantized.get(&key) {
            Some(&table) => table,
            None => {
                let at_node = |source| Error::Weight { node: node.name().to_owned(), source };
                let missing = fourfold_graph::Error::UnknownValue { index: id.index(), count: graph.values().len() };
                let table = graph.value(id).constant().ok_or(missing)?;
                let mut observer = PerChannelMinMax::new(0);
                observer.observe(table).map_err(at_node)?;
                let params = observer.params(&scheme).map_err(at_node)?;
                let name = rewrite.builder.unique_name(graph.value(id).name());
                let quantized = rewrite.builder.quantized_constant(&name, quantize(table, &params)?, params)?;
                self.quantized.insert(key, quantized);
                quantized
            }
        };
        let inputs = [table, rewrite.get(node.inputs()[1])?];
        let (name, output, op) = (node.name(), graph.value(node.output()).name(), node.op().clone());
        let new = rewrite.builder.add(NewNode { name, output, op, inputs: &inputs, params: None })?;
        rewrite.set(node.output(), new);
        Ok(())
    }

    /// Why the operand of a Gather is not a table of embeddings; nothing if it is one.
    pub(crate) fn check(&mut self, graph: &Graph, node: &Node) -> Result<(), String> {
        let id = node.inputs()[0];
        let table = graph.value(id);
        let is_table = table.constant().is_some_and(|table| table.dtype() == DType::F32 && !table.shape().is_empty());
        if *node.op() != (Op::Gather(Gather { axis: 0 })) || !is_table {
            return Err("it does not choose rows of a constant table".to_owned());
        }
        if table.constant().is_some_and(Tensor::is_empty) {
            return Err("its table has no elements".to_owned());
        }
        // The readers are looked at once, however many of them choose rows.
        let is_shared = self.is_shared.entry(id).or_insert_with(|| {
            let is_other = |reader: &Node| *reader.op() != (Op::Gather(Gather { axis: 0 })) || reader.inputs()[1] == id;
            graph.is_output(id) || graph.consumers(id).any(is_other)
        });
        if *is_shared {
            return Err("its table is read by other operators too, for which it would have to be kept".to_owned());
        }
        Ok(())
    }
}

//! Dynamic quantization: weights ahead of time, activations while running.

use std::collections::HashMap;

use fourfold_graph::{Conv, Graph, Linear, NewNode, Node, Op, OpKind, Recurrent, ValueId};
use fourfold_schemes::Scheme;
use fourfold_tensor::DType;

use crate::assign::check_weight;
use crate::embedding::Tables;
use crate::rewrite::Rewrite;
use crate::weight::Weight;
use crate::{Decision, Error, Layer, Observed, QConfig, QConfigMapping, Quantized};

/// Quantizes the weights of all nodes of the given operators (PyTorch's `quantize_dynamic`), as [`QConfig::fourfold`]
/// says.
///
/// # Errors
///
/// [`Error::NotDynamic`] for operators other than Linear, Conv, Lstm, Gru and Rnn and types other than `i8`,
/// [`Error::AlreadyQuantized`], and [`Error::Weight`] if a weight is not finite.
pub fn quantize_dynamic(graph: &Graph, kinds: &[OpKind], dtype: DType) -> Result<Quantized, Error> {
    match kinds.iter().find(|kind| !kind.has_dynamic() || dtype != DType::I8) {
        Some(&kind) => Err(Error::NotDynamic { kind, dtype }),
        None => {
            let rules = kinds
                .iter()
                .fold(QConfigMapping::default(), |rules, &kind| rules.set_object_type(kind, QConfig::fourfold()));
            quantize_dynamic_with(graph, rules)
        }
    }
}

/// Quantizes the weights of all nodes that a mapping configures and that can run with float operands: linear and
/// recurrent layers, convolutions that a rule names or whose operator it names (PyTorch leaves them float; a scheme by
/// rows gives each image parameters of its own), and tables of embeddings where the configuration's weights are for
/// them (see [`quantize_embedding`](crate::quantize_embedding)).
///
/// # Errors
///
/// As [`quantize_dynamic`], and [`Error::Config`].
pub fn quantize_dynamic_with(graph: &Graph, qconfig: impl Into<QConfigMapping>) -> Result<Quantized, Error> {
    if graph.is_quantized() {
        return Err(Error::AlreadyQuantized);
    }
    let mapping = qconfig.into();
    mapping.check_dynamic()?;
    let named = mapping.clone().set_global(None);
    let (order, named_order) = (mapping.ordered(graph), named.ordered(graph));
    let (mut tables, mut weights) = (Tables::default(), Weights::default());
    let mut rewrite = Rewrite::new(graph)?;
    let mut layers = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        let operator = node.op().kind();
        let form = match node.op() {
            Op::Conv(_) => named
                .get(&named_order, node)
                .map_err(|_| NOT_NAMED.to_owned())
                .and_then(|qconfig| Form::of_layer(graph, node, qconfig)),
            Op::Gather(_) => mapping.get(&order, node).and_then(|qconfig| {
                let scheme = qconfig.weight.scheme.rows().ok_or("its configuration is not for tables of embeddings")?;
                tables.check(graph, node).map(|()| Form::Table(scheme))
            }),
            _ if operator.has_dynamic() => {
                mapping.get(&order, node).and_then(|qconfig| Form::of_layer(graph, node, qconfig))
            }
            _ => Err(format!("{operator} has no dynamic form")),
        };
        let (decision, reason) = match form {
            Ok(form) => {
                match form {
                    Form::Layer(qconfig) => weights.quantize(&mut rewrite, node, qconfig)?,
                    Form::Table(scheme) => tables.quantize(&mut rewrite, node, scheme)?,
                }
                (Decision::Dynamic, String::new())
            }
            Err(reason) => {
                rewrite.copy(node)?;
                (Decision::Float, reason)
            }
        };
        if !graph.is_conversion(node) {
            let value = graph.value(node.output()).name().to_owned();
            layers.push(Layer { name: node.name().to_owned(), operator, value, decision, reason });
        }
    }
    Ok(Quantized { graph: rewrite.finish()?, layers })
}

/// Why a convolution that only the configuration for everything covers stays float, as it does in PyTorch.
const NOT_NAMED: &str = "convolutions are quantized while running only where a rule names them or their operator";

/// What becomes of a node.
enum Form<'a> {
    Layer(&'a QConfig),
    Table(Scheme),
}

impl<'a> Form<'a> {
    fn of_layer(graph: &Graph, node: &Node, qconfig: &'a QConfig) -> Result<Self, String> {
        check_weight(graph, node)?;
        match qconfig.weight.scheme.rows() {
            None => Ok(Form::Layer(qconfig)),
            Some(_) => Err("its configuration is for tables of embeddings".to_owned()),
        }
    }
}

/// The weights that are quantized already, by the values of the float graph and the number of their parts, each with
/// its configuration: a layer that is applied again, as a cell is at every step, has them once.
#[derive(Debug, Default)]
struct Weights(HashMap<(ValueId, usize), Vec<(Observed, ValueId)>>);

impl Weights {
    /// Adds a node that is to run with quantized weights and float operands.
    fn quantize(&mut self, rewrite: &mut Rewrite<'_>, node: &Node, qconfig: &QConfig) -> Result<(), Error> {
        let dynamic = Some(qconfig.dynamic);
        // The number of weights, and of those that each is made of.
        let (op, weights, parts) = match node.op() {
            Op::Linear(linear) => (Op::Linear(Linear { dynamic, ..linear.clone() }), 1, 1),
            Op::Conv(conv) => (Op::Conv(Conv { dynamic, ..conv.clone() }), 1, 1),
            Op::Recurrent(layer) => (Op::Recurrent(Recurrent { dynamic, ..layer.clone() }), 2, layer.direction.count()),
            _ => return rewrite.copy(node),
        };
        let mut inputs = Vec::with_capacity(node.inputs().len());
        for (index, &operand) in node.inputs().iter().enumerate() {
            inputs.push(match (1..=weights).contains(&index) {
                true => self.quantized(rewrite, node, (index, parts), &qconfig.weight)?,
                false => rewrite.get(operand)?,
            });
        }
        let output = rewrite.source.value(node.output()).name();
        let new = rewrite.builder.add(NewNode { name: node.name(), output, op, inputs: &inputs, params: None })?;
        rewrite.set(node.output(), new);
        Ok(())
    }

    /// A weight of a node, quantized.
    fn quantized(
        &mut self,
        rewrite: &mut Rewrite<'_>,
        node: &Node,
        (index, parts): (usize, usize),
        config: &Observed,
    ) -> Result<ValueId, Error> {
        let operand = node.inputs()[index];
        let made = self.0.entry((operand, parts)).or_default();
        if let Some((_, quantized)) = made.iter().find(|(other, _)| other == config) {
            return Ok(*quantized);
        }
        let weight = Weight::of_parts(rewrite.source, node, index, parts, config)?;
        let name = rewrite.builder.unique_name(rewrite.source.value(operand).name());
        let quantized = rewrite.builder.quantized_constant(&name, weight.quantized, weight.params)?;
        made.push((*config, quantized));
        Ok(quantized)
    }
}

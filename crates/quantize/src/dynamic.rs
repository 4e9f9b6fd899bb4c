//! Dynamic quantization: weights ahead of time, activations while running.

use fourfold_graph::{Graph, Linear, NewNode, Node, Op, OpKind};
use fourfold_schemes::Scheme;
use fourfold_tensor::DType;

use crate::embedding::{Tables, check_table};
use crate::rewrite::Rewrite;
use crate::weight::Weight;
use crate::{Decision, Error, Layer, QConfig, QConfigMapping, Quantized};

/// Quantizes the weights of all nodes of the given operators (PyTorch's `quantize_dynamic`), as [`QConfig::fourfold`] says.
///
/// # Errors
///
/// [`Error::NotDynamic`] for operators other than Linear and types other than `i8`, [`Error::AlreadyQuantized`], and
/// [`Error::Weight`] if a weight is not finite.
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

/// Quantizes the weights of all nodes that a mapping configures and that can run with real operands: linear layers, and tables of
/// embeddings where the configuration's weights are for them (see [`quantize_embedding`](crate::quantize_embedding)).
///
/// # Errors
///
/// As [`quantize_dynamic`], and [`Error::Config`].
pub fn quantize_dynamic_with(graph: &Graph, qconfig: impl Into<QConfigMapping>) -> Result<Quantized, Error> {
    if graph.is_quantized() {
        return Err(Error::AlreadyQuantized);
    }
    let mapping = qconfig.into();
    let others = |qconfig: &&QConfig| qconfig.weight.scheme.rows().is_none();
    mapping.qconfigs().filter(others).try_for_each(QConfig::check_dynamic)?;
    let mut tables = Tables::default();
    let mut rewrite = Rewrite::new(graph)?;
    let mut layers = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        let operator = node.op().kind();
        let form = match node.op() {
            Op::Linear(linear) => mapping.get(graph, node).and_then(|qconfig| Form::of_layer(linear, qconfig)),
            Op::Gather { .. } => mapping.get(graph, node).and_then(|qconfig| Form::of_table(graph, node, qconfig)),
            _ => Err(format!("{operator} has no dynamic form")),
        };
        let (decision, reason) = match form {
            Ok(form) => {
                match form {
                    Form::Layer(linear, qconfig) => quantize_linear(&mut rewrite, node, linear, qconfig)?,
                    Form::Table(scheme) => tables.quantize(&mut rewrite, node, scheme)?,
                }
                (Decision::Dynamic, String::new())
            }
            Err(reason) => {
                rewrite.copy(node)?;
                (Decision::Float, reason)
            }
        };
        let value = graph.value(node.output()).name().to_owned();
        layers.push(Layer { name: node.name().to_owned(), operator, value, decision, reason });
    }
    Ok(Quantized { graph: rewrite.finish()?, layers })
}

/// What becomes of a node.
enum Form<'a> {
    Layer(&'a Linear, &'a QConfig),
    Table(Scheme),
}

impl<'a> Form<'a> {
    fn of_layer(linear: &'a Linear, qconfig: &'a QConfig) -> Result<Self, String> {
        match qconfig.weight.scheme.rows() {
            None => Ok(Form::Layer(linear, qconfig)),
            Some(_) => Err("its configuration is for tables of embeddings".to_owned()),
        }
    }

    fn of_table(graph: &Graph, node: &Node, qconfig: &QConfig) -> Result<Self, String> {
        let scheme = qconfig.weight.scheme.rows().ok_or("its configuration is not for tables of embeddings")?;
        check_table(graph, node)?;
        Ok(Form::Table(scheme))
    }
}

fn quantize_linear(rewrite: &mut Rewrite<'_>, node: &Node, linear: &Linear, qconfig: &QConfig) -> Result<(), Error> {
    let graph = rewrite.source;
    let weight = Weight::new(graph, node, &qconfig.weight)?;
    let mut inputs = vec![rewrite.get(node.inputs()[0])?];
    let name = rewrite.builder.unique_name(graph.value(node.inputs()[1]).name());
    inputs.push(rewrite.builder.quantized_constant(&name, weight.codes, weight.params)?);
    for &bias in &node.inputs()[2..] {
        inputs.push(rewrite.get(bias)?);
    }
    let op = Op::Linear(Linear { dynamic: Some(qconfig.dynamic), ..linear.clone() });
    let output = graph.value(node.output()).name();
    let new = rewrite.builder.add(NewNode { name: node.name(), output, op, inputs: &inputs, params: None })?;
    rewrite.set(node.output(), new);
    Ok(())
}

//! Which nodes are quantized.

mod demand;
mod joins;

use std::collections::{HashMap, HashSet};

use fourfold_graph::{Dim, Graph, Node, Op, OpKind, OutputParams, ValueId};
use fourfold_schemes::{QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use crate::mapping::Ordered;
use crate::{Observed, QConfig, QConfigMapping};

/// The largest number of products of an activation and a weight in one sum that fits `i32`, whatever the values
/// are.
const EXACT_DEPTH: usize = 65_793;

/// The same of two activations.
const EXACT_DEPTH_OF_ACTIVATIONS: usize = 33_025;

/// What was decided about the nodes and values of a float graph.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    /// For every node: its configuration if it is quantized, or why not.
    pub(crate) nodes: Vec<Result<QConfig, String>>,
    /// For every value: whether it is quantized.
    pub(crate) quantized: Vec<bool>,
    /// The values that need parameters of their own, each with what watches it.
    pub(crate) observed: Vec<(ValueId, Observed)>,
    /// Single numbers that are quantized where they meet quantized values, with their parameters.
    pub(crate) numbers: HashMap<ValueId, QuantParams>,
}

impl Assignment {
    /// Decides about every node.
    pub(crate) fn new(graph: &Graph, mapping: &QConfigMapping) -> Self {
        let count = graph.values().len();
        let has_stubs = graph.nodes().iter().any(|node| *node.op() == Op::QuantStub);
        let ordered = mapping.ordered(graph);
        let demanded = demand::demand(graph, |node| mapping.get(&ordered, node).is_ok());
        let (inside, quantized) = (vec![false; count], vec![false; count]);
        let mut assigner = Assigner { graph, mapping, ordered, has_stubs, demanded, inside, quantized };
        let (mut observed, mut is_observed, mut numbers) = (Vec::new(), vec![false; count], HashMap::new());
        let mut nodes = Vec::with_capacity(graph.nodes().len());
        for node in graph.nodes() {
            let decision = assigner.decide(node);
            if let Ok(qconfig) = decision {
                let operands = activations(node).filter(|id| !assigner.quantized[id.index()]);
                let own = node.op().kind().output_params() == OutputParams::Own;
                let borders = operands.filter(|_| *node.op() != Op::QuantStub);
                for id in borders.chain(own.then_some(node.output())).collect::<Vec<_>>() {
                    if let Some(constant) = graph.value(id).constant() {
                        if let Some(params) = number(constant, &qconfig) {
                            numbers.entry(id).or_insert(params);
                        }
                    } else if !core::mem::replace(&mut is_observed[id.index()], true) {
                        let maker = graph.value(id).producer().map(|node| graph.node(node).op().kind());
                        let config = qconfig.activation;
                        observed.push((id, maker.map_or(config, |kind| config.of_results(kind))));
                    }
                }
                assigner.quantized[node.output().index()] = true;
            }
            nodes.push(decision);
        }
        Self { nodes, quantized: assigner.quantized, observed, numbers }
    }
}

impl Assignment {
    /// The inputs of the graph whose elements are quantized, be it after they are moved.
    pub(crate) fn quantized_inputs(&self, graph: &Graph) -> HashSet<ValueId> {
        let mut sources: Vec<ValueId> = graph.value_ids().collect();
        let keeps =
            |node: &&Node| node.op().kind().output_params() == OutputParams::Shared || graph.is_conversion(node);
        for node in graph.nodes().iter().filter(keeps) {
            sources[node.output().index()] = sources[node.inputs()[0].index()];
        }
        let inputs: HashSet<ValueId> = graph.inputs().iter().copied().collect();
        self.observed.iter().map(|(id, _)| sources[id.index()]).filter(|id| inputs.contains(id)).collect()
    }
}

struct Assigner<'g> {
    graph: &'g Graph,
    mapping: &'g QConfigMapping,
    ordered: Ordered<'g>,
    has_stubs: bool,
    /// For every value: whether a product reads it, directly or not.
    demanded: Vec<bool>,
    /// For every value: whether it lies between a QuantStub and a DeQuantStub.
    inside: Vec<bool>,
    quantized: Vec<bool>,
}

impl Assigner<'_> {
    fn decide(&mut self, node: &Node) -> Result<QConfig, String> {
        let kind = node.op().kind();
        let mut operands = activations(node);
        let inside = match kind {
            OpKind::QuantStub => true,
            OpKind::DeQuantStub => false,
            _ => operands.any(|id| self.inside[id.index()]),
        };
        self.inside[node.output().index()] = inside;
        if kind == OpKind::DeQuantStub {
            return Err("marks the end of quantization".to_owned());
        }
        if self.has_stubs && !inside {
            return Err("outside the stubs".to_owned());
        }
        self.suits(node)?;
        let qconfig = *self.mapping.get(&self.ordered, node)?;
        if is_weighted(kind) {
            check_weight(self.graph, node)?;
            let weight = self.graph.value(node.inputs()[1]).ty();
            let sizes = weight.dims().iter().map(|dim| dim.fixed().unwrap_or(0));
            let depth = match node.op() {
                Op::ConvTranspose(conv) => {
                    let axes = sizes.enumerate().filter(|(axis, _)| *axis != 1);
                    axes.map(|(_, size)| size).product::<usize>() / conv.groups.max(1)
                }
                _ => sizes.skip(1).product(),
            };
            check_depth(depth, EXACT_DEPTH)?;
        }
        Ok(qconfig)
    }

    /// Whether quantized values suit the node among its neighbours, or why not.
    fn suits(&self, node: &Node) -> Result<(), String> {
        let kind = node.op().kind();
        let (mut operands, is_constant) = (activations(node), |id: ValueId| self.graph.value(id).constant());
        let any_quantized = operands.clone().any(|id| self.quantized[id.index()]);
        match kind.output_params() {
            OutputParams::Float => return Err(format!("{kind} runs in floats only")),
            OutputParams::Shared if !any_quantized => return Err("its operand is not quantized".to_owned()),
            OutputParams::Own if !is_weighted(kind) && kind != OpKind::QuantStub && !any_quantized => {
                return Err("no operand is quantized, and it has no weight".to_owned());
            }
            OutputParams::Shared => return Ok(()),
            OutputParams::Own => {}
        }
        if operands.clone().filter_map(is_constant).any(|constant| scale_of(constant).is_none()) {
            return Err("an operand is constant, and not a single number".to_owned());
        }
        match kind {
            OpKind::MatMul => {
                let depth = self.graph.value(node.inputs()[0]).ty().dims().last().and_then(Dim::fixed);
                check_depth(depth.unwrap_or(0), EXACT_DEPTH_OF_ACTIVATIONS)
            }
            OpKind::Sub | OpKind::Mul
                if operands.any(|id| !self.quantized[id.index()] && is_constant(id).is_none()) =>
            {
                Err("an operand is not quantized".to_owned())
            }
            _ if costs_no_more_in_float(node.op()) && !self.demanded[node.output().index()] => {
                Err("no product reads its result".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Whether int8 pays for the operator only where a product reads the result.
fn costs_no_more_in_float(op: &Op) -> bool {
    matches!(op, Op::Unary(_) | Op::Binary(_) | Op::Add(_) | Op::Concat(_))
}

/// A single number and the scale that makes it 1, -1 or 0; `None` if it is not single, or neither normal nor 0.
fn scale_of(constant: &Tensor) -> Option<(f32, Scale)> {
    match constant.as_slice::<f32>() {
        Ok([0.0]) => Some((0.0, Scale::ONE)),
        Ok(&[number]) => Some((number, Scale::new(number.abs()).ok()?)),
        _ => None,
    }
}

/// Parameters in which a single number is quantized exactly.
fn number(constant: &Tensor, qconfig: &QConfig) -> Option<QuantParams> {
    let ((number, scale), dtype) = (scale_of(constant)?, qconfig.activation.scheme.quantized().ok()?.dtype);
    let zero_point = i32::from(dtype == DType::U8 && number < 0.0);
    QuantParams::per_tensor(dtype, dtype.byte_range()?, scale, zero_point).ok()
}

/// Why the weight of a node cannot be quantized, if it cannot.
pub(crate) fn check_weight(graph: &Graph, node: &Node) -> Result<(), String> {
    match graph.value(node.inputs()[1]).constant() {
        Some(weight) if weight.is_empty() => Err("its weight has no elements".to_owned()),
        _ => Ok(()),
    }
}

fn check_depth(depth: usize, limit: usize) -> Result<(), String> {
    if depth > limit { Err(format!("sums of {depth} products can leave the range of i32")) } else { Ok(()) }
}

/// Whether the operator multiplies by a constant weight.
pub(crate) fn is_weighted(kind: OpKind) -> bool {
    has_rows(kind) || kind == OpKind::ConvTranspose
}

/// Whether the operator multiplies by a constant weight `[out, ...]`.
pub(crate) fn has_rows(kind: OpKind) -> bool {
    matches!(kind, OpKind::Conv | OpKind::Linear)
}

/// The operands that are computed or given at run time, and constants instead of them.
pub(crate) fn activations(node: &Node) -> impl Iterator<Item = ValueId> + Clone + use<'_> {
    let count = match node.op().kind() {
        kind if is_weighted(kind) => 1,
        // The others are indices of elements.
        OpKind::Gather | OpKind::GatherElements => 1,
        _ => node.inputs().len(),
    };
    node.inputs()[..count].iter().copied()
}

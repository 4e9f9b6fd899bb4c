//! Which nodes run on codes.

use fourfold_graph::{Dim, Graph, Node, Op, OpKind, OutputParams, ValueId};

use crate::{Observed, QConfig, QConfigMapping};

/// The largest number of products in one sum that fits `i32` whatever the codes are.
const EXACT_DEPTH: usize = 65_793;

/// What was decided about the nodes and values of a float graph.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    /// For every node: its configuration if it runs on codes, or why not.
    pub(crate) nodes: Vec<Result<QConfig, String>>,
    /// For every value: whether it is made as codes.
    pub(crate) codes: Vec<bool>,
    /// The values that need parameters of their own, each with what watches it.
    pub(crate) observed: Vec<(ValueId, Observed)>,
}

impl Assignment {
    /// Decides about every node.
    pub(crate) fn new(graph: &Graph, mapping: &QConfigMapping) -> Self {
        let count = graph.values().len();
        let has_stubs = graph.nodes().iter().any(|node| *node.op() == Op::QuantStub);
        let mut assigner =
            Assigner { graph, mapping, has_stubs, inside: vec![false; count], codes: vec![false; count] };
        let mut observed: Vec<(ValueId, Observed)> = Vec::new();
        let mut nodes = Vec::with_capacity(graph.nodes().len());
        for node in graph.nodes() {
            let decision = assigner.decide(node);
            if let Ok(qconfig) = decision {
                let operands = activations(node).filter(|id| !assigner.codes[id.index()]);
                let own = node.op().kind().output_params() == OutputParams::Own;
                let borders = operands.filter(|_| *node.op() != Op::QuantStub);
                for id in borders.chain(own.then_some(node.output())).collect::<Vec<_>>() {
                    if !observed.iter().any(|(known, _)| *known == id) {
                        let maker = graph.value(id).producer().map(|node| graph.node(node).op().kind());
                        let config = qconfig.activation;
                        observed.push((id, maker.map_or(config, |kind| config.of_results(kind))));
                    }
                }
                assigner.codes[node.output().index()] = true;
            }
            nodes.push(decision);
        }
        Self { nodes, codes: assigner.codes, observed }
    }
}

struct Assigner<'g> {
    graph: &'g Graph,
    mapping: &'g QConfigMapping,
    has_stubs: bool,
    /// For every value: whether it lies between a QuantStub and a DeQuantStub.
    inside: Vec<bool>,
    codes: Vec<bool>,
}

impl Assigner<'_> {
    fn decide(&mut self, node: &Node) -> Result<QConfig, String> {
        let kind = node.op().kind();
        let mut operands = activations(node);
        let inside = match kind {
            OpKind::QuantStub => true,
            OpKind::DeQuantStub => false,
            _ => operands.clone().any(|id| self.inside[id.index()]),
        };
        self.inside[node.output().index()] = inside;
        if kind == OpKind::DeQuantStub {
            return Err("marks the end of quantization".to_owned());
        }
        if self.has_stubs && !inside {
            return Err("outside the stubs".to_owned());
        }
        let on_codes = operands.clone().any(|id| self.codes[id.index()]);
        match kind.output_params() {
            OutputParams::Float => return Err(format!("{kind} runs on real numbers only")),
            OutputParams::Shared if !on_codes => return Err("its operand is not quantized".to_owned()),
            OutputParams::Own
                if kind == OpKind::Add && operands.any(|id| self.graph.value(id).constant().is_some()) =>
            {
                return Err("an operand is constant".to_owned());
            }
            OutputParams::Own if !is_weighted(kind) && kind != OpKind::QuantStub && !on_codes => {
                return Err("no operand is quantized, and it has no weight".to_owned());
            }
            _ => {}
        }
        let qconfig = *self.mapping.get(self.graph, node)?;
        if is_weighted(kind) {
            let weight = self.graph.value(node.inputs()[1]).ty();
            let depth: usize = weight.dims()[1..].iter().filter_map(Dim::fixed).product();
            if depth > EXACT_DEPTH {
                return Err(format!("sums of {depth} products can leave the range of i32"));
            }
        }
        Ok(qconfig)
    }
}

/// Whether the operator multiplies by a constant weight.
pub(crate) fn is_weighted(kind: OpKind) -> bool {
    matches!(kind, OpKind::Conv | OpKind::Linear)
}

/// The operands that are computed or brought at run time, and constants that stand in their place.
pub(crate) fn activations(node: &Node) -> impl Iterator<Item = ValueId> + Clone + use<'_> {
    let count = if is_weighted(node.op().kind()) { 1 } else { node.inputs().len() };
    node.inputs()[..count].iter().copied()
}

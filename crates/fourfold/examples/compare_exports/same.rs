//! Two graphs side by side, from their outputs to their inputs.

use core::fmt;
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};

use fourfold::graph::{Binary, Op, Value, ValueId};
use fourfold::prelude::*;

/// Where two graphs differ. The order of nodes counts only as far as they need each other, and that of the operands of
/// sums and products does not.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// Values that are of another type or made by another operator, in words. The nodes before them are not compared.
    pub(crate) values: Vec<String>,
    /// Pairs of nodes that are the same.
    pub(crate) nodes: usize,
    /// Elements of constants that are not quantized.
    pub(crate) elements: Counted,
    /// Quantized elements of constants.
    pub(crate) codes: Counted,
    /// Scales and zero points.
    pub(crate) params: Counted,
}

/// How many there are, and how many differ.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    all: usize,
    pub(crate) differing: usize,
}

impl Counted {
    fn count<T: PartialEq>(&mut self, pairs: impl Iterator<Item = (T, T)>) {
        for (a, b) in pairs {
            self.all += 1;
            self.differing += usize::from(a != b);
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.differing, self.all)
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { values, nodes, elements, codes, params } = self;
        write!(
            f,
            "{nodes} nodes are the same, {} values are not; of constants differ {elements} elements,",
            values.len()
        )?;
        write!(f, " {codes} codes, {params} scales and zero points")?;
        values.iter().take(20).try_for_each(|value| write!(f, "\n    {value}"))
    }
}

impl Differences {
    /// Those of two float graphs, and of what fusion, dynamic and static quantization make of them.
    pub(crate) fn of_all_stages(a: &Graph, b: &Graph) -> Result<Vec<(&'static str, Self)>, Box<dyn Error>> {
        let fused = [fuse(a)?, fuse(b)?];
        let dynamic = |graph: &Graph| quantize_dynamic(graph, &[OpKind::Linear], DType::I8);
        let dynamic = [dynamic(&fused[0])?, dynamic(&fused[1])?];
        let statically = [quantized(&fused[0])?, quantized(&fused[1])?];
        Ok(vec![
            ("imported", Self::of(a, b)),
            ("fused", Self::of(&fused[0], &fused[1])),
            ("dynamic int8", Self::of(dynamic[0].graph(), dynamic[1].graph())),
            ("static int8", Self::of(&statically[0], &statically[1])),
        ])
    }

    pub(crate) fn of(a: &Graph, b: &Graph) -> Self {
        let sides = [Side::of(a), Side::of(b)];
        let mut found = Self::default();
        let counts = [a, b].map(|graph| (graph.inputs().len(), graph.outputs().len(), graph.nodes().len()));
        if counts[0] != counts[1] {
            found.values.push(format!("{:?} and {:?} inputs, outputs and nodes", counts[0], counts[1]));
        }
        let mut pairs: Vec<(ValueId, ValueId)> = a.outputs().iter().copied().zip(b.outputs().iter().copied()).collect();
        let mut seen = HashSet::new();
        while let Some((x, y)) = pairs.pop() {
            if !seen.insert((x, y)) {
                continue;
            }
            let (values, texts) = ([a.value(x), b.value(y)], [text(a, x), text(b, y)]);
            if texts[0] != texts[1] {
                let [first, second] = values.map(Value::name);
                found.values.push(format!("`{first}` is {}, `{second}` is {}", texts[0], texts[1]));
                continue;
            }
            found.count(values);
            if let [Some(_), Some(_)] = values.map(Value::producer) {
                found.nodes += 1;
                pairs.extend(sides[0].operands(x).into_iter().zip(sides[1].operands(y)));
            }
        }
        found
    }

    /// Counts the parameters and elements of two values.
    fn count(&mut self, values: [&Value; 2]) {
        if let [Some(a), Some(b)] = values.map(|value| value.ty().params()) {
            self.params.count(a.scales().iter().zip(b.scales()).map(|(a, b)| (a.get(), b.get())));
            self.params.count(a.zero_points().iter().zip(b.zero_points()));
        }
        let [Some(a), Some(b)] = values.map(Value::constant) else { return };
        let counted = if values[0].ty().params().is_some() { &mut self.codes } else { &mut self.elements };
        let size = a.dtype().size();
        let [a, b] = [a, b].map(Tensor::to_le_bytes);
        counted.count(a.chunks(size).zip(b.chunks(size)));
    }
}

/// A graph, and for each value a hash of all that it is computed from.
struct Side<'g> {
    graph: &'g Graph,
    before: HashMap<ValueId, u64>,
}

impl<'g> Side<'g> {
    fn of(graph: &'g Graph) -> Self {
        let mut side = Self { graph, before: HashMap::new() };
        for id in graph.value_ids() {
            let mut hasher = DefaultHasher::new();
            text(graph, id).hash(&mut hasher);
            side.operands(id).iter().for_each(|operand| side.before[operand].hash(&mut hasher));
            side.before.insert(id, hasher.finish());
        }
        side
    }

    /// The operands of the node that makes a value, those of sums and products in an order that follows from what they
    /// are.
    fn operands(&self, id: ValueId) -> Vec<ValueId> {
        let Some(node) = self.graph.value(id).producer().map(|node| self.graph.node(node)) else { return Vec::new() };
        let mut operands = node.inputs().to_vec();
        if matches!(node.op(), Op::Add(_) | Op::Binary(Binary::Mul)) {
            operands.sort_by_key(|operand| self.before[operand]);
        }
        operands
    }
}

/// What a value is: its type, but for the numbers of its parameters, and what makes it.
fn text(graph: &Graph, id: ValueId) -> String {
    let value = graph.value(id);
    let made = match value.producer().map(|node| graph.node(node)) {
        Some(node) => format!("{:?} of {} operands", node.op(), node.inputs().len()),
        None if value.constant().is_some() => "a constant".to_owned(),
        None => "an input".to_owned(),
    };
    let scales = value.ty().params().map_or(0, |params| params.scales().len());
    format!("{made}, {}{:?} with {scales} scales", value.ty().dtype(), value.ty().dims())
}

/// The graph statically quantized after a batch of noise.
fn quantized(graph: &Graph) -> Result<Graph, Box<dyn Error>> {
    let mut calibration = prepare(graph, QConfig::fourfold())?;
    let mut inputs = Vec::new();
    for &id in graph.inputs() {
        let shape = graph.value(id).ty().fixed_shape().ok_or("an input has a free size")?;
        inputs.push(Tensor::from_vec(&shape, noise(1, shape.iter().product()))?);
    }
    calibration.observe(&inputs)?;
    Ok(calibration.convert()?.into_graph())
}

/// Pseudo-random numbers between -1 and 1.
pub(crate) fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f32::from(u16::try_from(state >> 48).unwrap_or(0)) / 32_768.0 - 1.0
    };
    core::iter::repeat_with(next).take(count).collect()
}

//! Two graphs side by side, from their outputs to their inputs.

use core::fmt;
use std::collections::{HashMap, HashSet};

use fourfold::graph::{Binary, Node, Op, Value, ValueId};
use fourfold::prelude::*;
use fourfold::quantize::Quantized;

/// Where two graphs differ. The order of nodes counts only as far as they need each other; the order of the operands of
/// sums and products does not.
#[derive(Debug, Default)]
pub struct Differences {
    /// Nodes, inputs and constants of another kind or type, in words.
    pub kinds: Vec<String>,
    /// Pairs of nodes that are the same.
    pub nodes: usize,
    /// Elements of constants that stand at the same place, and those of them that are not equal.
    pub elements: Counted,
    /// The same for codes.
    pub codes: Counted,
    /// The same for scales and zero points.
    pub params: Counted,
    /// The largest relative difference of scales.
    pub scale: f64,
    /// The largest relative difference of elements, relative to the largest element of the constant
    pub element: f64,
}

/// How many there are, and how many differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub all: usize,
    pub differing: usize,
}

impl Counted {
    fn count<T>(&mut self, pairs: impl Iterator<Item = (T, T)>, differ: impl Fn(&T, &T) -> bool) {
        for (a, b) in pairs {
            self.all += 1;
            self.differing += usize::from(differ(&a, &b));
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
        let Self { kinds, nodes, elements, codes, params, scale, element } = self;
        write!(f, "{nodes} nodes the same, {} other places", kinds.len())?;
        write!(
            f,
            "; differing: {elements} constant elements (by {element:.1e}), {codes} codes, {params} parameters (by {scale:.1e})"
        )?;
        kinds.iter().take(20).try_for_each(|kind| write!(f, "\n    {kind}"))
    }
}

impl Differences {
    pub fn of(a: &Graph, b: &Graph) -> Self {
        let mut found = Self::default();
        let hashes = [hashes(a), hashes(b)];
        let mut pairs: Vec<(ValueId, ValueId)> = a.outputs().iter().copied().zip(b.outputs().iter().copied()).collect();
        if a.outputs().len() != b.outputs().len() || a.inputs().len() != b.inputs().len() {
            found.kinds.push("another number of inputs or outputs".to_owned());
        }
        let mut seen = HashSet::new();
        while let Some((x, y)) = pairs.pop() {
            if !seen.insert((x, y)) {
                continue;
            }
            let values = [a.value(x), b.value(y)];
            let texts = [text(a, x), text(b, y)];
            if texts[0] != texts[1] {
                let names = values.map(Value::name);
                found.kinds.push(format!("`{}` is {}, `{}` is {}", names[0], texts[0], names[1], texts[1]));
                continue;
            }
            found.types(values[0].ty(), values[1].ty());
            found.constants(values);
            if let [Some(p), Some(q)] = values.map(Value::producer) {
                found.nodes += 1;
                let ordered = |graph: &Graph, node: &Node, hashes: &HashMap<ValueId, String>| {
                    let _ = graph;
                    let mut inputs = node.inputs().to_vec();
                    if matches!(node.op(), Op::Add { .. } | Op::Binary(Binary::Mul)) {
                        inputs.sort_by_key(|id| hashes[id].clone());
                    }
                    inputs
                };
                let left = ordered(a, a.node(p), &hashes[0]);
                let right = ordered(b, b.node(q), &hashes[1]);
                pairs.extend(left.into_iter().zip(right).rev());
            }
        }
        if a.nodes().len() != b.nodes().len() {
            found.kinds.push(format!("{} and {} nodes", a.nodes().len(), b.nodes().len()));
        }
        found
    }

    fn types(&mut self, a: &ValueType, b: &ValueType) {
        let (Some(a), Some(b)) = (a.params(), b.params()) else { return };
        self.params.count(a.scales().iter().zip(b.scales()), |a, b| a != b);
        self.params.count(a.zero_points().iter().zip(b.zero_points()), |a, b| a != b);
        for (a, b) in a.scales().iter().zip(b.scales()) {
            self.scale = self.scale.max(f64::from((a.get() - b.get()).abs() / a.get()));
        }
    }

    fn constants(&mut self, values: [&Value; 2]) {
        let [Some(a), Some(b)] = values.map(Value::constant) else { return };
        if values[0].ty().params().is_some() {
            let [a, b] = [a, b].map(codes);
            return self.codes.count(a.into_iter().zip(b), |a, b| a != b);
        }
        match (a.as_slice::<f32>(), b.as_slice::<f32>()) {
            (Ok(a), Ok(b)) => {
                self.elements.count(a.iter().zip(b), |a, b| a != b);
                let largest = a.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                let off = a.iter().zip(b).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
                self.element = self.element.max(f64::from(off / largest.max(f32::MIN_POSITIVE)));
            }
            _ => self.elements.count([(a, b)].into_iter(), |a, b| a != b),
        }
    }
}

/// Each code as a whole number
fn codes(tensor: &Tensor) -> Vec<i32> {
    match tensor.dtype() {
        DType::I8 => tensor.as_slice::<i8>().into_iter().flatten().map(|&code| code.into()).collect(),
        DType::U8 => tensor.as_slice::<u8>().into_iter().flatten().map(|&code| code.into()).collect(),
        _ => tensor.as_slice::<i32>().into_iter().flatten().copied().collect(),
    }
}

/// What a value is: what makes it, and its type without parameters.
fn text(graph: &Graph, id: ValueId) -> String {
    let value = graph.value(id);
    let made = match value.producer() {
        Some(node) => {
            let node = graph.node(node);
            format!("{:?} of {}", node.op(), node.inputs().len())
        }
        None if value.constant().is_some() => "a constant".to_owned(),
        None => "an input".to_owned(),
    };
    let ty = value.ty();
    let params = ty.params().map_or(0, |params| params.scales().len());
    format!("{made}: {}{:?} with {params} scales", ty.dtype(), ty.dims())
}

/// What stands behind each value, as a hash.
fn hashes(graph: &Graph) -> HashMap<ValueId, String> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut known: HashMap<ValueId, String> = HashMap::new();
    for id in graph.value_ids() {
        let mut hasher = DefaultHasher::new();
        text(graph, id).hash(&mut hasher);
        if let Some(node) = graph.value(id).producer() {
            let mut inputs: Vec<&String> = graph.node(node).inputs().iter().map(|id| &known[id]).collect();
            if matches!(graph.node(node).op(), Op::Add { .. } | Op::Binary(Binary::Mul)) {
                inputs.sort();
            }
            inputs.hash(&mut hasher);
        }
        known.insert(id, format!("{:016x}", hasher.finish()));
    }
    known
}

/// The model quantized after two batches of noise.
pub fn quantized(graph: &Graph) -> Result<Quantized, Box<dyn std::error::Error>> {
    let mut calibration = prepare(graph, QConfig::fourfold())?;
    let mut state = 1_u64;
    for _ in 0..2 {
        let mut inputs = Vec::new();
        for &id in graph.inputs() {
            let shape: Vec<usize> = graph.value(id).ty().dims().iter().map(|dim| dim.fixed().unwrap_or(1)).collect();
            let count = shape.iter().product();
            let noise = (0..count).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as f32 / (1 << 23) as f32 - 1.0
            });
            inputs.push(Tensor::from_vec(&shape, noise.collect())?);
        }
        calibration.observe(&inputs)?;
    }
    Ok(calibration.convert()?)
}

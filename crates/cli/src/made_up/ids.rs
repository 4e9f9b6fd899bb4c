//! Which integers are rows of tables, and how many rows all of those tables have.
//!
//! From an input of the numbers `0..count` follow bounds for everything that is computed from it: `[min + 2, max + 2]`
//! for a sum with 2. Where such a value chooses rows of a table, its bounds must be rows of it.

use std::collections::HashMap;

use fourfold::graph::{Binary, Clip, Dim, Gather, GatherElements, Graph, Node, Op, Reduce, Reduction, Unary, ValueId};
use fourfold::tensor::{DType, Tensor};

use super::Sizes;

/// Numbers of a longer constant are not looked at.
const LONGEST: usize = 1 << 20;

/// How many different numbers, from 0 on, an input may hold as rows of tables; `None` if it chooses none. A mask or a
/// count, from which positions are computed, chooses none.
pub(super) fn count(graph: &Graph, input: ValueId, sizes: &Sizes) -> Option<u64> {
    let bounds = Bounds { graph, sizes };
    let tables = bounds.choices(input, 1);
    let max = tables.iter().filter(|choice| choice.is_id).map(|choice| choice.rows).min()?;
    let fits = |count: u64| bounds.choices(input, count).iter().all(Choice::fits);
    // The more numbers there are, the less they fit.
    let (mut fitting, mut too_many) = (1, u64::try_from(max).ok()?.saturating_mul(4).saturating_add(1));
    while too_many - fitting > 1 {
        let middle = fitting + (too_many - fitting) / 2;
        if fits(middle) { fitting = middle } else { too_many = middle }
    }
    Some(fitting)
}

/// A value that follows from the input and chooses rows.
struct Choice {
    min: f64,
    max: f64,
    rows: usize,
    /// Whether it is the input itself, moved and shifted.
    is_id: bool,
}

impl Choice {
    #[expect(clippy::cast_precision_loss, reason = "tables have fewer rows than a double counts")]
    fn fits(&self) -> bool {
        let rows = self.rows as f64;
        self.min >= -rows && self.max < rows
    }
}

/// What is known of a value's numbers.
#[derive(Clone, Copy)]
struct Range {
    min: f64,
    max: f64,
    /// Whether they follow from the input that is looked at, and if so whether they are those of the input, moved and
    /// shifted.
    follows: Option<bool>,
}

impl Range {
    fn of(min: f64, max: f64) -> Self {
        Self { min, max, follows: None }
    }

    /// The corners of `f` of two ranges.
    fn pair(self, other: Self, f: impl Fn(f64, f64) -> f64, keeps: bool) -> Self {
        let corners = [self.min, self.max].map(|a| [other.min, other.max].map(|b| f(a, b))).concat();
        let min = corners.iter().copied().fold(f64::INFINITY, f64::min);
        let max = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let follows = match (self.follows, other.follows) {
            (Some(is_id), None) | (None, Some(is_id)) => Some(is_id && keeps),
            (Some(_), Some(_)) => Some(false),
            (None, None) => None,
        };
        Self { min, max, follows }
    }

    /// The numbers of both.
    fn union(self, other: Self) -> Self {
        let follows = match (self.follows, other.follows) {
            (None, None) => None,
            (a, b) => Some(a == Some(true) || b == Some(true)),
        };
        Self { min: self.min.min(other.min), max: self.max.max(other.max), follows }
    }

    /// Numbers that are computed, and no ids any more.
    fn computed(self, min: f64, max: f64) -> Self {
        Self { min, max, follows: self.follows.map(|_| false) }
    }
}

struct Bounds<'g> {
    graph: &'g Graph,
    sizes: &'g Sizes,
}

impl Bounds<'_> {
    /// What chooses rows and follows from an input of `0..count`; other integers are 0 or 1.
    #[expect(clippy::cast_precision_loss, reason = "counts of rows")]
    fn choices(&self, input: ValueId, count: u64) -> Vec<Choice> {
        let mut ranges: HashMap<ValueId, Range> = HashMap::new();
        for &id in self.graph.inputs() {
            if !self.graph.value(id).ty().dtype().is_float() {
                ranges.insert(id, Range::of(0.0, 1.0));
            }
        }
        let last = count.saturating_sub(1) as f64;
        ranges.insert(input, Range { min: 0.0, max: last, follows: Some(true) });
        let mut choices = Vec::new();
        for node in self.graph.nodes() {
            if let Op::Gather(Gather { axis }) | Op::GatherElements(GatherElements { axis }) = *node.op()
                && let Some(&Range { min, max, follows: Some(is_id) }) = ranges.get(&node.inputs()[1])
                && let Some(rows) =
                    self.graph.value(node.inputs()[0]).ty().dims().get(axis).and_then(|dim| self.size(dim))
            {
                choices.push(Choice { min, max, rows, is_id });
            }
            if let Some(range) = self.range(node, &ranges) {
                ranges.insert(node.output(), range);
            }
        }
        choices
    }

    fn size(&self, dim: &Dim) -> Option<usize> {
        dim.evaluate(|symbol| self.sizes.get(symbol).copied())
    }

    /// The range of what a node makes, `None` if it is not known.
    fn range(&self, node: &Node, ranges: &HashMap<ValueId, Range>) -> Option<Range> {
        let of = |place: usize| {
            let id = *node.inputs().get(place)?;
            ranges.get(&id).copied().or_else(|| constant(self.graph.value(id).constant()?))
        };
        match *node.op() {
            Op::Cast(_)
            | Op::Identity
            | Op::Reshape(_)
            | Op::Flatten(_)
            | Op::Transpose(_)
            | Op::Slice(_)
            | Op::Expand(_)
            | Op::Gather(_)
            | Op::GatherElements(_) => of(0),
            Op::Reduce(Reduce { reduction: Reduction::Max | Reduction::Min | Reduction::Mean, .. }) => of(0),
            Op::Reduce(Reduce { reduction: Reduction::Sum, ref axes, .. }) => self.summed(of(0)?, node, axes),
            Op::CumSum(ref sums) => self.summed(of(0)?, node, &[sums.axis]),
            Op::Pad(_) => Some(of(0)?.union(Range::of(0.0, 0.0))),
            Op::Concat(_) => {
                let all: Option<Vec<Range>> = (0..node.inputs().len()).map(of).collect();
                all?.into_iter().reduce(Range::union)
            }
            Op::Where => Some(of(1)?.union(of(2)?)),
            Op::Relu => of(0).map(|range| clamped(range, 0.0, f64::INFINITY)),
            Op::Clip(Clip { min, max }) => of(0).map(|range| clamped(range, min.into(), max.into())),
            Op::Add(_) => Some(of(0)?.pair(of(1)?, |a, b| a + b, true)),
            Op::Binary(function) => pair(function, of(0)?, of(1)?),
            Op::Unary(Unary::Neg) => of(0).map(|range| range.computed(-range.max, -range.min)),
            Op::Unary(Unary::Abs) => of(0).map(|range| range.computed(0.0, range.max.abs().max(range.min.abs()))),
            Op::Compare(_) | Op::Logic(_) | Op::Not => {
                let known = (0..node.inputs().len()).filter_map(of).reduce(Range::union);
                Some(known.unwrap_or(Range::of(0.0, 1.0)).computed(0.0, 1.0))
            }
            // Ids do not go through layers and functions of floats, and nothing is known of what these give.
            Op::Conv(_) | Op::ConvTranspose(_) | Op::Linear(_) | Op::MatMul | Op::Recurrent(_) => None,
            Op::BatchNorm(_) | Op::LayerNorm(_) | Op::GroupNorm(_) | Op::Softmax(_) | Op::LogSoftmax(_) => None,
            Op::MaxPool(_) | Op::AveragePool(_) | Op::GlobalAveragePool | Op::Resize(_) => None,
            Op::Unary(_) | Op::Reduce(_) | Op::ArgExtreme(_) | Op::TopK(_) => None,
            Op::Quantize | Op::Dequantize | Op::FakeQuantize(_) | Op::QuantStub | Op::DeQuantStub => None,
        }
    }

    /// Sums along axes: of none up to all of their elements.
    #[expect(clippy::cast_precision_loss, reason = "counts of elements")]
    fn summed(&self, range: Range, node: &Node, axes: &[usize]) -> Option<Range> {
        let dims = self.graph.value(node.inputs()[0]).ty().dims();
        let counts = axes.iter().map(|&axis| self.size(dims.get(axis)?));
        let count = counts.collect::<Option<Vec<usize>>>()?.into_iter().fold(1.0, |all, size| all * size as f64);
        Some(range.computed(range.min.min(range.min * count), range.max.max(range.max * count)))
    }
}

fn clamped(range: Range, min: f64, max: f64) -> Range {
    Range { min: range.min.max(min).min(max), max: range.max.min(max).max(min), ..range }
}

fn pair(function: Binary, a: Range, b: Range) -> Option<Range> {
    Some(match function {
        Binary::Sub => a.pair(b, |a, b| a - b, a.follows.is_some()),
        Binary::Mul => a.pair(b, |a, b| a * b, false),
        Binary::Min => a.pair(b, f64::min, true),
        Binary::Max => a.pair(b, f64::max, true),
        Binary::Div if b.min > 0.0 => a.pair(b, |a, b| a / b, false),
        Binary::Mod | Binary::Fmod if b.min > 0.0 && a.min >= 0.0 => {
            Range { min: 0.0, max: a.max.min(b.max - 1.0), ..a }
        }
        _ => return None,
    })
}

/// The numbers of a constant.
#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn constant(constant: &Tensor) -> Option<Range> {
    if constant.is_empty() || constant.len() > LONGEST {
        return None;
    }
    let numbers: Vec<f64> = match constant.dtype() {
        DType::I64 => constant.as_slice::<i64>().ok()?.iter().map(|&number| number as f64).collect(),
        DType::I32 => constant.as_slice::<i32>().ok()?.iter().map(|&number| number.into()).collect(),
        DType::F32 => constant.as_slice::<f32>().ok()?.iter().map(|&number| number.into()).collect(),
        _ => return None,
    };
    let min = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let max = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(Range::of(min, max))
}

//! Whether the rows of a graph's results depend on one row of its inputs each.

use fourfold_schemes::DynamicScheme;

use crate::{Conv, Dim, Graph, Linear, Node, Op, ValueId};

impl Graph {
    /// Whether row `i` of every output follows from row `i` of every input alone, so that a run of all rows gives the
    /// same as runs of some rows at a time, one below the other.
    ///
    /// The rows lie on the first axis of all inputs and outputs, whose size is one free symbol. `false` also where it
    /// is not known: for layers that go through steps in order, and for results that mix rows, or that have them on
    /// another axis on the way.
    ///
    /// ```
    /// use fourfold_graph::{Dim, GraphBuilder, Op, ValueType};
    ///
    /// let graph = |axis: usize| {
    ///     let mut builder = GraphBuilder::new("softmax");
    ///     let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 3.into()]))?;
    ///     let y = builder.node("y", Op::Softmax { axis }, &[x])?;
    ///     builder.output(y);
    ///     builder.finish()
    /// };
    /// assert!(graph(1)?.has_independent_rows() && !graph(0)?.has_independent_rows());
    /// # Ok::<(), fourfold_graph::Error>(())
    /// ```
    #[must_use]
    pub fn has_independent_rows(&self) -> bool {
        let first = self.inputs().first().and_then(|&id| self.value(id).ty().dims().first());
        let Some(Dim::Symbol(symbol)) = first else { return false };
        let rows = Rows { graph: self, symbol };
        let mut ends = self.inputs().iter().chain(self.outputs());
        ends.all(|&id| rows.of(id) == Place::First) && self.nodes().iter().all(|node| rows.stay(node))
    }
}

/// Where a value has the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nowhere: it is the same for all rows.
    Nowhere,
    /// On the first axis, and nowhere else.
    First,
    /// Anywhere else.
    Elsewhere,
}

struct Rows<'g> {
    graph: &'g Graph,
    /// The number of rows.
    symbol: &'g str,
}

impl Rows<'_> {
    fn of(&self, id: ValueId) -> Place {
        let depends = |dim: &Dim| dim.symbols().contains(&self.symbol);
        match self.graph.value(id).ty().dims() {
            [Dim::Symbol(first), rest @ ..] if **first == *self.symbol && !rest.iter().any(depends) => Place::First,
            dims if dims.iter().any(depends) => Place::Elsewhere,
            _ => Place::Nowhere,
        }
    }

    fn rank(&self, id: ValueId) -> usize {
        self.graph.value(id).ty().dims().len()
    }

    /// Whether every row of a node's result follows from that row of its operands.
    fn stay(&self, node: &Node) -> bool {
        let (operands, result) = (node.inputs(), node.output());
        let with_rows = |&id: &ValueId| self.of(id) == Place::First;
        if operands.iter().any(|&id| self.of(id) == Place::Elsewhere) || self.of(result) == Place::Elsewhere {
            return false;
        }
        if !operands.iter().any(with_rows) {
            // A result that has rows all the same is one operand repeated; as many elements by number are not.
            return self.of(result) == Place::Nowhere || matches!(node.op(), Op::Expand { .. });
        }
        if self.of(result) != Place::First {
            return false;
        }
        let only_first = || !operands[1..].iter().any(with_rows);
        let broadcast = || operands.iter().all(|id| !with_rows(id) || self.rank(*id) == self.rank(result));
        let by_row = |dynamic: Option<DynamicScheme>| matches!(dynamic, None | Some(DynamicScheme::PerRow));
        match node.op() {
            Op::Conv(Conv { dynamic, .. }) | Op::Linear(Linear { dynamic, .. }) => only_first() && by_row(*dynamic),
            Op::ConvTranspose(_) | Op::BatchNorm { .. } | Op::GroupNorm { .. } => only_first(),
            // The last two axes are multiplied: of the second operand none may be the rows.
            Op::MatMul => broadcast() && (self.rank(operands[1]) > 2 || only_first()),
            Op::Add { .. } | Op::Binary(_) | Op::Where | Op::Compare(_) | Op::Logic(_) => broadcast(),
            Op::LayerNorm { axis, .. } => *axis > 0 && only_first(),
            Op::Softmax { axis } | Op::LogSoftmax { axis } => *axis > 0,
            Op::ArgExtreme(of) => of.axis > 0,
            Op::TopK(of) => of.axis > 0,
            Op::CumSum(of) => of.axis > 0,
            Op::Slice { axis, .. } => *axis > 0,
            Op::Concat { axis } => *axis > 0 && operands.iter().all(with_rows),
            Op::GatherElements { axis } => *axis > 0 && operands.iter().all(with_rows),
            Op::Gather { axis } => {
                let [of_elements, of_numbers] = [0, 1].map(|index| operands.get(index).is_some_and(with_rows));
                if of_elements { *axis > 0 && !of_numbers } else { *axis == 0 }
            }
            Op::Reduce { axes, .. } => !axes.contains(&0),
            Op::Transpose { axes } => axes.first() == Some(&0),
            Op::Pad(pad) => pad.begin.first() == Some(&0) && pad.end.first() == Some(&0),
            // The first size is that of the operand, so the rows are where they were.
            Op::Flatten { .. } | Op::Reshape { .. } => true,
            Op::Expand { .. } => broadcast(),
            Op::Relu
            | Op::Clip { .. }
            | Op::MaxPool(_)
            | Op::AveragePool(_)
            | Op::GlobalAveragePool
            | Op::Unary(_)
            | Op::Not
            | Op::Cast { .. }
            | Op::Identity
            | Op::Quantize
            | Op::Dequantize
            | Op::QuantStub
            | Op::DeQuantStub
            | Op::FakeQuantize(_) => true,
            // A step follows from those before it; rows are resampled with their neighbours.
            Op::Recurrent(_) | Op::Resize(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use fourfold_tensor::{DType, Tensor};

    use super::*;
    use crate::{Binary, GraphBuilder, Reduction, ValueType};

    fn is_independent(build: impl Fn(&mut GraphBuilder, ValueId) -> Result<ValueId, crate::Error>) -> bool {
        let mut builder = GraphBuilder::new("rows");
        let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 4.into(), 4.into()])).expect("valid");
        let y = build(&mut builder, x).expect("valid");
        builder.output(y);
        builder.finish().expect("valid").has_independent_rows()
    }

    fn ones(shape: &[usize]) -> Tensor {
        Tensor::zeros(DType::F32, shape).expect("small")
    }

    #[test]
    fn rows_that_stay_apart_are_independent() {
        assert!(is_independent(|builder, x| builder.relu("y", x)));
        assert!(is_independent(|builder, x| builder.linear("y", x, ones(&[5, 4]), None)));
        assert!(is_independent(|builder, x| builder.node("y", Op::MatMul, &[x, x])));
        assert!(is_independent(|builder, x| builder.node("y", Op::Transpose { axes: vec![0, 2, 1] }, &[x])));
        assert!(is_independent(|builder, x| builder.node("y", Op::Flatten { axis: 1 }, &[x])));
        assert!(is_independent(|builder, x| builder.node("y", Op::Concat { axis: 2 }, &[x, x])));
        assert!(is_independent(|builder, x| builder.node("y", Op::Softmax { axis: 1 }, &[x])));
        let table = |builder: &mut GraphBuilder| builder.constant("bias", ones(&[4])).expect("valid");
        assert!(is_independent(|builder, x| {
            let bias = table(builder);
            builder.node("y", Op::Binary(Binary::Sub), &[x, bias])
        }));
    }

    #[test]
    fn rows_that_meet_are_not() {
        assert!(!is_independent(|builder, x| builder.node("y", Op::Softmax { axis: 0 }, &[x])));
        assert!(!is_independent(|builder, x| builder.node("y", Op::Concat { axis: 0 }, &[x, x])));
        assert!(!is_independent(|builder, x| builder.node("y", Op::Transpose { axes: vec![1, 0, 2] }, &[x])));
        assert!(!is_independent(|builder, x| builder.node("y", Op::Flatten { axis: 2 }, &[x])));
        let mean = |axes: Vec<usize>| Op::Reduce { reduction: Reduction::Mean, axes, keep: true };
        assert!(is_independent(|builder, x| builder.node("y", mean(vec![1]), &[x])));
        assert!(!is_independent(|builder, x| {
            let of_all = builder.node("mean", mean(vec![0]), &[x])?;
            builder.node("y", Op::Binary(Binary::Sub), &[x, of_all])
        }));
        assert!(!is_independent(|builder, x| {
            let there = builder.node("there", Op::Transpose { axes: vec![1, 0, 2] }, &[x])?;
            builder.node("back", Op::Transpose { axes: vec![1, 0, 2] }, &[there])
        }));
        let mut builder = GraphBuilder::new("fixed");
        let x = builder.input("x", ValueType::f32(&[2.into(), 4.into()])).expect("valid");
        builder.output(x);
        assert!(!builder.finish().expect("valid").has_independent_rows());
    }

    #[test]
    fn parameters_of_the_whole_batch_tie_its_rows() {
        let with = |dynamic: DynamicScheme| {
            is_independent(|builder, x| {
                let weight = builder.quantized_constant(
                    "weight",
                    Tensor::zeros(DType::I8, &[5, 4])?,
                    fourfold_schemes::QuantParams::per_tensor(DType::I8, (-127, 127), fourfold_schemes::Scale::ONE, 0)
                        .expect("valid"),
                )?;
                let linear = Linear { dynamic: Some(dynamic), activation: crate::Activation::None };
                builder.node("y", Op::Linear(linear), &[x, weight])
            })
        };
        assert!(with(DynamicScheme::PerRow) && !with(DynamicScheme::TorchPerTensor));
    }
}

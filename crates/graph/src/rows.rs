//! Whether the samples of a batch are independent: whether each row of the outputs follows from one row of the inputs.

use crate::ops::{NodeRows, Rows};
use crate::{Dim, Graph, Node, Op, ValueId};

impl Graph {
    /// Whether row `i` of every output follows from row `i` of every input alone. A batch may then be split: the
    /// results of its pieces, one below the other, are those of the whole.
    ///
    /// Rows lie on the first axis of all inputs and outputs, whose size is one symbol. The answer is `false` also where
    /// it is not known: for recurrent layers, and where a value between inputs and outputs has its rows on another
    /// axis.
    ///
    /// ```
    /// use fourfold_graph::{Dim, GraphBuilder, Op, Softmax, ValueType};
    ///
    /// let graph = |axis: usize| {
    ///     let mut builder = GraphBuilder::new("softmax");
    ///     let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 3.into()]))?;
    ///     let y = builder.node("y", Op::Softmax(Softmax { axis }), &[x])?;
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
        let search = Search { graph: self, symbol };
        let mut border = self.inputs().iter().chain(self.outputs());
        border.all(|&id| search.of(id) == Rows::First) && self.nodes().iter().all(|node| search.are_kept(node))
    }
}

/// Follows the rows through a graph.
struct Search<'g> {
    graph: &'g Graph,
    /// The symbol that is the number of rows.
    symbol: &'g str,
}

impl Search<'_> {
    /// Where a value has its rows.
    fn of(&self, id: ValueId) -> Rows {
        let depends = |dim: &Dim| dim.symbols().contains(&self.symbol);
        match self.graph.value(id).ty().dims() {
            [Dim::Symbol(first), rest @ ..] if **first == *self.symbol && !rest.iter().any(depends) => Rows::First,
            dims if dims.iter().any(depends) => Rows::Elsewhere,
            _ => Rows::None,
        }
    }

    /// Whether every row of a node's result follows from that row of its operands.
    fn are_kept(&self, node: &Node) -> bool {
        let operands: Vec<Rows> = node.inputs().iter().map(|&id| self.of(id)).collect();
        let result = self.of(node.output());
        if operands.contains(&Rows::Elsewhere) || result == Rows::Elsewhere {
            return false;
        }
        if !operands.contains(&Rows::First) {
            // An Expand repeats its operand for every row. Another operator would make a number of elements that
            // only happens to be that of the rows.
            return result == Rows::None || matches!(node.op(), Op::Expand(_));
        }
        let has_rows: Vec<bool> = operands.iter().map(|&rows| rows == Rows::First).collect();
        let rank = |id: ValueId| self.graph.value(id).ty().rank();
        let ranks: Vec<usize> = node.inputs().iter().map(|&id| rank(id)).collect();
        let rows = NodeRows { operands: &has_rows, ranks: &ranks, rank: rank(node.output()) };
        result == Rows::First && node.op().operator().keeps_rows(&rows)
    }
}

#[cfg(test)]
mod tests {
    use fourfold_tensor::{DType, Tensor};

    use super::*;
    use crate::{Binary, Concat, Flatten, GraphBuilder, Linear, Reduce, Reduction, Softmax, Transpose, ValueType};

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
        assert!(is_independent(|builder, x| builder.node("y", Op::Transpose(Transpose { axes: vec![0, 2, 1] }), &[x])));
        assert!(is_independent(|builder, x| builder.node("y", Op::Flatten(Flatten { axis: 1 }), &[x])));
        assert!(is_independent(|builder, x| builder.node("y", Op::Concat(Concat { axis: 2 }), &[x, x])));
        assert!(is_independent(|builder, x| builder.node("y", Op::Softmax(Softmax { axis: 1 }), &[x])));
        let table = |builder: &mut GraphBuilder| builder.constant("bias", ones(&[4])).expect("valid");
        assert!(is_independent(|builder, x| {
            let bias = table(builder);
            builder.node("y", Op::Binary(Binary::Sub), &[x, bias])
        }));
    }

    #[test]
    fn rows_that_meet_are_not() {
        assert!(!is_independent(|builder, x| builder.node("y", Op::Softmax(Softmax { axis: 0 }), &[x])));
        assert!(!is_independent(|builder, x| builder.node("y", Op::Concat(Concat { axis: 0 }), &[x, x])));
        assert!(!is_independent(|builder, x| builder.node(
            "y",
            Op::Transpose(Transpose { axes: vec![1, 0, 2] }),
            &[x]
        )));
        assert!(!is_independent(|builder, x| builder.node("y", Op::Flatten(Flatten { axis: 2 }), &[x])));
        let mean = |axes: Vec<usize>| Op::Reduce(Reduce { reduction: Reduction::Mean, axes, keep: true });
        assert!(is_independent(|builder, x| builder.node("y", mean(vec![1]), &[x])));
        assert!(!is_independent(|builder, x| {
            let of_all = builder.node("mean", mean(vec![0]), &[x])?;
            builder.node("y", Op::Binary(Binary::Sub), &[x, of_all])
        }));
        assert!(!is_independent(|builder, x| {
            let there = builder.node("there", Op::Transpose(Transpose { axes: vec![1, 0, 2] }), &[x])?;
            builder.node("back", Op::Transpose(Transpose { axes: vec![1, 0, 2] }), &[there])
        }));
        let mut builder = GraphBuilder::new("fixed");
        let x = builder.input("x", ValueType::f32(&[2.into(), 4.into()])).expect("valid");
        builder.output(x);
        assert!(!builder.finish().expect("valid").has_independent_rows());
    }

    #[test]
    fn parameters_of_the_whole_batch_tie_its_rows() {
        let with = |dynamic: fourfold_schemes::DynamicScheme| {
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
        assert!(
            with(fourfold_schemes::DynamicScheme::PerRow) && !with(fourfold_schemes::DynamicScheme::TorchPerTensor)
        );
    }
}

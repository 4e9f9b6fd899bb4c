//! Linear layers and embeddings.

use fourfold_graph::{Linear as LinearOp, Op, ValueId};

use crate::{Builder, Error, Module};

/// `nn.Linear`: `x * weight^T + bias` over the last axis. Keys: `weight [out, in]`, `bias [out]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    in_features: usize,
    out_features: usize,
    bias: bool,
}

impl Linear {
    /// A layer with a bias.
    #[must_use]
    pub fn new(in_features: usize, out_features: usize) -> Self {
        Self { in_features, out_features, bias: true }
    }

    /// Whether there is a bias.
    #[must_use]
    pub fn bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }
}

impl Module for Linear {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let mut inputs = vec![x, builder.parameter("weight", &[self.out_features, self.in_features])?];
        if self.bias {
            inputs.push(builder.parameter("bias", &[self.out_features])?);
        }
        builder.node(Op::Linear(LinearOp::default()), &inputs)
    }
}

/// `nn.Embedding`: the rows of a table that `i64` numbers choose, `[..]` gives `[.., dim]`. Key: `weight [count, dim]`.
///
/// `padding_idx` of PyTorch changes training only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedding {
    num_embeddings: usize,
    embedding_dim: usize,
}

impl Embedding {
    /// A table of so many rows of so many features.
    #[must_use]
    pub fn new(num_embeddings: usize, embedding_dim: usize) -> Self {
        Self { num_embeddings, embedding_dim }
    }
}

impl Module for Embedding {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let weight = builder.parameter("weight", &[self.num_embeddings, self.embedding_dim])?;
        builder.node(Op::Gather(fourfold_graph::Gather { axis: 0 }), &[weight, x])
    }
}

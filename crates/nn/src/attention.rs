//! Attention.

use fourfold_graph::{Op, ValueId};

use crate::{Builder, Error, Linear, Module, Softmax};

/// `nn.MultiheadAttention`: `softmax(q k^T / sqrt(d) + mask) v` for each head of `d = embed / heads` features, between
/// linear layers.
///
/// Keys: `in_proj_weight [3 * embed, embed]`, `in_proj_bias [3 * embed]`, `out_proj.weight`, `out_proj.bias`. The three
/// thirds of the first become layers of their own, `q`, `k` and `v` in the module, so that each is quantized with its
/// own parameters. As a [`Module`], query, key and value are one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiheadAttention {
    embed_dim: usize,
    num_heads: usize,
    bias: bool,
    batch_first: bool,
}

impl MultiheadAttention {
    /// Heads with biases; operands are `[steps, batch, embed]`.
    #[must_use]
    pub fn new(embed_dim: usize, num_heads: usize) -> Self {
        Self { embed_dim, num_heads, bias: true, batch_first: false }
    }

    /// Whether there are biases.
    #[must_use]
    pub fn bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// Whether operands and result are `[batch, steps, embed]`.
    #[must_use]
    pub fn batch_first(self, batch_first: bool) -> Self {
        Self { batch_first, ..self }
    }

    /// The attention of a query to keys and their values. The mask is added before the softmax and broadcast to
    /// `[batch, heads, steps of the query, steps of the key]`: minus infinity where a key is masked.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] if the heads do not divide the features, [`Error::Graph`] if the operands do not fit.
    pub fn attend(
        &self,
        builder: &mut Builder,
        [query, key, value]: [ValueId; 3],
        mask: Option<ValueId>,
    ) -> Result<ValueId, Error> {
        let (embed, heads) = (self.embed_dim, self.num_heads);
        let size = embed.checked_div(heads).filter(|size| *size > 0 && size * heads == embed);
        let Some(size) = size.filter(|_| embed.checked_mul(3).is_some()) else {
            return Err(builder.error(format!("{heads} heads do not divide {embed} features")));
        };
        // [batch, heads, steps, d], the keys [batch, heads, d, steps]
        let (rows, columns) =
            if self.batch_first { ([0, 2, 1, 3], [0, 2, 3, 1]) } else { ([1, 2, 0, 3], [1, 2, 3, 0]) };
        let q = self.heads(builder, ("q", 0), query, size, &rows)?;
        let k = self.heads(builder, ("k", 1), key, size, &columns)?;
        let v = self.heads(builder, ("v", 2), value, size, &rows)?;

        let scores = builder.matmul(q, k)?;
        #[expect(clippy::cast_precision_loss, reason = "a factor, which is rounded anyway")]
        let mut scores = builder.scale(scores, 1.0 / (size as f32).sqrt())?;
        if let Some(mask) = mask {
            scores = builder.add(scores, mask)?;
        }
        let weights = builder.apply("softmax", &Softmax(-1), scores)?;
        let mixed = builder.matmul(weights, v)?;

        let back = if self.batch_first { [0, 2, 1, 3] } else { [2, 0, 1, 3] };
        let mixed = builder.permute(mixed, &back)?;
        let mut dims = builder.ty(mixed).dims().to_vec();
        dims.truncate(2);
        dims.push(embed.into());
        let joined = builder.named_node("reshape", Op::Reshape(fourfold_graph::Reshape { dims }), &[mixed])?;
        builder.apply("out_proj", &Linear::new(embed, embed).bias(self.bias), joined)
    }

    /// Projection `index`, split into heads and permuted.
    fn heads(
        &self,
        builder: &mut Builder,
        (name, index): (&str, usize),
        x: ValueId,
        size: usize,
        axes: &[usize],
    ) -> Result<ValueId, Error> {
        let embed = self.embed_dim;
        let rows = index * embed..(index + 1) * embed;
        let weight = builder.constant(&format!("{name}.weight"), |builder| {
            Ok(builder.tensor("in_proj_weight", &[3 * embed, embed])?.rows(rows.clone())?)
        })?;
        let mut inputs = vec![x, weight];
        if self.bias {
            inputs.push(builder.constant(&format!("{name}.bias"), |builder| {
                Ok(builder.tensor("in_proj_bias", &[3 * embed])?.rows(rows)?)
            })?);
        }
        builder.within(name, |builder| {
            let y = builder.node(Op::Linear(fourfold_graph::Linear::default()), &inputs)?;
            let mut dims = builder.ty(y).dims().to_vec();
            if dims.len() != 3 {
                return Err(builder.error(format!("{dims:?} is not a batch of sequences of features")));
            }
            dims.truncate(2);
            dims.extend([self.num_heads.into(), size.into()]);
            let y = builder.named_node("reshape", Op::Reshape(fourfold_graph::Reshape { dims }), &[y])?;
            builder.permute(y, axes)
        })
    }
}

impl Module for MultiheadAttention {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        self.attend(builder, [x, x, x], None)
    }
}

//! Layers of a transformer.

use fourfold_graph::ValueId;

use crate::{Builder, Error, GELU, LayerNorm, Linear, Module, MultiheadAttention, ReLU};

/// `nn.TransformerEncoderLayer`: attention and a perceptron, each with a residual sum and a layer normalization.
///
/// Keys: those of `self_attn` ([`MultiheadAttention`]), `linear1`, `linear2` ([`Linear`]), `norm1` and `norm2`
/// ([`LayerNorm`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransformerEncoderLayer {
    d_model: usize,
    nhead: usize,
    dim_feedforward: usize,
    layer_norm_eps: f32,
    gelu: bool,
    batch_first: bool,
    norm_first: bool,
}

impl TransformerEncoderLayer {
    /// A layer with 2048 features in its perceptron, ReLU, normalizations behind the sums, and operands `[steps, batch,
    /// features]`.
    #[must_use]
    pub fn new(d_model: usize, nhead: usize) -> Self {
        let (dim_feedforward, layer_norm_eps) = (2048, 1e-5);
        Self { d_model, nhead, dim_feedforward, layer_norm_eps, gelu: false, batch_first: false, norm_first: false }
    }

    /// The features inside of the perceptron.
    #[must_use]
    pub fn dim_feedforward(self, dim_feedforward: usize) -> Self {
        Self { dim_feedforward, ..self }
    }

    /// `activation="gelu"` instead of ReLU.
    #[must_use]
    pub fn gelu(self) -> Self {
        Self { gelu: true, ..self }
    }

    /// What is added to the variance in the normalizations.
    #[must_use]
    pub fn layer_norm_eps(self, layer_norm_eps: f32) -> Self {
        Self { layer_norm_eps, ..self }
    }

    /// Whether operand and result are `[batch, steps, features]`.
    #[must_use]
    pub fn batch_first(self, batch_first: bool) -> Self {
        Self { batch_first, ..self }
    }

    /// Whether the normalizations stand before attention and perceptron.
    #[must_use]
    pub fn norm_first(self, norm_first: bool) -> Self {
        Self { norm_first, ..self }
    }

    /// The layer with a mask, as in [`MultiheadAttention::attend`].
    ///
    /// # Errors
    ///
    /// Those of [`MultiheadAttention::attend`].
    pub fn encode(&self, builder: &mut Builder, x: ValueId, mask: Option<ValueId>) -> Result<ValueId, Error> {
        let norm = LayerNorm::new(self.d_model).eps(self.layer_norm_eps);
        let y = if self.norm_first { builder.apply("norm1", &norm, x)? } else { x };
        let y = self.attend(builder, y, mask)?;
        let x = builder.add(x, y)?;
        let x = if self.norm_first { x } else { builder.apply("norm1", &norm, x)? };
        let y = if self.norm_first { builder.apply("norm2", &norm, x)? } else { x };
        let y = self.feed_forward(builder, y)?;
        let x = builder.add(x, y)?;
        if self.norm_first { Ok(x) } else { builder.apply("norm2", &norm, x) }
    }

    fn attend(&self, builder: &mut Builder, x: ValueId, mask: Option<ValueId>) -> Result<ValueId, Error> {
        let attention = MultiheadAttention::new(self.d_model, self.nhead).batch_first(self.batch_first);
        builder.within("self_attn", |builder| attention.attend(builder, [x, x, x], mask))
    }

    fn feed_forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let x = builder.apply("linear1", &Linear::new(self.d_model, self.dim_feedforward), x)?;
        let activation: &dyn Module = if self.gelu { &GELU::new() } else { &ReLU };
        let x = builder.apply("activation", activation, x)?;
        builder.apply("linear2", &Linear::new(self.dim_feedforward, self.d_model), x)
    }
}

impl Module for TransformerEncoderLayer {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        self.encode(builder, x, None)
    }
}

//! Convolution.

use fourfold_schemes::{DynamicScheme, QuantParams};

use super::linear::{is_by_row, weighted_macs, weighted_type};
use super::{Activation, Facts, NodeRows, Op, OpKind, Operator, OutputParams, Window, types};
use crate::{Dim, Limits, Problem, Value, ValueType};

pub(super) const CONV: Facts = Facts::new(OpKind::Conv, OutputParams::Own).operands(2, 3).constants(1..3).dynamic();

/// Attributes of [`Op::Conv`].
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Where it looks; the kernel sizes are those of the weight.
    pub window: Window,
    /// Groups of channels that do not see each other; as many as input channels for a depthwise convolution.
    pub groups: usize,
    /// The clamp of the result.
    pub activation: Activation,
    /// How an `f32` input is quantized when the weight is `i8`; `None` for every other combination of types. A scheme
    /// by rows gives each image parameters of its own.
    pub dynamic: Option<DynamicScheme>,
}

impl Conv {
    /// A float or quantized convolution without a clamp.
    #[must_use]
    pub fn new(window: Window, groups: usize) -> Self {
        Self { window, groups, activation: Activation::None, dynamic: None }
    }
}

impl Operator for Conv {
    fn kind(&self) -> OpKind {
        OpKind::Conv
    }

    /// `[n, c, s...]` and `[o, c / groups, k...]` give `[n, o, ...]`.
    fn dims(&self, operands: &[&Value], limits: &Limits) -> Result<Vec<Dim>, Problem> {
        let (x, weight) = (operands[0].ty.dims(), operands[1].ty.dims());
        let Some(weight) = weight.iter().map(Dim::fixed).collect::<Option<Vec<usize>>>() else {
            return Err(Problem::shape(format!("the weight {weight:?} has symbolic dimensions")));
        };
        let [batch, channels, ..] = x else {
            return Err(Problem::shape(format!("the input {x:?} is not [batch, channels, spatial...]")));
        };
        let rank = self.window.rank();
        if weight.len() != rank + 2 || weight[2..] != self.window.kernel {
            let kernel = &self.window.kernel;
            return Err(Problem::shape(format!(
                "the last axes of the weight {weight:?} are not the kernel {kernel:?}"
            )));
        }
        let (out, groups) = (weight[0], self.groups);
        if groups == 0 || !out.is_multiple_of(groups) {
            let reason = format!("must be positive and divide the {out} output channels");
            return Err(Problem::Attribute { name: "groups", value: groups.to_string(), reason });
        }
        if weight[1].checked_mul(groups).map(Dim::Fixed).as_ref() != Some(channels) {
            let per_group = weight[1];
            let expected = format!("the weight {weight:?} expects {groups} groups of {per_group}");
            let reason = format!("the input {x:?} has {channels} channels, {expected}");
            return Err(Problem::sizes(channels.fixed().is_none(), reason));
        }
        types::expect_vector("bias", operands.get(2), &Dim::Fixed(out))?;
        let spatial = self.window.sizes(x, limits)?;
        Ok([batch.clone(), Dim::Fixed(out)].into_iter().chain(spatial).collect())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        weighted_type(self.dynamic, self.activation, operands, dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.only_first() && is_by_row(self.dynamic)
    }

    fn macs(&self, operands: &[&ValueType], result: &ValueType) -> u64 {
        weighted_macs(operands, result)
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn with_activation(&self, activation: Activation) -> Option<Op> {
        Some(Op::Conv(Conv { activation, ..self.clone() }))
    }
}

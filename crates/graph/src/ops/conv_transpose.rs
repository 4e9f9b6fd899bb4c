//! Transposed convolution.

use fourfold_schemes::QuantParams;

use super::{Activation, Facts, NodeRows, Op, OpKind, Operator, OutputParams, Window, types};
use crate::statistics::{count, elements};
use crate::{Dim, Limits, Polynomial, Problem, Value, ValueType};

pub(super) const CONV_TRANSPOSE: Facts =
    Facts::new(OpKind::ConvTranspose, OutputParams::Own).operands(2, 3).constants(1..3);

/// Attributes of [`Op::ConvTranspose`].
#[derive(Clone, Debug, PartialEq)]
pub struct ConvTranspose {
    /// Where it writes; the kernel sizes are those of the weight, padding is cut from the result.
    pub window: Window,
    /// Elements added at the end of each spatial axis of the result, fewer than the stride or the dilation.
    pub output_padding: Vec<usize>,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// The clamp of the result.
    pub activation: Activation,
}

impl Operator for ConvTranspose {
    fn kind(&self) -> OpKind {
        OpKind::ConvTranspose
    }

    /// `[n, c, s...]` and `[c, o / groups, k...]` give `[n, o, ...]`, with spatial sizes
    /// `stride * (size - 1) + output_padding + extent - padding`.
    fn dims(&self, operands: &[&Value], limits: &Limits) -> Result<Vec<Dim>, Problem> {
        let (x, weight) = (operands[0].ty.dims(), operands[1].ty.dims());
        let (rank, window) = (self.window.rank(), &self.window);
        window.check(x, limits)?;
        let sizes: Option<Vec<usize>> = weight.iter().map(Dim::fixed).collect();
        let Some(weight) = sizes.filter(|sizes| sizes.len() == rank + 2 && sizes[2..] == window.kernel) else {
            let kernel = &window.kernel;
            return Err(Problem::shape(format!(
                "the last axes of the weight {weight:?} are not the kernel {kernel:?}"
            )));
        };
        let groups = self.groups;
        if groups == 0 || !weight[0].is_multiple_of(groups) || x[1] != Dim::Fixed(weight[0]) {
            let reason = format!("the input {x:?} does not have the {} channels of {groups} groups", weight[0]);
            return Err(Problem::sizes(x[1].fixed().is_none(), reason));
        }
        let is_small = |axis: usize| self.output_padding[axis] < window.stride[axis].max(window.dilation[axis]);
        if self.output_padding.len() != rank || !(0..rank).all(is_small) {
            let value = format!("{:?}", self.output_padding);
            let reason = "must be less than stride or dilation".to_owned();
            return Err(Problem::Attribute { name: "output_padding", value, reason });
        }
        let out = weight[1].checked_mul(groups).ok_or_else(|| Problem::shape("the weight has too many channels"))?;
        types::expect_vector("bias", operands.get(2), &Dim::Fixed(out))?;
        let spatial = (0..rank).map(|axis| self.size(axis, x)).collect::<Result<Vec<_>, _>>()?;
        Ok([x[0].clone(), Dim::Fixed(out)].into_iter().chain(spatial).collect())
    }

    fn ty(&self, operands: &[&Value], dims: Vec<Dim>, params: Option<QuantParams>) -> Result<ValueType, Problem> {
        if !operands[0].ty.is_quantized() {
            return types::float(operands, &dims, params);
        }
        types::expect_quantized(operands, 0)?;
        let weight = operands[1].ty.dims().iter().enumerate().filter(|(axis, _)| *axis != 1);
        let depth: usize = weight.filter_map(|(_, dim)| dim.fixed()).product();
        types::expect_weight_of(operands, 1, 1, depth / self.groups.max(1))?;
        types::expect_bias(operands)?;
        types::own(dims, params)
    }

    fn keeps_rows(&self, rows: &NodeRows<'_>) -> bool {
        rows.only_first()
    }

    /// Every element of the operand is multiplied by the weights of its channel.
    fn macs(&self, operands: &[&ValueType], _: &ValueType) -> u64 {
        elements(&operands[1].dims()[1..]).saturating_mul(count(operands[0]))
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn with_activation(&self, activation: Activation) -> Option<Op> {
        Some(Op::ConvTranspose(ConvTranspose { activation, ..self.clone() }))
    }
}

impl ConvTranspose {
    /// The size of a spatial axis of the result.
    fn size(&self, axis: usize, x: &[Dim]) -> Result<Dim, Problem> {
        let window = &self.window;
        let Some(size) = x[axis + 2].fixed() else {
            let too_large = || Problem::shape(format!("a size that follows from {x:?} is too large"));
            return self.computed_size(axis, &x[axis + 2]).ok_or_else(too_large);
        };
        let cut = window.pad_begin[axis].saturating_add(window.pad_end[axis]);
        let Some(strides) = size.checked_sub(1) else {
            let of_nothing = self.output_padding[axis].saturating_add(window.extent(axis));
            return match of_nothing == window.stride[axis].saturating_add(cut) {
                true => Ok(Dim::Fixed(0)),
                false => Err(Problem::shape(format!("the spatial axis {} of {x:?} is empty", axis + 2))),
            };
        };
        let reach = window.stride[axis].saturating_mul(strides).saturating_add(self.output_padding[axis]);
        let full = reach.saturating_add(window.extent(axis));
        match full.checked_sub(cut) {
            Some(left) if left > 0 => Ok(Dim::Fixed(left)),
            _ => Err(Problem::shape(format!("the padding {cut} cuts off all {full} elements of axis {}", axis + 2))),
        }
    }

    /// The same for a size that follows from symbols.
    fn computed_size(&self, axis: usize, size: &Dim) -> Option<Dim> {
        let window = &self.window;
        let number = |size: usize| i64::try_from(size).ok().map(Polynomial::constant);
        let reach = size.polynomial()?.sub(&Polynomial::constant(1))?.mul(&number(window.stride[axis])?)?;
        let full = reach.add(&number(self.output_padding[axis])?)?.add(&number(window.extent(axis))?)?;
        Dim::computed(full.sub(&number(window.pad_begin[axis])?)?.sub(&number(window.pad_end[axis])?)?)
    }
}

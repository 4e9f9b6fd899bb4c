//! Normalizations.

use fourfold_graph::{
    Activation, Add, BatchNorm, Binary, Dim, GroupNorm, LayerNorm, Op, Reduce, Reduction, Unary, ValueId,
};
use fourfold_tensor::Tensor;

use crate::Error;
use crate::import::emission::node::Entry;
use crate::import::weights::computed::Change;

impl<'a> Entry<'_, 'a> {
    pub(crate) fn batch_norm(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["epsilon", "momentum", "training_mode", "spatial"])?;
        if attributes.flag("training_mode")? {
            return Err(self.unsupported("training mode"));
        }
        if attributes.int("spatial", 1)? != 1 {
            return Err(self.unsupported("statistics for each position (spatial 0)"));
        }
        let epsilon = attributes.float("epsilon", 1e-5)?;
        (1..5).try_for_each(|index| self.constant(index).map(|_| ()))?;
        let inputs = (0..5).map(|index| self.operand(index)).collect::<Result<Vec<_>, _>>()?;
        self.emit(Op::BatchNorm(BatchNorm { epsilon }), &inputs)
    }

    /// As many groups as channels.
    pub(crate) fn instance_norm(&mut self) -> Result<(), Error> {
        let epsilon = self.attributes(&["epsilon"])?.float("epsilon", 1e-5)?;
        let groups = self.constant(1)?.len();
        let inputs = [self.operand(0)?, self.operand(1)?, self.operand(2)?];
        self.emit(Op::GroupNorm(GroupNorm { groups, epsilon }), &inputs)
    }

    /// Before opset 21 scale and bias have a number for each group, then one for each channel.
    pub(crate) fn group_norm(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["epsilon", "num_groups", "stash_type"])?;
        let (epsilon, groups) = (attributes.float("epsilon", 1e-5)?, attributes.int("num_groups", 0)?);
        let groups = usize::try_from(groups).map_err(|_| self.invalid(format!("num_groups is {groups}")))?;
        let x = self.operand(0)?;
        let channels = self.dims(x).get(1).and_then(Dim::fixed);
        let Some(channels) = channels.filter(|channels| groups > 0 && channels.is_multiple_of(groups)) else {
            return Err(self.invalid(format!("has {groups} groups of the channels of {:?}", self.dims(x))));
        };
        let mut inputs = vec![x];
        for index in 1..3 {
            let constant = self.constant(index)?;
            if constant.len() == channels {
                inputs.push(self.operand(index)?);
                continue;
            }
            let name = self.input(index).unwrap_or_default();
            let change = Change::Bias { columns: channels, factor: 1.0_f32.to_bits() };
            inputs.push(self.computed(name, change, |entry| {
                let wrong = || entry.invalid(format!("input {index} has shape {:?}", constant.shape()));
                let each = constant.as_slice::<f32>().ok().filter(|each| each.len() == groups).ok_or_else(wrong)?;
                let all = each.iter().flat_map(|&one| core::iter::repeat_n(one, channels / groups)).collect();
                Tensor::from_vec(&[channels], all).map_err(|_| wrong())
            })?);
        }
        self.emit(Op::GroupNorm(GroupNorm { groups, epsilon }), &inputs)
    }

    pub(crate) fn layer_norm(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["axis", "epsilon", "stash_type"])?;
        let (axis, epsilon) = (attributes.int("axis", -1)?, attributes.float("epsilon", 1e-5)?);
        let x = self.operand(0)?;
        let axis = self.axis(axis, self.dims(x).len(), false)?;
        let normalized = self.dims(x)[axis..].to_vec();
        let mut inputs = vec![x];
        inputs.push(self.whole(1, &normalized)?);
        if !self.adds_nothing(2)? {
            inputs.push(self.whole(2, &normalized)?);
        }
        self.emit(Op::LayerNorm(LayerNorm { axis, epsilon }), &inputs)
    }

    /// The constant of an input with the shape `dims`, to which it may have to be repeated.
    fn whole(&mut self, index: usize, dims: &[Dim]) -> Result<ValueId, Error> {
        let constant = self.constant(index)?;
        let sizes: Option<Vec<usize>> = dims.iter().map(Dim::fixed).collect();
        let sizes = sizes.ok_or_else(|| self.unsupported(format!("axes {dims:?} whose sizes are not known")))?;
        if constant.shape() == sizes {
            return self.operand(index);
        }
        let name = self.input(index).unwrap_or_default();
        let columns: usize = sizes.iter().product();
        self.computed(name, Change::Bias { columns, factor: 1.0_f32.to_bits() }, |entry| {
            let wrong = || entry.invalid(format!("input {index} has shape {:?}, expected {sizes:?}", constant.shape()));
            match constant.as_slice::<f32>() {
                Ok([one]) => Tensor::from_vec(&sizes, vec![*one; columns]).map_err(|_| wrong()),
                Ok(all) if all.len() == columns => constant.reshape(&sizes).map_err(|_| wrong()),
                _ => Err(wrong()),
            }
        })
    }

    /// `x / sqrt(mean(x * x) + epsilon) * scale`, in the nodes as which exporters write it for older opsets.
    pub(crate) fn rms_norm(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["axis", "epsilon", "stash_type"])?;
        let (axis, epsilon) = (attributes.int("axis", -1)?, attributes.float("epsilon", 1e-5)?);
        let (x, scale) = (self.operand(0)?, self.operand(1)?);
        let rank = self.dims(x).len();
        let axes = (self.axis(axis, rank, false)?..rank).collect();
        let square = self.emit_before("square", Op::Binary(Binary::Mul), &[x, x])?;
        let mean = Op::Reduce(Reduce { reduction: Reduction::Mean, axes, keep: true });
        let mean = self.emit_before("mean", mean, &[square])?;
        let epsilon = self.number("epsilon", epsilon)?;
        let sum = self.emit_before("sum", Op::Add(Add { activation: Activation::None }), &[mean, epsilon])?;
        let root = self.emit_before("root", Op::Unary(Unary::Sqrt), &[sum])?;
        let quotient = self.emit_before("quotient", Op::Unary(Unary::Reciprocal), &[root])?;
        let normal = self.emit_before("normal", Op::Binary(Binary::Mul), &[x, quotient])?;
        self.emit(Op::Binary(Binary::Mul), &[normal, scale])
    }
}

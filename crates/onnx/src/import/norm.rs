//! Normalizations over channels, and PRelu.

use fourfold_graph::{Add, BatchNorm, Binary, Dim, GroupNorm, Op, ValueId};
use fourfold_tensor::Tensor;

use super::computed::Change;
use super::node::Entry;
use crate::Error;

impl<'a> Entry<'_, 'a> {
    pub(super) fn batch_norm(&mut self) -> Result<(), Error> {
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
    pub(super) fn instance_norm(&mut self) -> Result<(), Error> {
        let epsilon = self.attributes(&["epsilon"])?.float("epsilon", 1e-5)?;
        let groups = self.constant(1)?.len();
        let inputs = [self.operand(0)?, self.operand(1)?, self.operand(2)?];
        self.emit(Op::GroupNorm(GroupNorm { groups, epsilon }), &inputs)
    }

    /// Before opset 21 scale and bias have a number for each group, then one for each channel.
    pub(super) fn group_norm(&mut self) -> Result<(), Error> {
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

    /// The slopes of a PRelu, without axes of size 1 at their beginning, which some exporters write.
    fn slope(&mut self) -> Result<ValueId, Error> {
        let name = self.input(1).unwrap_or_default();
        let Some(constant) = self.importer.constants.get(name)? else { return self.operand(1) };
        let ones = constant.shape().iter().take_while(|&&size| size == 1).count();
        let kept = constant.shape()[ones.min(constant.shape().len().saturating_sub(1))..].to_vec();
        if kept.len() == constant.shape().len() {
            return self.operand(1);
        }
        let slope = constant.reshape(&kept).map_err(fourfold_graph::Error::from)?;
        let name = self.importer.constant_name(name);
        self.importer.emission.constant(&name, slope)
    }

    /// `max(x, 0) + slope * min(x, 0)`, which has the bits of `slope * x` below 0.
    pub(super) fn prelu(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let (x, slope) = (self.operand(0)?, self.slope()?);
        let zero = self.number("zero", 0.0)?;
        let above = self.emit_before("above", Op::Relu, &[x])?;
        let below = self.emit_before("below", Op::Binary(Binary::Min), &[x, zero])?;
        let scaled = self.emit_before("scaled", Op::Binary(Binary::Mul), &[below, slope])?;
        self.emit(Op::Add(Add { activation: fourfold_graph::Activation::None }), &[above, scaled])
    }
}

//! Steps of transposed convolutions, which work on channels-last memory.

use fourfold_graph::{ConvTranspose, Node};
use fourfold_schemes::{Granularity, QuantParams};

use super::Lowering;
use crate::Error;
use crate::ops::conv_transpose::{FloatConvTranspose, QuantizedConvTranspose};
use crate::ops::requantize::Requantize;
use crate::plan::Layout;
use crate::spatial::geometry;

impl Lowering<'_> {
    /// Adds the step of a node.
    pub(super) fn conv_transpose(&mut self, node: &Node, conv: &ConvTranspose) -> Result<(), Error> {
        let (weight, groups) = (self.constant(node, 1)?, conv.groups);
        if weight.is_empty() {
            return self.bias_alone(node, conv.activation, groups, Layout::ChannelsLast);
        }
        let geometry = geometry(&conv.window, weight.shape()[0], weight.shape()[1] * groups, groups);
        if self.is_codes(node) {
            let (x, params) = (self.params(node, 0)?, of_all_groups(self.params(node, 1)?, groups)?);
            let end = Requantize::new(x, &params, self.bias(node), self.result_params(node)?, conv.activation)?;
            let action = QuantizedConvTranspose::new(self.options.kernel, &geometry, x, (weight, &params), end)?;
            self.add(node, Layout::ChannelsLast, 1, action);
        } else {
            let action = FloatConvTranspose::new(geometry, weight, self.bias(node), conv.activation)?;
            self.add(node, Layout::ChannelsLast, 1, action);
        }
        Ok(())
    }
}

/// Parameters for the channels of one group, on axis 1, as those of all output channels, on axis 0.
pub(super) fn of_all_groups(params: &QuantParams, groups: usize) -> Result<QuantParams, Error> {
    let Granularity::PerChannel { scales, zero_points, .. } = params.granularity() else { return Ok(params.clone()) };
    let (scales, zero_points) = (scales.repeat(groups), zero_points.repeat(groups));
    let granularity = Granularity::PerChannel { axis: 0, scales, zero_points };
    Ok(params.with_granularity(granularity)?)
}

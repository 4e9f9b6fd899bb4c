//! Convolutions over 1, 2 or 3 spatial axes.

use fourfold_graph::{Activation, Conv as ConvOp, ConvTranspose as ConvTransposeOp, Op, ValueId, Window};

use crate::{Builder, Error, Module, Sizes};

/// `nn.Conv1d`.
pub type Conv1d = Conv<1>;
/// `nn.Conv2d`.
pub type Conv2d = Conv<2>;
/// `nn.Conv3d`.
pub type Conv3d = Conv<3>;
/// `nn.ConvTranspose1d`.
pub type ConvTranspose1d = ConvTranspose<1>;
/// `nn.ConvTranspose2d`.
pub type ConvTranspose2d = ConvTranspose<2>;
/// `nn.ConvTranspose3d`.
pub type ConvTranspose3d = ConvTranspose<3>;

/// A convolution over `N` spatial axes, with zeros as padding. Keys: `weight [out, in / groups, kernel...]`, `bias
/// [out]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv<const N: usize> {
    in_channels: usize,
    out_channels: usize,
    kernel: Sizes<N>,
    stride: Sizes<N>,
    padding: Sizes<N>,
    dilation: Sizes<N>,
    groups: usize,
    bias: bool,
}

impl<const N: usize> Conv<N> {
    /// A convolution with stride 1, no padding, one group and a bias.
    #[must_use]
    pub fn new(in_channels: usize, out_channels: usize, kernel: impl Into<Sizes<N>>) -> Self {
        let (one, zero) = (Sizes::from(1), Sizes::from(0));
        let (kernel, groups, bias) = (kernel.into(), 1, true);
        Self { in_channels, out_channels, kernel, stride: one, padding: zero, dilation: one, groups, bias }
    }

    /// The distance between neighbouring windows.
    #[must_use]
    pub fn stride(self, stride: impl Into<Sizes<N>>) -> Self {
        Self { stride: stride.into(), ..self }
    }

    /// The zeros on either side of each axis.
    #[must_use]
    pub fn padding(self, padding: impl Into<Sizes<N>>) -> Self {
        Self { padding: padding.into(), ..self }
    }

    /// The distance between neighbouring taps of one window.
    #[must_use]
    pub fn dilation(self, dilation: impl Into<Sizes<N>>) -> Self {
        Self { dilation: dilation.into(), ..self }
    }

    /// The number of groups of channels; a filter reads the channels of its group alone.
    #[must_use]
    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Whether there is a bias.
    #[must_use]
    pub fn bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }
}

impl<const N: usize> Module for Conv<N> {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let shape = weight_shape(builder, [self.out_channels, self.in_channels], self.groups, self.kernel)?;
        let mut inputs = vec![x, builder.parameter("weight", &shape)?];
        if self.bias {
            inputs.push(builder.parameter("bias", &[self.out_channels])?);
        }
        let window = window(self.kernel, self.stride, self.padding, self.dilation);
        builder.node(
            Op::Conv(ConvOp { window, groups: self.groups, activation: Activation::None, dynamic: None }),
            &inputs,
        )
    }
}

/// A transposed convolution over `N` spatial axes. Keys: `weight [in, out / groups, kernel...]`, `bias [out]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTranspose<const N: usize> {
    /// Everything but the padding of the result is as in a convolution.
    conv: Conv<N>,
    output_padding: Sizes<N>,
}

impl<const N: usize> ConvTranspose<N> {
    /// A transposed convolution with stride 1, no padding, one group and a bias.
    #[must_use]
    pub fn new(in_channels: usize, out_channels: usize, kernel: impl Into<Sizes<N>>) -> Self {
        Self { conv: Conv::new(in_channels, out_channels, kernel), output_padding: Sizes::from(0) }
    }

    /// The distance between the windows of neighbouring elements.
    #[must_use]
    pub fn stride(self, stride: impl Into<Sizes<N>>) -> Self {
        Self { conv: self.conv.stride(stride), ..self }
    }

    /// Elements that are cut from either side of the result.
    #[must_use]
    pub fn padding(self, padding: impl Into<Sizes<N>>) -> Self {
        Self { conv: self.conv.padding(padding), ..self }
    }

    /// Elements that are added behind the result.
    #[must_use]
    pub fn output_padding(self, output_padding: impl Into<Sizes<N>>) -> Self {
        Self { output_padding: output_padding.into(), ..self }
    }

    /// The distance between neighbouring taps of one window.
    #[must_use]
    pub fn dilation(self, dilation: impl Into<Sizes<N>>) -> Self {
        Self { conv: self.conv.dilation(dilation), ..self }
    }

    /// The number of groups of channels; a filter reads the channels of its group alone.
    #[must_use]
    pub fn groups(self, groups: usize) -> Self {
        Self { conv: self.conv.groups(groups), ..self }
    }

    /// Whether there is a bias.
    #[must_use]
    pub fn bias(self, bias: bool) -> Self {
        Self { conv: self.conv.bias(bias), ..self }
    }
}

impl<const N: usize> Module for ConvTranspose<N> {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let conv = &self.conv;
        let shape = weight_shape(builder, [conv.in_channels, conv.out_channels], conv.groups, conv.kernel)?;
        let mut inputs = vec![x, builder.parameter("weight", &shape)?];
        if conv.bias {
            inputs.push(builder.parameter("bias", &[conv.out_channels])?);
        }
        let window = window(conv.kernel, conv.stride, conv.padding, conv.dilation);
        let (groups, output_padding) = (conv.groups, self.output_padding.0.to_vec());
        let activation = Activation::None;
        builder.node(Op::ConvTranspose(ConvTransposeOp { window, output_padding, groups, activation }), &inputs)
    }
}

pub(crate) fn window<const N: usize>(
    kernel: Sizes<N>,
    stride: Sizes<N>,
    padding: Sizes<N>,
    dilation: Sizes<N>,
) -> Window {
    let [kernel, stride, padding, dilation] = [kernel, stride, padding, dilation].map(|sizes| sizes.0.to_vec());
    Window { kernel, stride, dilation, pad_begin: padding.clone(), pad_end: padding }
}

/// `[outer, inner / groups, kernel...]`.
fn weight_shape<const N: usize>(
    builder: &Builder,
    [outer, inner]: [usize; 2],
    groups: usize,
    kernel: Sizes<N>,
) -> Result<Vec<usize>, Error> {
    if groups == 0 || !outer.is_multiple_of(groups) || !inner.is_multiple_of(groups) {
        return Err(builder.error(format!("{groups} groups do not divide the channels, {outer} and {inner}")));
    }
    Ok([outer, inner / groups].into_iter().chain(kernel.0).collect())
}

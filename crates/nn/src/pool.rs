//! Poolings over 1, 2 or 3 spatial axes.

use fourfold_graph::{AveragePool, Dim, Op, Pad, PadMode, ValueId, Window};

use crate::conv::window;
use crate::{Builder, Error, Module, Sizes};

/// `nn.MaxPool1d`.
pub type MaxPool1d = MaxPool<1>;
/// `nn.MaxPool2d`.
pub type MaxPool2d = MaxPool<2>;
/// `nn.MaxPool3d`.
pub type MaxPool3d = MaxPool<3>;
/// `nn.AvgPool1d`.
pub type AvgPool1d = AvgPool<1>;
/// `nn.AvgPool2d`.
pub type AvgPool2d = AvgPool<2>;
/// `nn.AvgPool3d`.
pub type AvgPool3d = AvgPool<3>;
/// `nn.AdaptiveAvgPool1d`.
pub type AdaptiveAvgPool1d = AdaptiveAvgPool<1>;
/// `nn.AdaptiveAvgPool2d`.
pub type AdaptiveAvgPool2d = AdaptiveAvgPool<2>;
/// `nn.AdaptiveAvgPool3d`.
pub type AdaptiveAvgPool3d = AdaptiveAvgPool<3>;

/// The largest element of each window, padding left out. Windows that go past the end are left out, unless
/// [`MaxPool::ceil_mode`] says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool<const N: usize> {
    kernel: Sizes<N>,
    stride: Sizes<N>,
    padding: Sizes<N>,
    dilation: Sizes<N>,
    ceil_mode: bool,
}

impl<const N: usize> MaxPool<N> {
    /// Windows side by side: the stride is the size of the window.
    #[must_use]
    pub fn new(kernel: impl Into<Sizes<N>>) -> Self {
        let kernel = kernel.into();
        Self { kernel, stride: kernel, padding: Sizes::from(0), dilation: Sizes::from(1), ceil_mode: false }
    }

    /// The distance between neighbouring windows.
    #[must_use]
    pub fn stride(self, stride: impl Into<Sizes<N>>) -> Self {
        Self { stride: stride.into(), ..self }
    }

    /// The padding on either side of each axis.
    #[must_use]
    pub fn padding(self, padding: impl Into<Sizes<N>>) -> Self {
        Self { padding: padding.into(), ..self }
    }

    /// The distance between neighbouring taps of one window.
    #[must_use]
    pub fn dilation(self, dilation: impl Into<Sizes<N>>) -> Self {
        Self { dilation: dilation.into(), ..self }
    }

    /// Whether a last window that goes past the end counts too, if it begins in the operand or the padding in front of
    /// it.
    #[must_use]
    pub fn ceil_mode(self, ceil_mode: bool) -> Self {
        Self { ceil_mode, ..self }
    }
}

impl<const N: usize> Module for MaxPool<N> {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let mut window = window(self.kernel, self.stride, self.padding, self.dilation);
        if self.ceil_mode {
            enlarge(builder, &mut window, x)?;
        }
        builder.node(Op::MaxPool(window), &[x])
    }
}

/// The mean of each window. Windows that go past the end are left out, unless [`AvgPool::ceil_mode`] says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool<const N: usize> {
    kernel: Sizes<N>,
    stride: Sizes<N>,
    padding: Sizes<N>,
    count_include_pad: bool,
    ceil_mode: bool,
}

impl<const N: usize> AvgPool<N> {
    /// Windows side by side: the stride is the size of the window.
    #[must_use]
    pub fn new(kernel: impl Into<Sizes<N>>) -> Self {
        let kernel = kernel.into();
        Self { kernel, stride: kernel, padding: Sizes::from(0), count_include_pad: true, ceil_mode: false }
    }

    /// The distance between neighbouring windows.
    #[must_use]
    pub fn stride(self, stride: impl Into<Sizes<N>>) -> Self {
        Self { stride: stride.into(), ..self }
    }

    /// The padding on either side of each axis.
    #[must_use]
    pub fn padding(self, padding: impl Into<Sizes<N>>) -> Self {
        Self { padding: padding.into(), ..self }
    }

    /// Whether padding counts as zeros in the mean, as is PyTorch's default.
    #[must_use]
    pub fn count_include_pad(self, count_include_pad: bool) -> Self {
        Self { count_include_pad, ..self }
    }

    /// Whether a last window that goes past the end counts too, if it begins in the operand or the padding in front of
    /// it. Elements behind the padding do not count in the mean.
    #[must_use]
    pub fn ceil_mode(self, ceil_mode: bool) -> Self {
        Self { ceil_mode, ..self }
    }
}

impl<const N: usize> Module for AvgPool<N> {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let mut window = window(self.kernel, self.stride, self.padding, Sizes::from(1));
        let (mut x, mut count_include_pad) = (x, self.count_include_pad);
        if self.ceil_mode && enlarge(builder, &mut window, x)? && count_include_pad {
            // Padding counts and what lies behind it does not, so the padding becomes an operator of its own.
            count_include_pad = false;
            if self.padding != Sizes::from(0) {
                let padding = [&[0, 0], self.padding.0.as_slice()].concat();
                let pad = Pad { begin: padding.clone(), end: padding, mode: PadMode::Constant(0.0) };
                x = builder.named_node("pad", Op::Pad(pad), &[x])?;
                window.pad_begin.fill(0);
                window.pad_end.iter_mut().zip(self.padding.0).for_each(|(end, padding)| *end -= padding);
            }
        }
        builder.node(Op::AveragePool(AveragePool { window, count_include_pad }), &[x])
    }
}

/// Means over as many equal windows as the result has elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveAvgPool<const N: usize> {
    output: Sizes<N>,
}

impl<const N: usize> AdaptiveAvgPool<N> {
    /// The sizes of the result, which must divide those of the operand.
    #[must_use]
    pub fn new(output: impl Into<Sizes<N>>) -> Self {
        Self { output: output.into() }
    }
}

impl<const N: usize> Module for AdaptiveAvgPool<N> {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let dims = builder.ty(x).dims();
        if self.output == Sizes::from(1) && dims.len() == N + 2 {
            return builder.node(Op::GlobalAveragePool, &[x]);
        }
        let sizes = dims.get(2..).unwrap_or_default().iter().map(Dim::fixed);
        let kernel: Option<Vec<usize>> = sizes
            .zip(self.output.0)
            .map(|(size, out)| size.filter(|size| out > 0 && size.is_multiple_of(out)).map(|size| size / out))
            .collect();
        let Some(kernel) = kernel.filter(|kernel| kernel.len() == N && dims.len() == N + 2) else {
            let output = self.output.0;
            return Err(builder.error(format!(
                "{dims:?} cannot be divided into equal windows for {output:?} results; \
                 windows of unequal sizes are not supported"
            )));
        };
        let window = Window { stride: kernel.clone(), ..Window::new(&kernel) };
        builder.node(Op::AveragePool(AveragePool { window, count_include_pad: false }), &[x])
    }
}

/// [Rounds up](Window::round_up) on every axis, and says whether any padding was needed.
fn enlarge(builder: &Builder, window: &mut Window, x: ValueId) -> Result<bool, Error> {
    let mut is_enlarged = false;
    for axis in 0..window.rank() {
        let dims = builder.ty(x).dims();
        let Some(size) = dims.get(axis + 2).and_then(Dim::fixed) else {
            return Err(builder.error(format!("ceil_mode needs the size of axis {} of {dims:?}", axis + 2)));
        };
        is_enlarged |= window.round_up(axis, size);
    }
    Ok(is_enlarged)
}

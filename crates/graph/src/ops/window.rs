//! Where convolutions and poolings look.

use crate::{Dim, Limits, Polynomial, Problem};

/// Where a convolution or a pooling looks: one entry per spatial axis in every list, sizes in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Size of the window.
    pub kernel: Vec<usize>,
    /// Distance between neighbouring windows.
    pub stride: Vec<usize>,
    /// Distance between neighbouring taps of one window.
    pub dilation: Vec<usize>,
    /// Padding before the first element.
    pub pad_begin: Vec<usize>,
    /// Padding after the last element.
    pub pad_end: Vec<usize>,
}

impl Window {
    /// A window of the given size with stride 1, dilation 1 and no padding.
    #[must_use]
    pub fn new(kernel: &[usize]) -> Self {
        let (ones, zeros) = (vec![1; kernel.len()], vec![0; kernel.len()]);
        Self { kernel: kernel.to_vec(), stride: ones.clone(), dilation: ones, pad_begin: zeros.clone(), pad_end: zeros }
    }

    /// The same window with another stride on every axis.
    #[must_use]
    pub fn with_stride(mut self, stride: usize) -> Self {
        self.stride.fill(stride);
        self
    }

    /// The same window with the same padding on every side.
    #[must_use]
    pub fn with_padding(mut self, padding: usize) -> Self {
        self.pad_begin.fill(padding);
        self.pad_end.fill(padding);
        self
    }

    /// The number of spatial axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.kernel.len()
    }

    /// The elements from the first to the last tap on an axis, `(kernel - 1) * dilation + 1`; saturates.
    ///
    /// # Panics
    ///
    /// If there is no such axis.
    #[must_use]
    pub fn extent(&self, axis: usize) -> usize {
        self.dilation[axis].saturating_mul(self.kernel[axis].saturating_sub(1)).saturating_add(1)
    }

    /// Pads the end of an axis of `size` elements for a last window that goes past it, which is what `ceil_mode` of
    /// PyTorch and ONNX asks for, and says whether any padding was needed:
    ///
    /// ```text
    /// last = ceil((size + padding - extent) / stride), one less if last * stride >= size + padding before
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no such axis.
    pub fn round_up(&mut self, axis: usize, size: usize) -> bool {
        let (stride, extent) = (self.stride[axis], self.extent(axis));
        let begun = size.saturating_add(self.pad_begin[axis]);
        let padded = begun.saturating_add(self.pad_end[axis]);
        // Rounded down after adding stride - 1, as a window may be longer than all there is; no window then is
        // inference's to refuse.
        let free = padded.saturating_add(stride).checked_sub(extent.saturating_add(1));
        let Some(last) = free.and_then(|free| free.checked_div(stride)) else { return false };
        let last = if last.saturating_mul(stride) >= begun { last.saturating_sub(1) } else { last };
        let past = last.saturating_mul(stride).saturating_add(extent).saturating_sub(padded);
        self.pad_end[axis] += past;
        past > 0
    }

    /// The spatial sizes of a result: `(size + pad_begin + pad_end - extent) / stride + 1`, rounded down.
    pub(super) fn sizes(&self, x: &[Dim], limits: &Limits) -> Result<Vec<Dim>, Problem> {
        self.check(x, limits)?;
        (0..self.rank()).map(|axis| self.size(axis, x)).collect()
    }

    fn size(&self, axis: usize, x: &[Dim]) -> Result<Dim, Problem> {
        let extent = self.extent(axis);
        let Some(size) = x[axis + 2].fixed() else {
            let (size, stride) = (&x[axis + 2], self.stride[axis]);
            let reason = || format!("axis {} of {x:?}: {size} with stride {stride} has no form", axis + 2);
            return self.computed_size(axis, size).ok_or_else(|| Problem::Open { reason: reason() });
        };
        let padded = size.saturating_add(self.pad_begin[axis]).saturating_add(self.pad_end[axis]);
        // Nothing is made of nothing if the formula says 0, as it does for sizes that are known later.
        if size == 0 && extent > padded && extent - padded <= self.stride[axis] {
            return Ok(Dim::Fixed(0));
        }
        if size == 0 || extent > padded {
            let reason =
                format!("the window of {extent} is larger than the padded input of {padded} on axis {}", axis + 2);
            return Err(Problem::shape(reason));
        }
        Ok(Dim::Fixed((padded - extent) / self.stride[axis] + 1))
    }

    /// The same for a size that follows from symbols, which the runtime checks.
    fn computed_size(&self, axis: usize, size: &Dim) -> Option<Dim> {
        let number = |size: usize| i64::try_from(size).ok().map(Polynomial::constant);
        let begin = size.polynomial()?.add(&number(self.pad_begin[axis])?)?;
        let free = begin.add(&number(self.pad_end[axis])?)?.sub(&number(self.extent(axis))?)?;
        let strides = free.floor_div(i64::try_from(self.stride[axis]).ok()?)?;
        Dim::computed(strides.add(&Polynomial::constant(1))?)
    }

    /// Checks the sizes of the window, and that it fits the axes of its operand.
    pub(super) fn check(&self, x: &[Dim], limits: &Limits) -> Result<(), Problem> {
        let rank = self.rank();
        let lists = [
            ("kernel", &self.kernel, 1),
            ("stride", &self.stride, 1),
            ("dilation", &self.dilation, 1),
            ("pad_begin", &self.pad_begin, 0),
            ("pad_end", &self.pad_end, 0),
        ];
        for (name, list, min) in lists {
            if list.len() != rank || list.iter().any(|&size| size < min) {
                let reason = format!("expected {rank} numbers of at least {min}");
                return Err(Problem::Attribute { name, value: format!("{list:?}"), reason });
            }
            list.iter().try_for_each(|&size| Limits::check("window", size as u64, limits.window))?;
        }
        if !(1..=3).contains(&rank) || x.len() != rank + 2 {
            return Err(Problem::shape(format!(
                "the input {x:?} does not have {rank} spatial axes (1 to 3 are supported)"
            )));
        }
        Ok(())
    }
}

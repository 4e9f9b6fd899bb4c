//! Where convolutions and poolings look.

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
}

//! The sizes of a convolution or pooling.

use core::ops::Range;

use crate::gemm::window_sum;
use crate::{ConvInput, Error};

/// Channels, groups and windows of a convolution or pooling over the axes `[d, h, w]`; axes that there are not have
/// size 1, stride 1, dilation 1 and no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Channels of the input.
    pub channels_in: usize,
    /// Channels of the result.
    pub channels_out: usize,
    /// Groups of channels that do not see each other; divides both numbers of channels.
    pub groups: usize,
    /// Taps along each axis.
    pub kernel: [usize; 3],
    /// Distance between neighbouring windows.
    pub stride: [usize; 3],
    /// Distance between neighbouring taps.
    pub dilation: [usize; 3],
    /// Padding before the first element.
    pub pad_begin: [usize; 3],
    /// Padding after the last element.
    pub pad_end: [usize; 3],
}

/// The largest size of a kernel, stride, dilation or padding.
const MAX_SIZE: usize = 1 << 16;

impl Geometry {
    /// `[d, h, w]` of the result for an input of `[d, h, w]`:
    ///
    /// ```text
    /// out = (size + pad_begin + pad_end - dilation * (kernel - 1) - 1) / stride + 1
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Geometry`] if a size is 0 where it must not be or larger than 65536, if the groups do not divide the
    /// channels, or if the kernel does not fit the padded input.
    pub fn output_size(&self, size: [usize; 3]) -> Result<[usize; 3], Error> {
        self.check()?;
        let mut out = [0; 3];
        for axis in 0..3 {
            let reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
            let padded = size[axis].checked_add(self.pad_begin[axis] + self.pad_end[axis]);
            let padded = padded.ok_or(Error::TooLarge { what: "the padded input" })?;
            let room = padded.checked_sub(reach);
            out[axis] = room.ok_or(Error::Geometry { reason: "the kernel is larger than the padded input" })?
                / self.stride[axis]
                + 1;
        }
        Ok(out)
    }

    /// `[d, h, w]` of the result of a transposed convolution of an input of `[d, h, w]`, without output padding:
    ///
    /// ```text
    /// out = (size - 1) * stride - pad_begin - pad_end + dilation * (kernel - 1) + 1
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Geometry`] if a size is 0 where it must not be or larger than 65536, if the groups do not divide the
    /// channels, or if the padding takes all of the result; [`Error::TooLarge`].
    pub fn transposed_size(&self, size: [usize; 3]) -> Result<[usize; 3], Error> {
        self.check()?;
        let mut out = [0; 3];
        for axis in 0..3 {
            let last = size[axis].checked_sub(1).ok_or(Error::Geometry { reason: "an axis of the input is empty" })?;
            let reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
            let whole = last.checked_mul(self.stride[axis]).and_then(|last| last.checked_add(reach));
            let whole = whole.ok_or(Error::TooLarge { what: "the result" })?;
            out[axis] = whole.saturating_sub(self.pad_begin[axis] + self.pad_end[axis]);
            if out[axis] == 0 {
                return Err(Error::Geometry { reason: "the padding takes all of the result" });
            }
        }
        Ok(out)
    }

    /// Checks the size of a transposed convolution's result; returns the number of its positions.
    pub(crate) fn check_transposed_size(&self, size: [usize; 3], out_size: [usize; 3]) -> Result<usize, Error> {
        let smallest = self.transposed_size(size)?;
        for axis in 0..3 {
            let more = out_size[axis].checked_sub(smallest[axis]);
            if more.is_none_or(|more| more >= self.stride[axis].max(self.dilation[axis])) {
                return Err(Error::Geometry { reason: "the output padding is not less than the stride or dilation" });
            }
        }
        let positions = out_size.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
        positions.ok_or(Error::TooLarge { what: "the result" })
    }

    /// The number of taps; the largest number for a kernel with more.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.kernel.iter().fold(1, |count, &size| count.saturating_mul(size))
    }

    /// Whether every channel is convolved by itself, with one result.
    #[must_use]
    pub fn is_depthwise(&self) -> bool {
        self.groups == self.channels_in && self.channels_in == self.channels_out
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let fail = |reason| Err(Error::Geometry { reason });
        if [self.kernel, self.stride, self.dilation].iter().flatten().any(|&size| size == 0 || size > MAX_SIZE) {
            return fail("a kernel size, stride or dilation is 0 or larger than 65536");
        }
        if [self.pad_begin, self.pad_end].iter().flatten().any(|&size| size > MAX_SIZE) {
            return fail("a padding is larger than 65536");
        }
        let divides = |channels: usize| channels.checked_rem(self.groups) == Some(0);
        if !divides(self.channels_in) || !divides(self.channels_out) {
            return fail("the groups do not divide the channels");
        }
        Ok(())
    }

    /// Calls `f` with the number of each tap of one window that sees the image, in order, and the position that it
    /// sees. Taps in the padding, of which there may be many more, take no time.
    ///
    /// `size` is `[d, h, w]` of the image, and `window` is `[d, h, w]` of the window among the windows.
    ///
    /// # Panics
    ///
    /// If a dilation is 0.
    #[inline]
    pub fn for_each_tap(&self, size: [usize; 3], window: [usize; 3], mut f: impl FnMut(usize, usize)) {
        let [depth, height, width] = [0, 1, 2].map(|axis| self.taps_inside(axis, size[axis], window[axis]));
        let position = |axis: usize, tap: usize| {
            window[axis] * self.stride[axis] + tap * self.dilation[axis] - self.pad_begin[axis]
        };
        for z in depth {
            for y in height.clone() {
                let line = position(0, z) * size[1] + position(1, y);
                for x in width.clone() {
                    f((z * self.kernel[1] + y) * self.kernel[2] + x, line * size[2] + position(2, x));
                }
            }
        }
    }

    /// The taps along one axis that see the image.
    fn taps_inside(&self, axis: usize, size: usize, window: usize) -> Range<usize> {
        let (begin, dilation) = (window * self.stride[axis], self.dilation[axis]);
        // The number of taps before the position `end`, counted from the begin of the padding.
        let before = |end: usize| end.saturating_sub(begin).div_ceil(dilation).min(self.kernel[axis]);
        before(self.pad_begin[axis])..before(self.pad_begin[axis] + size)
    }

    /// `count * zero_point - sum(values)` of the quantized values that one row of the product sees in its group, modulo
    /// 2^32; those in the padding count for nothing.
    pub(crate) fn window_sum(&self, input: &ConvInput<'_>, out: [usize; 3], row: usize, first_channel: usize) -> i32 {
        let image = row / (out[0] * out[1] * out[2]);
        let corner = [row / (out[1] * out[2]) % out[0], row / out[2] % out[1], row % out[2]];
        let positions: usize = input.size.iter().product();
        let mut sum = 0_i32;
        self.for_each_tap(input.size, corner, |_, place| {
            let first = (image * positions + place) * self.channels_in + first_channel;
            let values = (first..first + self.channels_in / self.groups).map(|at| input.values.at(at));
            sum = sum.wrapping_add(window_sum(values, input.zero_point));
        });
        sum
    }
}

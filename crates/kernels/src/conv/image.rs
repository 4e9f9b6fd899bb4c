//! The image that tiles read: the input itself, or a padded copy in the backend's form.

use core::ops::Range;

use alloc::vec::Vec;

use super::{ConvInput, Geometry};
use crate::Error;
use crate::backend::layout::Layout;
use crate::error::check_length;
use crate::gemm::{Rows, convert};
use crate::memory::grow;

/// Copies of images that are convolved together take about this many bytes.
const COPIED_BYTES: usize = 1 << 20;

/// Readable bytes behind a copy: what a vector or a group may read past a run.
const SLACK: usize = 128;

/// Where the quantized values of an image are.
#[derive(Debug)]
pub(super) struct Image {
    layout: Layout,
    /// `[d, h, w]` with the padding.
    padded: [usize; 3],
    pad_begin: [usize; 3],
    size: [usize; 3],
    channels: usize,
    /// Whether the input can be read as it is, but for its end.
    is_plain: bool,
    /// Bytes of one quantized value.
    pub(super) value_bytes: usize,
}

impl Image {
    pub(super) fn new(geometry: &Geometry, input: &ConvInput<'_>, layout: Layout) -> Result<Self, Error> {
        let Geometry { pad_begin, pad_end, channels_in: channels, .. } = *geometry;
        let mut padded = input.size;
        let too_large = Error::TooLarge { what: "the input" };
        for axis in 0..3 {
            let with_begin = padded[axis].checked_add(pad_begin[axis]);
            padded[axis] = with_begin.and_then(|size| size.checked_add(pad_end[axis])).ok_or(too_large.clone())?;
        }
        let elements = |size: [usize; 3], batch: usize| {
            size.iter().try_fold(channels.checked_mul(batch)?, |count, &size| count.checked_mul(size))
        };
        let count = elements(input.size, input.batch).ok_or(too_large.clone())?;
        check_length("the input", input.values.len(), count)?;
        let value_bytes = layout.lhs_bytes();
        let bytes = elements(padded, 1).and_then(|count| count.checked_mul(value_bytes));
        bytes.filter(|&bytes| bytes < isize::MAX.unsigned_abs() / 2).ok_or(too_large)?;
        let has_padding = pad_begin != [0; 3] || pad_end != [0; 3];
        // Of an image without channels nothing is read.
        let is_plain = channels == 0 || layout.is_read_in_place(input.values.is_signed()) && !has_padding;
        Ok(Self { layout, padded, pad_begin, size: input.size, channels, is_plain, value_bytes })
    }

    /// Bytes of a row, a plane and an image.
    fn extents(&self) -> [usize; 3] {
        let row = self.padded[2] * self.channels * self.value_bytes;
        [row, row * self.padded[1], row * self.padded[1] * self.padded[0]]
    }

    /// Where the windows of a result of size `out` begin; `first` is the row of the first. A distance between windows
    /// that wraps is one of which there is no second.
    pub(super) fn rows(&self, geometry: &Geometry, out: [usize; 3], first: usize) -> Rows {
        let position = self.channels * self.value_bytes;
        if geometry.stride == [1; 3] && out == self.padded {
            // Every position is a window, and they follow each other.
            return Rows::Strided { first, stride: position };
        }
        let ([row, plane, image], [d, h, w]) = (self.extents(), geometry.stride);
        let strides = [image, d.wrapping_mul(plane), h.wrapping_mul(row), w.wrapping_mul(position)];
        Rows::Windows { first, size: out, strides }
    }

    /// Where a tap is, in bytes from the first; wraps for a tap that the kernel does not have.
    pub(super) fn offset(&self, geometry: &Geometry, tap: [usize; 3]) -> usize {
        let ([row, plane, _], position) = (self.extents(), self.channels * self.value_bytes);
        let steps = [0, 1, 2].map(|axis| geometry.dilation[axis].wrapping_mul(tap[axis]));
        let [d, h, w] = [steps[0].wrapping_mul(plane), steps[1].wrapping_mul(row), steps[2].wrapping_mul(position)];
        d.wrapping_add(h).wrapping_add(w)
    }

    /// Where the first position of a line of an image is, in bytes: `[image, plane, line]`.
    pub(super) fn place(&self, [image, plane, line]: [usize; 3]) -> usize {
        let [row_bytes, plane_bytes, image_bytes] = self.extents();
        image * image_bytes + plane * plane_bytes + line * row_bytes
    }

    /// The number of images that are read together; `reach` is how far past an image's end a read may go.
    pub(super) fn together(&self, input: &ConvInput<'_>, reach: usize) -> usize {
        if self.is_plain && reach == 0 { input.batch } else { (COPIED_BYTES / self.extents()[2].max(1)).max(1) }
    }

    /// Where the images are, and whether that is a copy that begins with them; readable for all of them and `reach`
    /// bytes more.
    pub(super) fn read(
        &self,
        input: &ConvInput<'_>,
        images: &Range<usize>,
        reach: usize,
        copy: &mut Vec<u8>,
    ) -> Result<(*const u8, bool), Error> {
        if self.is_plain && images.end * self.extents()[2] + reach <= input.values.len() {
            return Ok((input.values.as_bytes().as_ptr(), false));
        }
        debug_assert!(reach <= SLACK, "a run is read on for less than a vector");
        let [row_bytes, plane_bytes, image_bytes] = self.extents();
        let bytes = images.len() * image_bytes;
        grow("the padded input", copy, bytes + SLACK, 0)?;
        // What lies between one row of the input and the next is padding.
        let mut written = 0;
        let values = self.size[2] * self.channels;
        let first_row = self.pad_begin[2] * self.channels * self.value_bytes;
        let positions: usize = self.size.iter().product();
        for (place, image) in images.clone().enumerate() {
            for z in 0..self.size[0] {
                for y in 0..self.size[1] {
                    let from = (image * positions + (z * self.size[1] + y) * self.size[2]) * self.channels;
                    let plane = place * image_bytes + (z + self.pad_begin[0]) * plane_bytes;
                    let to = plane + (y + self.pad_begin[1]) * row_bytes + first_row;
                    self.fill(input, &mut copy[written..to]);
                    written = to + values * self.value_bytes;
                    convert(input.values, from, self.layout, &mut copy[to..written], values);
                }
            }
        }
        self.fill(input, &mut copy[written..bytes]);
        Ok((copy.as_ptr(), true))
    }

    /// Fills a copy with the zero point.
    fn fill(&self, input: &ConvInput<'_>, copy: &mut [u8]) {
        let zero_point = input.zero_point + self.layout.shift(input.values.is_signed());
        let [low, high, ..] = zero_point.to_le_bytes();
        if self.layout.lhs_bytes() == 1 {
            return copy.fill(low);
        }
        let word = i16::from_le_bytes([low, high]).to_ne_bytes();
        copy.chunks_exact_mut(2).for_each(|code| code.copy_from_slice(&word));
    }
}

//! Where the taps of a window lie.

use fourfold_graph::Window;
use fourfold_kernels::Geometry;

/// Sizes of up to three spatial axes, preceded by ones: a `[h, w]` image is `[1, h, w]`.
pub(crate) fn three(sizes: &[usize]) -> [usize; 3] {
    let mut all = [1; 3];
    all[3 - sizes.len()..].copy_from_slice(sizes);
    all
}

/// A window of a graph with its channels, as the kernels take it.
pub(crate) fn geometry(window: &Window, channels_in: usize, channels_out: usize, groups: usize) -> Geometry {
    let padding = |sizes: &[usize]| {
        let mut all = [0; 3];
        all[3 - sizes.len()..].copy_from_slice(sizes);
        all
    };
    Geometry {
        channels_in,
        channels_out,
        groups,
        kernel: three(&window.kernel),
        stride: three(&window.stride),
        dilation: three(&window.dilation),
        pad_begin: padding(&window.pad_begin),
        pad_end: padding(&window.pad_end),
    }
}

/// The windows over one image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows<'a> {
    /// Kernel, stride, dilation, padding.
    pub(crate) geometry: &'a Geometry,
    /// `[d, h, w]` of the image.
    pub(crate) size: [usize; 3],
    /// `[d, h, w]` of the result.
    pub(crate) out: [usize; 3],
}

impl Windows<'_> {
    /// The number of windows.
    pub(crate) fn count(&self) -> usize {
        self.out.iter().product()
    }

    /// Calls `f` with the number of each tap of one window and the position in the image that it sees, `None` in the padding.
    pub(crate) fn for_each_tap(&self, window: usize, mut f: impl FnMut(usize, Option<usize>)) {
        let [_, height, width] = self.out;
        let corner = [window / (height * width), window / width % height, window % width];
        let kernel = self.geometry.kernel;
        let mut tap = 0;
        for d in 0..kernel[0] {
            for h in 0..kernel[1] {
                for w in 0..kernel[2] {
                    let seen = self.seen([d, h, w], corner);
                    f(tap, seen.map(|[d, h, w]| (d * self.size[1] + h) * self.size[2] + w));
                    tap += 1;
                }
            }
        }
    }

    fn seen(&self, tap: [usize; 3], corner: [usize; 3]) -> Option<[usize; 3]> {
        let Geometry { stride, dilation, pad_begin, .. } = self.geometry;
        let mut position = [0; 3];
        for axis in 0..3 {
            let padded = corner[axis] * stride[axis] + tap[axis] * dilation[axis];
            position[axis] = padded.checked_sub(pad_begin[axis]).filter(|&place| place < self.size[axis])?;
        }
        Some(position)
    }
}

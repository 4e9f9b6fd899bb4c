//! The positions that the taps of a window see.

use core::ops::Range;

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

    /// Calls `f` with the number of each tap of one window and the position in the image that it sees, `None` in the
    /// padding.
    pub(crate) fn for_each_tap(&self, window: usize, mut f: impl FnMut(usize, Option<usize>)) {
        let (corner, kernel) = (self.corner(window), self.geometry.kernel);
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

    /// Calls `f` with the number of each tap of one window that sees the image, and the position that it sees. Taps in
    /// the padding, of which there may be many more, take no time.
    pub(crate) fn for_each_seen(&self, window: usize, f: impl FnMut(usize, usize)) {
        self.geometry.for_each_tap(self.size, self.corner(window), f);
    }

    /// Calls `f` with the numbers of taps of one window that follow each other and the position that the first of them
    /// sees: taps of a row that see neighbours together, those in the padding with `None`.
    pub(crate) fn for_each_run(&self, window: usize, mut f: impl FnMut(Range<usize>, Option<usize>)) {
        let Geometry { kernel: [_, _, width], stride, dilation, pad_begin, .. } = *self.geometry;
        if dilation[2] != 1 {
            return self.for_each_tap(window, |tap, seen| f(tap..tap + 1, seen));
        }
        let (corner, height) = (self.corner(window), self.geometry.kernel[1]);
        let first = corner[2] * stride[2];
        let begin = pad_begin[2].saturating_sub(first).min(width);
        let end = (self.size[2] + pad_begin[2]).saturating_sub(first).clamp(begin, width);
        for row in 0..self.geometry.taps() / width {
            let tap = row * width;
            let seen = if begin < end { self.seen([row / height, row % height, begin], corner) } else { None };
            match seen {
                Some([d, h, w]) => {
                    f(tap..tap + begin, None);
                    f(tap + begin..tap + end, Some((d * self.size[1] + h) * self.size[2] + w));
                    f(tap + end..tap + width, None);
                }
                None => f(tap..tap + width, None),
            }
        }
    }

    /// The position of a window among the windows.
    fn corner(&self, window: usize) -> [usize; 3] {
        let [_, height, width] = self.out;
        [window / (height * width), window / width % height, window % width]
    }

    fn seen(&self, tap: [usize; 3], corner: [usize; 3]) -> Option<[usize; 3]> {
        let Geometry { stride, dilation, pad_begin, .. } = self.geometry;
        let mut position = [0; 3];
        for axis in 0..3 {
            let padded = corner[axis] * stride[axis] + tap[axis] * dilation[axis];
            position[axis] = padded.checked_sub(pad_begin[axis]).filter(|&position| position < self.size[axis])?;
        }
        Some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_the_taps() {
        let sizes = [([1, 4, 5], [1, 3, 3]), ([1, 1, 2], [1, 1, 4]), ([3, 2, 6], [2, 2, 1]), ([1, 5, 3], [1, 2, 5])];
        for (size, kernel) in sizes {
            for (pad, stride, dilation) in [(0, 1, 1), (1, 1, 1), (2, 2, 1), (3, 1, 2), (2, 3, 3), (4, 1, 1), (6, 5, 1)]
            {
                let [pad_begin, pad_end] = [[0, pad, pad], [0, pad / 2, pad]];
                let (stride, dilation) = ([1, stride, stride], [1, dilation, dilation]);
                let geometry = Geometry {
                    channels_in: 1,
                    channels_out: 1,
                    groups: 1,
                    kernel,
                    stride,
                    dilation,
                    pad_begin,
                    pad_end,
                };
                let Ok(out) = geometry.output_size(size) else { continue };
                let windows = Windows { geometry: &geometry, size, out };
                for window in 0..windows.count() {
                    let (mut taps, mut runs) = (Vec::new(), Vec::new());
                    windows.for_each_tap(window, |tap, seen| taps.push((tap, seen)));
                    windows.for_each_run(window, |run, seen| {
                        runs.extend(run.clone().map(|tap| (tap, seen.map(|seen| seen + tap - run.start))));
                    });
                    assert_eq!(runs, taps, "{size:?} {geometry:?}, window {window}");
                    let mut seen = Vec::new();
                    windows.for_each_seen(window, |tap, position| seen.push((tap, Some(position))));
                    taps.retain(|(_, position)| position.is_some());
                    assert_eq!(seen, taps, "{size:?} {geometry:?}, window {window}");
                }
            }
        }
    }
}

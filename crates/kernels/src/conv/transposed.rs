//! Transposed convolutions: every phase of the result is a convolution of its own.
//!
//! Along one axis, the input at `x` adds to the results at `x * s - pad + i * d`, for each tap `i`. A result at
//! `y = t * s + p` belongs to phase `p`. It sees tap `i` only if `s` divides `p + pad - i * d`, and then at
//!
//! ```text
//! x = t + (p + pad - i * d) / s
//! ```
//!
//! So all results of one phase see the same taps at the same distances. That is a product with a pointer for each row
//! and tap, as for any convolution: no zeros are put between the inputs, and every sum is written once.

use core::num::NonZeroUsize;
use core::ops::Range;

use alloc::vec::Vec;

use super::image::Image;
use super::pack::{Part, check_weights};
use super::{ConvInput, Geometry};
use crate::backend::layout::Layout;
use crate::gemm::{Job, RowTerms, Rows, window_sum};
use crate::memory::{collect, fill, reserve};
use crate::weights::{offset, stored};
use crate::{Error, Kernel, Output, PackedWeights, QuantizedSlice, Scratch, ZeroPoints, error};

/// Weights of a transposed convolution packed for the kernels that share their layout.
#[derive(Clone, Debug)]
pub struct PackedTransposedConv {
    geometry: Geometry,
    layout: Layout,
    /// Those whose results see a tap, in the order of their places.
    phases: Vec<Phase>,
    /// Any other: its results are made of the bias alone.
    empty: Phase,
}

/// Every `stride`-th result along each axis.
#[derive(Clone, Debug)]
struct Phase {
    /// `[d, h, w]` of the first.
    first: [usize; 3],
    /// Where each tap is, from a result's number within the phase.
    taps: Vec<[isize; 3]>,
    parts: Vec<Part>,
}

/// A tap of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tap {
    /// The phase whose results see it.
    phase: [usize; 3],
    /// Its number in the kernel.
    index: usize,
    /// Where it is, from a result's number within the phase.
    place: [isize; 3],
}

/// What the memory here is for.
const WHAT: &str = "the packed weights";

impl Kernel {
    /// Packs the weights of a transposed convolution once: `[channels_out, kd, kh, kw, channels_in / groups]` quantized
    /// values.
    ///
    /// # Errors
    ///
    /// As [`Kernel::pack_conv`].
    pub fn pack_transposed_conv(
        self,
        geometry: &Geometry,
        values: QuantizedSlice<'_>,
        zero_points: ZeroPoints<'_>,
    ) -> Result<PackedTransposedConv, Error> {
        let (depth, channels) = check_weights(geometry, values, zero_points)?;
        let (channels_out, layout) = (geometry.channels_out, self.0.layout);
        // Without a quantized value in the weights no tap is seen, however many there are.
        let has_values = depth > 0 && channels_out > 0;
        let groups = if has_values { geometry.groups } else { channels_out.min(1) };
        let n = channels_out.checked_div(groups).unwrap_or(0);
        let pack = |first: [usize; 3], taps: &[Tap]| -> Result<Phase, Error> {
            let parts = (0..groups).map(|group| {
                let (first_channel, first_result) = (group * channels, group * n);
                let weights = PackedWeights::of_runs(
                    layout,
                    if taps.is_empty() { (n, 1, 0) } else { (n, taps.len(), channels) },
                    |column, tap, p| stored(values, (first_result + column) * depth + taps[tap].index * channels + p),
                    |column| zero_points.at(first_result + column) - offset(values),
                )?;
                Ok(Part { weights, first_channel, first_result })
            });
            let parts = collect(WHAT, parts)?;
            Ok(Phase { first, taps: collect(WHAT, taps.iter().map(|tap| Ok(tap.place)))?, parts })
        };
        let mut taps = if has_values { taps_by_phase(geometry)? } else { Vec::new() };
        taps.sort_unstable();
        let of_phases = || taps.chunk_by(|a, b| a.phase == b.phase);
        let mut phases = Vec::new();
        reserve(WHAT, &mut phases, of_phases().count())?;
        for taps in of_phases() {
            phases.push(pack(taps[0].phase, taps)?);
        }
        Ok(PackedTransposedConv { geometry: geometry.clone(), layout, phases, empty: pack([0; 3], &[])? })
    }

    /// Convolves quantized values with packed weights, transposed:
    ///
    /// ```text
    /// acc[b, y, x, o] = sum (input[b, y', x', c] - z_x) * (weights[o, i, j, c] - z_w[o])
    ///                   over i, j, c, y', x' with y' * s - pad + i * d = y and x' * s - pad + j * d = x
    /// ```
    ///
    /// exact modulo 2^32, and makes results of the sums as [`Output`] says, whose rows are the positions `[batch, d, h,
    /// w]` of a result of size `out_size` and whose columns are its channels. The size is
    /// [`Geometry::transposed_size`], or less than a stride more ("output padding"). Runs on one thread.
    ///
    /// # Errors
    ///
    /// As [`Kernel::conv`].
    pub fn transposed_conv(
        self,
        input: &ConvInput<'_>,
        weights: &PackedTransposedConv,
        out_size: [usize; 3],
        output: Output<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let PackedTransposedConv { geometry, layout, .. } = weights;
        if *layout != self.0.layout {
            return Err(Error::Layout { packed: layout.name(), expected: self.0.layout.name() });
        }
        let positions = geometry.check_transposed_size(input.size, out_size)?;
        let m = positions.checked_mul(input.batch).ok_or(Error::TooLarge { what: "the result" })?;
        let mut output = output.checked(m, geometry.channels_out)?;
        error::check_zero_point("the input", input.zero_point, input.values.range())?;
        if m == 0 || geometry.channels_out == 0 {
            return Ok(());
        }
        let stepped = weights.stepped(input.size, out_size);
        let image = Image::new(&stepped, input, *layout)?;
        let channels = geometry.channels_in / geometry.groups;
        let reach = (channels.next_multiple_of(layout.depth()) - channels) * image.value_bytes;
        let together = image.together(input, reach);
        for first in (0..input.batch).step_by(together.max(1)) {
            let images = first..input.batch.min(first.saturating_add(together));
            let (base, copied) = image.read(input, &images, reach, &mut scratch.lhs)?;
            let first_image = if copied { images.start } else { 0 };
            let pass =
                Pass { kernel: self, input, weights, out_size, image: &image, stepped: &stepped, base, first_image };
            for (at, count) in phases_within(geometry.stride, out_size) {
                pass.phase(&images, (at, count), &mut output, scratch)?;
            }
        }
        Ok(())
    }
}

/// Some images, ready to be read.
struct Pass<'a> {
    kernel: Kernel,
    input: &'a ConvInput<'a>,
    weights: &'a PackedTransposedConv,
    out_size: [usize; 3],
    image: &'a Image,
    stepped: &'a Geometry,
    base: *const u8,
    /// The image at the base.
    first_image: usize,
}

impl Pass<'_> {
    /// Computes the results of a phase that begins `at` and has `count` results along each axis.
    fn phase(
        &self,
        images: &Range<usize>,
        (at, count): ([usize; 3], [usize; 3]),
        output: &mut Output<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let Pass { input, weights, image, stepped, out_size, .. } = *self;
        let Geometry { stride, channels_in, .. } = weights.geometry;
        let phase = weights.phase(at);
        let place = |place: &[isize; 3]| {
            let padded = [0, 1, 2].map(|axis| stepped.pad_begin[axis].wrapping_add_signed(place[axis]));
            image.offset(stepped, padded)
        };
        // The weights of no tap are one tap of no depth, for which nothing is read.
        let is_empty = phase.taps.is_empty();
        fill("the places of the taps", &mut scratch.taps, phase.taps.len().max(1), 0)?;
        scratch.taps.iter_mut().zip(&phase.taps).for_each(|(to, tap)| *to = place(tap));
        for part in &phase.parts {
            let shift = weights.layout.shift(input.values.is_signed());
            let terms = RowTerms { zero_point: input.zero_point + shift, factors: &[], sums: &[] };
            let epilogue = scratch.columns.epilogue(&terms, &part.weights, output.reborrow(), part.first_result)?;
            let base = self.base.wrapping_add(part.first_channel * image.value_bytes);
            for (b, z, y) in lines(images, count) {
                let (plane, line) = (b * out_size[0] + at[0] + z * stride[0], at[1] + y * stride[1]);
                let row = (plane * out_size[1] + line) * out_size[2] + at[2];
                // SAFETY: row `row` is that of the line's first result, which the output was found to have, and the
                // terms have no rows.
                let mut epilogue = unsafe { epilogue.every(row, stride[2]) };
                if !part.weights.zero_points().is_empty() {
                    fill("the sums of the windows", &mut scratch.row_sums, count[2], 0)?;
                    for (x, sum) in scratch.row_sums.iter_mut().enumerate() {
                        let values = weights.values_of(input, phase, part.first_channel, (b, [z, y, x]));
                        *sum = window_sum(values, input.zero_point);
                    }
                    epilogue.row_sums = scratch.row_sums.as_ptr();
                }
                let (line, stride) = match is_empty {
                    true => (0, 0),
                    false => (image.place([b - self.first_image, z, y]), channels_in * image.value_bytes),
                };
                let job = Job {
                    backend: self.kernel.0,
                    weights: &part.weights,
                    epilogue: &epilogue,
                    base: base.wrapping_add(line),
                    rows: Rows::Strided { first: 0, stride },
                    taps: &scratch.taps,
                    column_step: None,
                    threads: Some(NonZeroUsize::MIN),
                };
                // SAFETY: the CPU has the backend of a `Kernel`, and the weights were found to have its layout.
                // `stepped` gave the image the padding in which every tap of the line's results lies, and `read` made
                // it readable as far past a run as whole groups reach. Row `i` of this epilogue is row `row + i *
                // stride` of the output, which has `count` such rows; their sums are set above.
                unsafe { job.run(0..count[2]) }?;
            }
        }
        Ok(())
    }
}

impl PackedTransposedConv {
    /// The sizes that the weights were packed for.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    fn phase(&self, at: [usize; 3]) -> &Phase {
        self.phases.binary_search_by_key(&at, |phase| phase.first).map_or(&self.empty, |found| &self.phases[found])
    }

    /// How the image is read: by single positions, with padding wherever a tap lies outside.
    fn stepped(&self, size: [usize; 3], out_size: [usize; 3]) -> Geometry {
        let (one, mut begin, mut end) = ([1; 3], [0; 3], [0; 3]);
        for (at, count) in phases_within(self.geometry.stride, out_size) {
            for place in &self.phase(at).taps {
                for axis in 0..3 {
                    begin[axis] = place[axis].saturating_neg().max(0).unsigned_abs().max(begin[axis]);
                    let last = (count[axis] - 1).saturating_add_signed(place[axis]);
                    end[axis] = last.saturating_sub(size[axis] - 1).max(end[axis]);
                }
            }
        }
        let geometry = self.geometry.clone();
        Geometry { kernel: one, stride: one, dilation: one, pad_begin: begin, pad_end: end, ..geometry }
    }

    /// The quantized values that one result of a phase sees in its group, without those in the padding.
    fn values_of(
        &self,
        input: &ConvInput<'_>,
        phase: &Phase,
        first_channel: usize,
        (image, at): (usize, [usize; 3]),
    ) -> impl Iterator<Item = i32> {
        let Geometry { channels_in, groups, .. } = self.geometry;
        let [depth, height, width] = input.size;
        phase.taps.iter().flat_map(move |place| {
            let inside = |axis: usize| at[axis].checked_add_signed(place[axis]).filter(|&at| at < input.size[axis]);
            let position = match [inside(0), inside(1), inside(2)] {
                [Some(z), Some(y), Some(x)] => Some(((image * depth + z) * height + y) * width + x),
                _ => None,
            };
            position.into_iter().flat_map(move |position| {
                let first = position * channels_in + first_channel;
                (first..first + channels_in / groups).map(|at| input.values.at(at))
            })
        })
    }
}

/// The taps of a kernel whose weights there are.
fn taps_by_phase(geometry: &Geometry) -> Result<Vec<Tap>, Error> {
    let [_, height, width] = geometry.kernel;
    let tap = |index: usize| {
        let step = [index / (height * width), index / width % height, index % width];
        let mut tap = Tap { phase: [0; 3], index, place: [0; 3] };
        for (axis, step) in step.into_iter().enumerate() {
            let stride = geometry.stride[axis].cast_signed();
            let before = (step * geometry.dilation[axis]).cast_signed() - geometry.pad_begin[axis].cast_signed();
            tap.phase[axis] = before.rem_euclid(stride).unsigned_abs();
            tap.place[axis] = -before.div_euclid(stride);
        }
        Ok(tap)
    };
    collect(WHAT, (0..geometry.taps()).map(tap))
}

/// The phases that have results in a result of this size: where each begins, and how many it has along each axis.
fn phases_within(stride: [usize; 3], size: [usize; 3]) -> impl Iterator<Item = ([usize; 3], [usize; 3])> {
    let count = move |axis: usize, first: usize| (size[axis] - first).div_ceil(stride[axis]);
    let firsts = move |axis: usize| 0..stride[axis].min(size[axis]);
    firsts(0).flat_map(move |z| {
        firsts(1).flat_map(move |y| firsts(2).map(move |x| ([z, y, x], [count(0, z), count(1, y), count(2, x)])))
    })
}

/// The image, plane and line of each line of a phase.
fn lines(images: &Range<usize>, count: [usize; 3]) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
    images.clone().flat_map(move |b| (0..count[0]).flat_map(move |z| (0..count[1]).map(move |y| (b, z, y))))
}

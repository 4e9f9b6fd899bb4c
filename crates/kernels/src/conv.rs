//! Convolutions over 1 to 3 spatial axes, channels last, as products that are never written down.
//!
//! A row of the product is a position of the result, its depth the taps of the kernel times the channels. Nothing is
//! gathered: a tile takes a pointer for each row and tap, and where taps are neighbours in memory (dilation 1, one
//! group) a whole row of the kernel is one run.
//!
//! The image is copied once, with its padding filled with the zero point, if it has padding or the backend wants
//! another form; so no tap is ever outside of it, and 1x1, 3x3, strided, dilated, grouped, 1-d and 3-d convolutions are
//! one path. A run that is not a whole number of groups is read on into its neighbours, where the weights are 0.
//!
//! Depthwise convolutions have a loop of their own: channels are the lanes, and four rows of the kernel (or two) are
//! one group.

mod geometry;
mod image;
mod pack;
mod transposed;

use crate::gemm::{Job, RowTerms};
use crate::{Error, Kernel, Output, QuantizedSlice, Scratch, error, memory};

pub use geometry::Geometry;
use image::Image;
pub use pack::PackedConv;
use pack::Part;
pub use transposed::PackedTransposedConv;

/// The input of a convolution: `[batch, d, h, w, channels]` quantized values.
#[derive(Clone, Copy, Debug)]
pub struct ConvInput<'a> {
    /// The quantized values, channels last.
    pub values: QuantizedSlice<'a>,
    /// The number of images.
    pub batch: usize,
    /// `[d, h, w]`; axes that there are not are 1.
    pub size: [usize; 3],
    /// The quantized value of 0, which is also the padding.
    pub zero_point: i32,
}

impl Kernel {
    /// Convolves quantized values with packed weights:
    ///
    /// ```text
    /// acc[b, y, x, o] = sum_{i, j, c} (input[b, y * s - pad + i * d, x * s - pad + j * d, c] - z_x)
    ///                                 * (weights[o, i, j, c] - z_w[o])
    /// ```
    ///
    /// exact modulo 2^32, and makes results of the sums as [`Output`] says, whose rows are the positions `[batch, d, h,
    /// w]` of the result and whose columns are its channels.
    ///
    /// # Errors
    ///
    /// [`Error::Layout`] if the weights are packed for a kernel with another layout; [`Error::Geometry`] if the kernel
    /// does not fit the padded image; [`Error::Length`], [`Error::ZeroPoint`], [`Error::Bounds`] if an operand does not
    /// fit; [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn conv(
        self,
        input: &ConvInput<'_>,
        weights: &PackedConv,
        output: Output<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        weights.check(self)?;
        let geometry = weights.geometry();
        let out_size = geometry.output_size(input.size)?;
        let positions = out_size.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
        let m = positions.and_then(|positions| positions.checked_mul(input.batch));
        let (positions, m) = positions.zip(m).ok_or(Error::TooLarge { what: "the result" })?;
        let mut output = output.checked(m, geometry.channels_out)?;
        error::check_zero_point("the input", input.zero_point, input.values.range())?;
        let image = Image::new(geometry, input, self.0.layout)?;
        if m == 0 || geometry.channels_out == 0 {
            return Ok(());
        }
        let shift = self.0.layout.shift(input.values.is_signed());
        weights.offsets(&image, &mut scratch.taps)?;
        let together = image.together(input, weights.reach(&image));
        for first in (0..input.batch).step_by(together.max(1)) {
            let images = first..input.batch.min(first.saturating_add(together));
            let (base, copied) = image.read(input, &images, weights.reach(&image), &mut scratch.lhs)?;
            for Part { weights: part, first_channel, first_result } in weights.parts() {
                scratch.row_sums.clear();
                let rows = images.start * positions..images.end * positions;
                if !part.zero_points().is_empty() {
                    // Sums are found by their row; those of earlier images are not asked for again.
                    memory::fill("the sums of the windows", &mut scratch.row_sums, rows.end, 0)?;
                    for row in rows.clone() {
                        scratch.row_sums[row] = geometry.window_sum(input, out_size, row, *first_channel);
                    }
                }
                let terms = RowTerms { zero_point: input.zero_point + shift, factors: &[], sums: &scratch.row_sums };
                let epilogue = scratch.columns.epilogue(&terms, part, output.reborrow(), *first_result)?;
                let job = Job {
                    backend: self.0,
                    weights: part,
                    epilogue: &epilogue,
                    base: base.wrapping_add(first_channel * image.value_bytes),
                    rows: image.rows(geometry, out_size, if copied { images.start * positions } else { 0 }),
                    taps: &scratch.taps,
                    column_step: weights.is_depthwise().then(|| image.offset(geometry, [0, 0, 1])),
                    threads: scratch.threads,
                };
                // SAFETY: the CPU has the backend of a `Kernel`, and `check` found that the weights have its layout.
                // `output_size` found that every tap of these windows lies in the padded image, which `read` made
                // readable for these images and as far past a run as `reach` says: whole groups, or a vector of
                // channels. `checked` found that the output, `epilogue` that its arrays, and the fill above that the
                // sums have these rows and the part's columns.
                unsafe { job.run(rows) }?;
            }
        }
        Ok(())
    }
}

//! Pooling of quantized values, channels last.

use crate::backend::quantizer::Clamp;
use crate::elementwise::check_values;
use crate::error::{check_length, check_zero_point};
use crate::memory::fill;
use crate::{ConvInput, Error, Geometry, Kernel, QuantizedSliceMut, Scratch};

/// What [`Kernel::average_pool`] makes of sums.
#[derive(Debug)]
pub struct Average<'a> {
    /// `[batch, d, h, w, channels]` quantized values.
    pub out: QuantizedSliceMut<'a>,
    /// The scale of the input divided by the scale of the result.
    pub multiplier: f32,
    /// The quantized value of 0 of the result.
    pub zero_point: i32,
    /// The smallest quantized value of the result.
    pub q_min: i32,
    /// The largest quantized value of the result.
    pub q_max: i32,
    /// Whether padding counts as zeros in the mean; otherwise only real elements count.
    pub count_include_pad: bool,
}

impl Kernel {
    /// The largest quantized value of each window, padding left out; a window in the padding alone gives the smallest
    /// value of the type.
    ///
    /// `input` is `[batch, d, h, w, channels]`, `out` the same with the sizes of the result; both of one type.
    ///
    /// # Errors
    ///
    /// [`Error::Geometry`] if the window does not fit the padded input or changes the number of channels,
    /// [`Error::Length`].
    pub fn max_pool(self, input: &ConvInput<'_>, geometry: &Geometry, out: QuantizedSliceMut<'_>) -> Result<(), Error> {
        let windows = Windows::new(input, geometry)?;
        let is_signed = input.values.is_signed();
        if is_signed != matches!(out, QuantizedSliceMut::I8(_)) {
            return Err(Error::Geometry { reason: "max pooling keeps the type of its input" });
        }
        let (out, values) = (out.into_bytes(), input.values.as_bytes());
        check_length("out", out.len(), windows.results)?;
        let channels = geometry.channels_in.max(1);
        for (position, out) in out[..windows.results].chunks_exact_mut(channels).enumerate() {
            out.fill(if is_signed { 0x80 } else { 0 });
            windows.for_each_place(position, |at| {
                // SAFETY: the CPU has the backend of a `Kernel`.
                unsafe { (self.0.loops.max)(&values[at..at + channels], is_signed, out) };
            });
        }
        Ok(())
    }

    /// The mean of each window:
    ///
    /// ```text
    /// out = clamp(round(f32(sum (q - z_x)) * (multiplier / count)) + zero_point, q_min, q_max)
    /// ```
    ///
    /// The sum is exact; `multiplier / count` and the product are rounded; `round` is to nearest, ties to even. `count`
    /// is the number of quantized values summed, or of all taps if padding counts.
    ///
    /// # Errors
    ///
    /// As [`Kernel::max_pool`], and [`Error::ZeroPoint`] and [`Error::Bounds`] if a parameter is not a value of its
    /// type.
    pub fn average_pool(
        self,
        input: &ConvInput<'_>,
        geometry: &Geometry,
        average: Average<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let windows = Windows::new(input, geometry)?;
        let Average { out, multiplier, zero_point, q_min, q_max, count_include_pad } = average;
        check_values(zero_point, (q_min, q_max), out.range())?;
        check_zero_point("the input", input.zero_point, input.values.range())?;
        let (out, values, is_signed) = (out.into_bytes(), input.values.as_bytes(), input.values.is_signed());
        check_length("out", out.len(), windows.results)?;
        let channels = geometry.channels_in.max(1);
        let sums = &mut scratch.row_sums;
        for (position, out) in out[..windows.results].chunks_exact_mut(channels).enumerate() {
            fill("the sums of the windows", sums, channels, 0)?;
            let mut seen = 0_usize;
            windows.for_each_place(position, |at| {
                seen += 1;
                // SAFETY: the CPU has the backend of a `Kernel`.
                unsafe { (self.0.loops.accumulate)(&values[at..at + channels], is_signed, input.zero_point, sums) };
            });
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^24 taps")]
            let count = if count_include_pad { geometry.taps() } else { seen } as f32;
            let clamp = Clamp { zero_point, q_min, q_max };
            // SAFETY: the CPU has the backend of a `Kernel`.
            unsafe { (self.0.loops.requantize)(sums, &[multiplier / count], clamp, out) };
        }
        Ok(())
    }
}

/// The windows over a batch of images.
struct Windows<'a> {
    geometry: &'a Geometry,
    size: [usize; 3],
    out: [usize; 3],
    /// The number of quantized values of the result.
    results: usize,
}

impl<'a> Windows<'a> {
    fn new(input: &ConvInput<'_>, geometry: &'a Geometry) -> Result<Self, Error> {
        let (size, batch) = (input.size, input.batch);
        let out = geometry.output_size(size)?;
        if geometry.channels_in != geometry.channels_out {
            return Err(Error::Geometry { reason: "pooling keeps the number of channels" });
        }
        let count = |size: [usize; 3]| {
            size.iter().try_fold(geometry.channels_in.checked_mul(batch)?, |count, &size| count.checked_mul(size))
        };
        let (expected, results) = count(size).zip(count(out)).ok_or(Error::TooLarge { what: "the input" })?;
        check_length("the input", input.values.len(), expected)?;
        Ok(Self { geometry, size, out, results })
    }

    /// Calls `f` with the place of the first channel of each tap that lies in the image.
    fn for_each_place(&self, position: usize, mut f: impl FnMut(usize)) {
        let [depth, height, width] = self.out;
        let (rest, x) = (position / width, position % width);
        let (rest, y) = (rest / height, rest % height);
        let (image, z) = (rest / depth, rest % depth);
        let first = image * self.size.iter().product::<usize>();
        self.geometry.for_each_tap(self.size, [z, y, x], |_, place| f((first + place) * self.geometry.channels_in));
    }
}

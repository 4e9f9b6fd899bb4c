//! Weights of a convolution, packed.

use alloc::vec::Vec;

use super::{Geometry, Image};
use crate::backend::isa::LANES;
use crate::backend::layout::Layout;
use crate::error::check_length;
use crate::memory::{collect, fill};
use crate::weights::{offset, stored};
use crate::{Error, Kernel, PackedWeights, QuantizedSlice, ZeroPoints};

/// Weights of a convolution packed for the kernels that share their layout.
#[derive(Clone, Debug)]
pub struct PackedConv {
    geometry: Geometry,
    layout: Layout,
    taps: Taps,
    parts: Vec<Part>,
}

/// The weights of some channels of the result.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) weights: PackedWeights,
    /// The first channel of the input that they see.
    pub(super) first_channel: usize,
    /// The first channel of the result that they make.
    pub(super) first_result: usize,
}

/// What a tap of the packed weights is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taps {
    /// One position of the kernel, all channels of the group.
    Each,
    /// One row of the kernel: its positions are neighbours in memory.
    Rows,
    /// One column of the kernel, one channel: the channels are the columns of the product.
    Depthwise,
    /// A single one of no depth, for which nothing is read: the input has no channels, however many taps the kernel
    /// has.
    Nothing,
}

impl PackedConv {
    /// The number of bytes that the packed quantized values take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.weights.bytes()).sum()
    }
}

impl Kernel {
    /// Packs the weights of a convolution once: `[channels_out, kd, kh, kw, channels_in / groups]` quantized values.
    ///
    /// # Errors
    ///
    /// [`Error::Geometry`] if the sizes do not fit each other, [`Error::Length`], [`Error::ZeroPoint`],
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn pack_conv(
        self,
        geometry: &Geometry,
        values: QuantizedSlice<'_>,
        zero_points: ZeroPoints<'_>,
    ) -> Result<PackedConv, Error> {
        let (depth, channels) = check_weights(geometry, values, zero_points)?;
        let Geometry { channels_out, groups, kernel, dilation, .. } = *geometry;
        let layout = self.0.layout;
        // The channels of a depthwise row see different quantized values, so zero points would need a sum for each
        // result.
        let is_symmetric = || (0..channels_out).all(|column| zero_points.at(column) == offset(values));
        let taps = match () {
            () if channels == 0 => Taps::Nothing,
            () if geometry.is_depthwise() && is_symmetric() => Taps::Depthwise,
            () if groups == 1 && dilation[2] == 1 => Taps::Rows,
            () => Taps::Each,
        };
        let (count, run) = match taps {
            Taps::Each => (geometry.taps(), channels),
            Taps::Rows => (kernel[0] * kernel[1], kernel[2] * channels),
            Taps::Depthwise => (kernel[2], kernel[0] * kernel[1]),
            Taps::Nothing => (1, 0),
        };
        let pack = |n: usize, first_result: usize| {
            PackedWeights::of_runs(
                if taps == Taps::Depthwise { layout.depthwise() } else { layout },
                (n, count, run),
                |column, tap, p| {
                    let place = if taps == Taps::Depthwise { p * count + tap } else { tap * run + p };
                    stored(values, (first_result + column) * depth + place)
                },
                |column| zero_points.at(first_result + column) - offset(values),
            )
        };
        // One part makes all results, or each group has its own, of which there are not more than channels.
        let groups = match taps {
            Taps::Depthwise | Taps::Nothing => 1,
            Taps::Each | Taps::Rows => groups.min(channels_out),
        };
        let n = channels_out.checked_div(groups).unwrap_or(0);
        let parts = (0..groups).map(|group| {
            let weights = pack(n, group * n)?;
            Ok(Part { weights, first_channel: group * channels, first_result: group * n })
        });
        let parts = collect("the packed weights", parts)?;
        Ok(PackedConv { geometry: geometry.clone(), layout, taps, parts })
    }
}

/// Checks weights `[channels_out, kd, kh, kw, channels_in / groups]`; returns the number of quantized values for each
/// channel of the result and the number of channels that it sees.
pub(super) fn check_weights(
    geometry: &Geometry,
    values: QuantizedSlice<'_>,
    zero_points: ZeroPoints<'_>,
) -> Result<(usize, usize), Error> {
    geometry.check()?;
    let Geometry { channels_in, channels_out, groups, kernel, .. } = *geometry;
    let (channels, too_large) = (channels_in / groups, Error::TooLarge { what: "the weights" });
    let depth = kernel.iter().try_fold(channels, |depth, &size| depth.checked_mul(size));
    let depth = depth.ok_or(too_large.clone())?;
    check_length("the weights", values.len(), depth.checked_mul(channels_out).ok_or(too_large)?)?;
    zero_points.check("the weights", channels_out, values.range())?;
    Ok((depth, channels))
}

impl PackedConv {
    /// The sizes that the weights were packed for.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub(super) fn check(&self, kernel: Kernel) -> Result<(), Error> {
        let expected = kernel.0.layout;
        if self.layout == expected {
            return Ok(());
        }
        Err(Error::Layout { packed: self.layout.name(), expected: expected.name() })
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(super) fn is_depthwise(&self) -> bool {
        self.taps == Taps::Depthwise
    }

    /// Lists where each tap is, in bytes from the first; for a depthwise convolution each row of the kernel, filled up
    /// to whole groups.
    pub(super) fn offsets(&self, image: &Image, offsets: &mut Vec<usize>) -> Result<(), Error> {
        let [depth, height, width] = match self.taps {
            Taps::Each => self.geometry.kernel,
            Taps::Rows | Taps::Depthwise => [self.geometry.kernel[0], self.geometry.kernel[1], 1],
            Taps::Nothing => [1; 3],
        };
        let group = if self.taps == Taps::Depthwise { self.layout.depthwise().depth() } else { 1 };
        // Rows that there are not have weight 0; they are read where the first one is.
        fill("the places of the taps", offsets, (depth * height * width).next_multiple_of(group), 0)?;
        for (tap, offset) in offsets.iter_mut().take(depth * height * width).enumerate() {
            let tap = [tap / (height * width), tap / width % height, tap % width];
            *offset = image.offset(&self.geometry, tap);
        }
        Ok(())
    }

    /// How far past an image's last quantized value a read may go, in bytes.
    pub(super) fn reach(&self, image: &Image) -> usize {
        let channels = self.geometry.channels_in / self.geometry.groups;
        match self.taps {
            Taps::Depthwise => {
                let channels = self.geometry.channels_in;
                (channels.next_multiple_of(LANES) - channels) * image.value_bytes
            }
            Taps::Nothing => 0,
            Taps::Each => (channels.next_multiple_of(self.layout.depth()) - channels) * image.value_bytes,
            Taps::Rows => {
                let run = self.geometry.kernel[2] * channels;
                (run.next_multiple_of(self.layout.depth()) - run) * image.value_bytes
            }
        }
    }
}

//! Weights of a convolution, packed.

use alloc::vec::Vec;

use super::{Geometry, Image};
use crate::backend::isa::LANES;
use crate::backend::layout::Layout;
use crate::error::check_length;
use crate::weights::{offset, stored};
use crate::{Codes, Error, Kernel, PackedWeights, ZeroPoints};

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
}

impl PackedConv {
    /// The number of bytes that the packed codes take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.weights.bytes()).sum()
    }
}

impl Kernel {
    /// Packs the weights of a convolution once: `[channels_out, kd, kh, kw, channels_in / groups]` codes.
    ///
    /// # Errors
    ///
    /// [`Error::Geometry`] if the sizes do not fit each other, [`Error::Length`], [`Error::ZeroPoint`], [`Error::TooLarge`].
    pub fn pack_conv(
        self,
        geometry: &Geometry,
        codes: Codes<'_>,
        zero_points: ZeroPoints<'_>,
    ) -> Result<PackedConv, Error> {
        let (depth, channels) = check_weights(geometry, codes, zero_points)?;
        let Geometry { channels_out, groups, kernel, dilation, .. } = *geometry;
        let layout = self.0.layout;
        // The channels of a depthwise row see different codes, so zero points would need a sum for each result.
        let is_symmetric = (0..channels_out).all(|column| zero_points.at(column) == offset(codes));
        let taps = match () {
            () if geometry.is_depthwise() && is_symmetric => Taps::Depthwise,
            () if groups == 1 && dilation[2] == 1 => Taps::Rows,
            () => Taps::Each,
        };
        let (count, run) = match taps {
            Taps::Each => (kernel.iter().product(), channels),
            Taps::Rows => (kernel[0] * kernel[1], kernel[2] * channels),
            Taps::Depthwise => (kernel[2], kernel[0] * kernel[1]),
        };
        let pack = |n: usize, first_result: usize| {
            PackedWeights::of_runs(
                if taps == Taps::Depthwise { layout.depthwise() } else { layout },
                (n, count, run),
                |column, tap, p| {
                    let place = if taps == Taps::Depthwise { p * count + tap } else { tap * run + p };
                    stored(codes, (first_result + column) * depth + place)
                },
                |column| zero_points.at(first_result + column) - offset(codes),
            )
        };
        let parts = if taps == Taps::Depthwise {
            [pack(channels_out, 0).map(|weights| Part { weights, first_channel: 0, first_result: 0 })]
                .into_iter()
                .collect::<Result<_, _>>()?
        } else {
            let n = channels_out / groups;
            let part = |group: usize| {
                let weights = pack(n, group * n)?;
                Ok(Part { weights, first_channel: group * channels, first_result: group * n })
            };
            (0..groups).map(part).collect::<Result<_, Error>>()?
        };
        Ok(PackedConv { geometry: geometry.clone(), layout, taps, parts })
    }
}

/// Checks weights `[channels_out, kd, kh, kw, channels_in / groups]`; returns the number of codes for each channel of the result and
/// the number of channels that it sees.
pub(super) fn check_weights(
    geometry: &Geometry,
    codes: Codes<'_>,
    zero_points: ZeroPoints<'_>,
) -> Result<(usize, usize), Error> {
    geometry.check()?;
    let Geometry { channels_in, channels_out, groups, kernel, .. } = *geometry;
    let (channels, too_large) = (channels_in / groups, Error::TooLarge { what: "the weights" });
    let depth = kernel.iter().try_fold(channels, |depth, &size| depth.checked_mul(size));
    let depth = depth.ok_or(too_large.clone())?;
    check_length("the weights", codes.len(), depth.checked_mul(channels_out).ok_or(too_large)?)?;
    zero_points.check("the weights", channels_out, codes.range())?;
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

    /// Lists where each tap is, in bytes from the first; for a depthwise convolution each row of the kernel, filled up to whole groups.
    pub(super) fn offsets(&self, image: &Image, offsets: &mut Vec<usize>) {
        let [depth, height, width] = self.geometry.kernel;
        let width = if self.taps == Taps::Each { width } else { 1 };
        offsets.clear();
        for z in 0..depth {
            for y in 0..height {
                offsets.extend((0..width).map(|x| image.offset(&self.geometry, [z, y, x])));
            }
        }
        if self.taps == Taps::Depthwise {
            // Rows that there are not have weight 0; they are read where the first one is.
            offsets.resize(offsets.len().next_multiple_of(self.layout.depthwise().depth()), 0);
        }
    }

    /// How far past an image's last code a read may go, in bytes.
    pub(super) fn reach(&self, image: &Image) -> usize {
        let channels = self.geometry.channels_in / self.geometry.groups;
        match self.taps {
            Taps::Depthwise => {
                let channels = self.geometry.channels_in;
                (channels.next_multiple_of(LANES) - channels) * image.code_bytes
            }
            Taps::Each => (channels.next_multiple_of(self.layout.depth()) - channels) * image.code_bytes,
            Taps::Rows => {
                let run = self.geometry.kernel[2] * channels;
                (run.next_multiple_of(self.layout.depth()) - run) * image.code_bytes
            }
        }
    }
}

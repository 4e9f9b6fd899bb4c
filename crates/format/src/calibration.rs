//! Calibration files: what the observers of one model saw, checked to the last bit.
//!
//! # Bytes
//!
//! Prefix, header and sections are those of the [`container`](crate::container), with the magic `89 46 34 43 0D 0A 1A
//! 0A`. The header:
//!
//! ```text
//! header    model: 32 bytes, batches: u64, parts: u64, crc: u32, watched: list of watched
//! watched   value: string, observer, state
//! observer  enum    0 min_max    1 per_channel_min_max    2 histogram
//!                   3 moving_average_min_max { averaging_constant: f32 }
//!                   4 moving_average_per_channel_min_max { averaging_constant: f32 }
//!                   5 mse    6 percentile { percent: f64 }    7 entropy
//!                   8 fixed_params { scale: f32, zero_point: i32 }    9 placeholder    10 noop    11 reuse_input
//! state     enum    0 stateless    1 min_max { extent: option of extent }
//!                   2 per_channel_min_max { axis: u64, extents: list of extent }
//!                   3 moving_average_min_max { extent: option of extent }
//!                   4 moving_average_per_channel_min_max { axis: u64, extents: list of extent }
//!                   5 histogram { extent: option of extent, bins: u64, crc: u32, infinite: u64 }
//!                   6 dyadic_histogram { extent: option of extent, bins: u64, crc: u32, zeros: u64, infinite: u64 }
//! extent    min: f32, max: f32
//! ```
//!
//! Minor version 1 is a calibration that has not seen all samples. Behind the header's last field follows
//!
//! ```text
//! shards    count: u64, finished: list of u64, ascending
//! ```
//!
//! `model` and the identities of the batches are hashes that the workflow makes. The sections are the identities,
//! `parts` times 16 bytes in ascending order, and then the counts of each histogram, `bins` times `f32` (state 5) or
//! `u64` (state 6), in the order of the states; the header has the CRC-32 of each. A recording is not written: it is
//! for inspection, and grows with what it sees.

mod build;
mod record;
#[cfg(test)]
mod tests;

use fourfold_error::Limits;
use fourfold_observers::States;

use crate::layout::{self, Format, Source};
use crate::{Error, codec};

const FORMAT: Format =
    Format { name: "calibration", magic: [0x89, b'F', b'4', b'C', b'\r', b'\n', 0x1a, b'\n'], major: 1 };

/// Whether bytes are, or once were, a calibration file: what follows may still be damaged.
#[must_use]
pub fn is_calibration(bytes: &[u8]) -> bool {
    FORMAT.is(bytes)
}

/// The bytes of a calibration; the same states give the same bytes.
///
/// # Errors
///
/// [`Error::Unsupported`] if an observer is one that only records, or newer than the format.
pub fn to_bytes(states: &States) -> Result<Vec<u8>, Error> {
    let (header, sections) = build::record(states)?;
    let mut header = codec::encode(&header)?;
    if let Some(shards) = &states.shards {
        header.extend(codec::encode(&build::shards_record(shards))?);
    }
    layout::write(&FORMAT, u16::from(states.shards.is_some()), &header, sections.iter())
}

/// Reads a calibration, whose states are checked as far as they can be without the model.
///
/// # Errors
///
/// [`Error::Foreign`] for other files, [`Error::Version`] and [`Error::Flags`] for files of the future,
/// [`Error::Checksum`] and [`Error::Corrupt`] for damaged ones and for states that no observer has, [`Error::Limit`]
/// for more than is allowed.
pub fn from_bytes(bytes: &[u8], limits: &Limits) -> Result<States, Error> {
    let mut data = Source::new(bytes, bytes.len() as u64);
    let header = data.header(&FORMAT, limits)?;
    let (header, shards) = match header.minor {
        0 => (codec::decode(&header.bytes)?, None),
        _ => codec::decode(&header.bytes).map(|(header, shards)| (header, Some(shards)))?,
    };
    let states = build::states((&header, shards.as_ref()), &mut data, limits)?;
    data.finish()?;
    states.check().map_err(|error| Error::corrupt("states", error.to_string()))?;
    Ok(states)
}

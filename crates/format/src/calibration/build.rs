//! From states to records and back.

use std::io::Read;

use fourfold_error::Limits;
use fourfold_observers::{Channels, Extent, ObserverKind, Shards, State, States, Watched};
use fourfold_tensor::memory;

use super::record;
use crate::Error;
use crate::layout::Source;

/// Bytes of the identity of a batch.
const IDENTITY: usize = 16;

/// The record of a calibration, and the sections behind it.
pub(super) fn record(states: &States) -> Result<(record::Header, Vec<Vec<u8>>), Error> {
    let parts = states.parts.iter().flatten().copied().collect::<Vec<u8>>();
    let (crc, mut sections) = (crc32fast::hash(&parts), vec![parts]);
    let mut watched = Vec::with_capacity(states.watched.len());
    for Watched { value, observer, state } in &states.watched {
        let unsupported = || Error::Unsupported { part: format!("value `{value}`"), what: observer.name().to_owned() };
        watched.push(record::Watched {
            value: value.clone(),
            observer: observer_record(*observer).ok_or_else(unsupported)?,
            state: state_record(state, &mut sections).ok_or_else(unsupported)?,
        });
    }
    let (model, batches, parts) = (states.model, states.batches, states.parts.len() as u64);
    Ok((record::Header { model, batches, parts, crc, watched }, sections))
}

fn observer_record(observer: ObserverKind) -> Option<record::Observer> {
    Some(match observer {
        ObserverKind::MinMax => record::Observer::MinMax,
        ObserverKind::PerChannelMinMax => record::Observer::PerChannelMinMax,
        ObserverKind::Histogram => record::Observer::Histogram,
        ObserverKind::MovingAverageMinMax { averaging_constant } => {
            record::Observer::MovingAverageMinMax { averaging_constant }
        }
        ObserverKind::MovingAveragePerChannelMinMax { averaging_constant } => {
            record::Observer::MovingAveragePerChannelMinMax { averaging_constant }
        }
        ObserverKind::Mse => record::Observer::Mse,
        ObserverKind::Percentile { percent } => record::Observer::Percentile { percent },
        ObserverKind::Entropy => record::Observer::Entropy,
        ObserverKind::FixedParams { scale, zero_point } => record::Observer::FixedParams { scale, zero_point },
        ObserverKind::Placeholder => record::Observer::Placeholder,
        ObserverKind::Noop => record::Observer::Noop,
        ObserverKind::ReuseInput => record::Observer::ReuseInput,
        _ => return None,
    })
}

fn state_record(state: &State, sections: &mut Vec<Vec<u8>>) -> Option<record::State> {
    let one = |extent: &Option<Extent>| extent.as_ref().map(extent_record);
    let many = |channels: &Channels| (channels.axis, channels.extents.iter().map(extent_record).collect());
    let mut section = |bytes: Vec<u8>| {
        let crc = crc32fast::hash(&bytes);
        sections.push(bytes);
        crc
    };
    Some(match state {
        State::Stateless => record::State::Stateless,
        State::MinMax(extent) => record::State::MinMax { extent: one(extent) },
        State::PerChannelMinMax(channels) => {
            let (axis, extents) = many(channels);
            record::State::PerChannelMinMax { axis, extents }
        }
        State::MovingAverageMinMax(extent) => record::State::MovingAverageMinMax { extent: one(extent) },
        State::MovingAveragePerChannelMinMax(channels) => {
            let (axis, extents) = many(channels);
            record::State::MovingAveragePerChannelMinMax { axis, extents }
        }
        State::Histogram { extent, counts, infinite } => {
            let crc = section(counts.iter().flat_map(|count| count.to_le_bytes()).collect());
            record::State::Histogram { extent: one(extent), bins: counts.len() as u64, crc, infinite: *infinite }
        }
        State::DyadicHistogram { extent, counts, zeros, infinite } => {
            let crc = section(counts.iter().flat_map(|count| count.to_le_bytes()).collect());
            let (bins, zeros, infinite) = (counts.len() as u64, *zeros, *infinite);
            record::State::DyadicHistogram { extent: one(extent), bins, crc, zeros, infinite }
        }
        _ => return None,
    })
}

fn extent_record(extent: &Extent) -> record::Extent {
    record::Extent { min: extent.min, max: extent.max }
}

/// The record of what shards there are.
pub(super) fn shards_record(shards: &Shards) -> record::Shards {
    record::Shards { count: shards.count(), finished: shards.finished().iter().copied().collect() }
}

/// The shards of a record, of which some must be missing.
fn shards(record: &record::Shards) -> Result<Shards, Error> {
    let invalid = |reason: String| Error::corrupt("shards", reason);
    if !record.finished.is_sorted_by(|a, b| a < b) {
        return Err(invalid("they are not in ascending order".to_owned()));
    }
    let shards = Shards::new(record.count, record.finished.iter().copied().collect());
    let shards = shards.map_err(|error| invalid(error.to_string()))?;
    shards.ok_or_else(|| invalid("all are there, which is said by saying nothing".to_owned()))
}

/// The states of a record; `data` is what follows the header.
pub(super) fn states(
    (header, of_shards): (&record::Header, Option<&record::Shards>),
    data: &mut Source<impl Read>,
    limits: &Limits,
) -> Result<States, Error> {
    Limits::check("values", header.watched.len() as u64, limits.values)?;
    let identities = section::<IDENTITY>(data, "identities of the batches", header.parts, header.crc)?;
    if !identities.is_sorted_by(|a, b| a < b) {
        return Err(Error::corrupt("identities of the batches", "they are not in ascending order"));
    }
    let (parts, shards) = (identities.iter().copied().collect(), of_shards.map(shards).transpose()?);
    let watched = header.watched.iter().map(|watched| {
        Limits::check("name-bytes", watched.value.len() as u64, limits.name_bytes)?;
        let (value, observer) = (watched.value.clone(), observer(&watched.observer));
        let state = state(&watched.state, data, &format!("counts of value `{value}`"))?;
        Ok(Watched { value, observer, state })
    });
    let watched = watched.collect::<Result<_, Error>>()?;
    Ok(States { model: header.model, batches: header.batches, parts, shards, watched })
}

fn observer(observer: &record::Observer) -> ObserverKind {
    match *observer {
        record::Observer::MinMax => ObserverKind::MinMax,
        record::Observer::PerChannelMinMax => ObserverKind::PerChannelMinMax,
        record::Observer::Histogram => ObserverKind::Histogram,
        record::Observer::MovingAverageMinMax { averaging_constant } => {
            ObserverKind::MovingAverageMinMax { averaging_constant }
        }
        record::Observer::MovingAveragePerChannelMinMax { averaging_constant } => {
            ObserverKind::MovingAveragePerChannelMinMax { averaging_constant }
        }
        record::Observer::Mse => ObserverKind::Mse,
        record::Observer::Percentile { percent } => ObserverKind::Percentile { percent },
        record::Observer::Entropy => ObserverKind::Entropy,
        record::Observer::FixedParams { scale, zero_point } => ObserverKind::FixedParams { scale, zero_point },
        record::Observer::Placeholder => ObserverKind::Placeholder,
        record::Observer::Noop => ObserverKind::Noop,
        record::Observer::ReuseInput => ObserverKind::ReuseInput,
    }
}

fn state(state: &record::State, data: &mut Source<impl Read>, part: &str) -> Result<State, Error> {
    let one = |extent: Option<record::Extent>| extent.map(|record::Extent { min, max }| Extent { min, max });
    let many = |axis, extents: &[record::Extent]| Channels {
        axis,
        extents: extents.iter().map(|&record::Extent { min, max }| Extent { min, max }).collect(),
    };
    Ok(match *state {
        record::State::Stateless => State::Stateless,
        record::State::MinMax { extent } => State::MinMax(one(extent)),
        record::State::PerChannelMinMax { axis, ref extents } => State::PerChannelMinMax(many(axis, extents)),
        record::State::MovingAverageMinMax { extent } => State::MovingAverageMinMax(one(extent)),
        record::State::MovingAveragePerChannelMinMax { axis, ref extents } => {
            State::MovingAveragePerChannelMinMax(many(axis, extents))
        }
        record::State::Histogram { extent, bins, crc, infinite } => {
            let counts = section::<4>(data, part, bins, crc)?.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            State::Histogram { extent: one(extent), counts, infinite }
        }
        record::State::DyadicHistogram { extent, bins, crc, zeros, infinite } => {
            let counts = section::<8>(data, part, bins, crc)?.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
            State::DyadicHistogram { extent: one(extent), counts, zeros, infinite }
        }
    })
}

/// The next section: `count` elements of `N` bytes.
fn section<const N: usize>(
    data: &mut Source<impl Read>,
    part: &str,
    count: u64,
    crc: u32,
) -> Result<Vec<[u8; N]>, Error> {
    let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(N));
    let length = length.ok_or_else(|| Error::corrupt(part, format!("{count} elements do not fit this machine")))?;
    data.section(part, length)?;
    let mut elements = memory::filled([0; N], length / N)?;
    data.fill(part, crc, elements.as_flattened_mut())?;
    Ok(elements)
}

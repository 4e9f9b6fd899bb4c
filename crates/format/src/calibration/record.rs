//! The header as it is encoded.
//!
//! Records mirror the types of the observers, so that those can change without the format doing so.

use crate::codec::{Decode, Encode};

#[derive(Encode, Decode)]
pub(super) struct Header {
    pub(super) model: [u8; 32],
    pub(super) batches: u64,
    pub(super) parts: u64,
    pub(super) crc: u32,
    pub(super) watched: Vec<Watched>,
}

/// Behind the header of a calibration that has not seen all shards.
#[derive(Encode, Decode)]
pub(super) struct Shards {
    pub(super) count: u64,
    pub(super) finished: Vec<u64>,
}

#[derive(Encode, Decode)]
pub(super) struct Watched {
    pub(super) value: String,
    pub(super) observer: Observer,
    pub(super) state: State,
}

#[derive(Encode, Decode)]
pub(super) enum Observer {
    MinMax,
    PerChannelMinMax,
    Histogram,
    MovingAverageMinMax { averaging_constant: f32 },
    MovingAveragePerChannelMinMax { averaging_constant: f32 },
    Mse,
    Percentile { percent: f64 },
    Entropy,
    FixedParams { scale: f32, zero_point: i32 },
    Placeholder,
    Noop,
    ReuseInput,
}

#[derive(Encode, Decode)]
pub(super) enum State {
    Stateless,
    MinMax { extent: Option<Extent> },
    PerChannelMinMax { axis: u64, extents: Vec<Extent> },
    MovingAverageMinMax { extent: Option<Extent> },
    MovingAveragePerChannelMinMax { axis: u64, extents: Vec<Extent> },
    Histogram { extent: Option<Extent>, bins: u64, crc: u32, infinite: u64 },
    DyadicHistogram { extent: Option<Extent>, bins: u64, crc: u32, zeros: u64, infinite: u64 },
}

#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct Extent {
    pub(super) min: f32,
    pub(super) max: f32,
}

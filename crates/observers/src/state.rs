//! What an observer saw, as data.

use fourfold_schemes::Range;
use serde::{Deserialize, Serialize};

use crate::Error;

/// What an observer saw: what is saved, loaded and merged.
///
/// Floats are written as their bits, so that they come back the same in every format, and counts as integers. A state
/// read from elsewhere is checked by [`Observer::load`](crate::Observer::load) and
/// [`Observer::merge`](crate::Observer::merge).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum State {
    /// Of an observer that keeps nothing.
    Stateless,
    /// Of [`MinMax`](crate::MinMax).
    MinMax(Option<Extent>),
    /// Of [`PerChannelMinMax`](crate::PerChannelMinMax).
    PerChannelMinMax(Channels),
    /// Of [`MovingAverageMinMax`](crate::MovingAverageMinMax).
    MovingAverageMinMax(Option<Extent>),
    /// Of [`MovingAveragePerChannelMinMax`](crate::MovingAveragePerChannelMinMax).
    MovingAveragePerChannelMinMax(Channels),
    /// Of [`Histogram`](crate::Histogram).
    Histogram {
        /// The range of the bins; `None` before anything was observed.
        extent: Option<Extent>,
        /// The counts of 2048 bins, empty before anything was observed.
        #[serde(with = "bits::many")]
        counts: Vec<f32>,
        /// The number of infinities left out.
        infinite: u64,
    },
    /// Of [`DyadicHistogram`](crate::DyadicHistogram).
    DyadicHistogram {
        /// The smallest and the largest value; `None` before anything was observed.
        extent: Option<Extent>,
        /// The counts of 8192 bins from `-2^e` to `2^e`, where `e` is the smallest for which the extent lies strictly
        /// between; empty before anything was observed.
        counts: Vec<u64>,
        /// The number of values that are exactly 0; they are counted in bin 4096 too.
        zeros: u64,
        /// The number of infinities left out.
        infinite: u64,
    },
    /// Of [`Recording`](crate::Recording): the tensors in their order.
    Recording(Vec<Recorded>),
}

impl State {
    /// The kind of the state, as it is called where it is written.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            State::Stateless => "stateless",
            State::MinMax(_) => "min_max",
            State::PerChannelMinMax(_) => "per_channel_min_max",
            State::MovingAverageMinMax(_) => "moving_average_min_max",
            State::MovingAveragePerChannelMinMax(_) => "moving_average_per_channel_min_max",
            State::Histogram { .. } => "histogram",
            State::DyadicHistogram { .. } => "dyadic_histogram",
            State::Recording(_) => "recording",
        }
    }

    /// The error of an observer that this state does not fit.
    pub(crate) fn unfit(&self, observer: &'static str, reason: &'static str) -> Error {
        Error::State { observer, found: self.name(), reason }
    }

    /// The error of an observer of another kind.
    pub(crate) fn of_another_kind(&self, observer: &'static str) -> Error {
        self.unfit(observer, "it was saved by another kind of observer")
    }
}

/// Minimum and maximum of finite values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// The smallest value.
    #[serde(with = "bits")]
    pub min: f32,
    /// The largest value.
    #[serde(with = "bits")]
    pub max: f32,
}

impl Extent {
    /// The range, if the bounds are finite and in order.
    pub(crate) fn checked(self) -> Option<Range> {
        let is_range = self.min.is_finite() && self.max.is_finite() && self.min <= self.max;
        is_range.then_some(Range { min: self.min, max: self.max })
    }
}

impl From<Range> for Extent {
    fn from(range: Range) -> Self {
        Self { min: range.min, max: range.max }
    }
}

/// Extents of every index of one axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channels {
    /// The axis.
    pub axis: u64,
    /// The extents, none before anything was observed.
    pub extents: Vec<Extent>,
}

/// One recorded tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Its shape.
    pub shape: Vec<u64>,
    /// Its elements, row-major.
    #[serde(with = "bits::many")]
    pub elements: Vec<f32>,
}

/// The ranges of the extents of a state, checked.
pub(crate) fn ranges(state: &State, observer: &'static str, extents: &[Extent]) -> Result<Vec<Range>, Error> {
    let checked = extents.iter().map(|extent| extent.checked()).collect::<Option<_>>();
    checked.ok_or_else(|| state.unfit(observer, "an extent is not finite, or its ends are not in order"))
}

mod bits {
    //! Serde form of an `f32`: its bits.

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(value.to_bits())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
        u32::deserialize(deserializer).map(f32::from_bits)
    }

    pub(super) mod many {
        //! Serde form of many `f32`: their bits.

        use serde::{Deserialize, Deserializer, Serializer};

        pub(crate) fn serialize<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(values.iter().map(|value| value.to_bits()))
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
            Ok(Vec::<u32>::deserialize(deserializer)?.into_iter().map(f32::from_bits).collect())
        }
    }
}

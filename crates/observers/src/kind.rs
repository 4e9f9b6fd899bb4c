//! Observers as data.

use serde::{Deserialize, Serialize};

use crate::{Histogram, MinMax, Observer, PerChannelMinMax};

/// Which observer to make; what a configuration holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ObserverKind {
    /// [`MinMax`].
    MinMax,
    /// [`PerChannelMinMax`] over the first axis.
    PerChannelMinMax,
    /// [`Histogram`].
    Histogram,
}

impl ObserverKind {
    /// Every kind.
    pub const ALL: [ObserverKind; 3] = [ObserverKind::MinMax, ObserverKind::PerChannelMinMax, ObserverKind::Histogram];

    /// The name in configuration files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ObserverKind::MinMax => "min_max",
            ObserverKind::PerChannelMinMax => "per_channel_min_max",
            ObserverKind::Histogram => "histogram",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it gives one range for the whole tensor, as activations need it.
    #[must_use]
    pub fn is_per_tensor(self) -> bool {
        self != ObserverKind::PerChannelMinMax
    }

    /// An observer that has seen nothing.
    #[must_use]
    pub fn observer(self) -> Box<dyn Observer> {
        match self {
            ObserverKind::MinMax => Box::new(MinMax::new()),
            ObserverKind::PerChannelMinMax => Box::new(PerChannelMinMax::new(0)),
            ObserverKind::Histogram => Box::new(Histogram::new()),
        }
    }
}

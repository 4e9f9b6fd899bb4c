//! Observers as data.

use serde::{Deserialize, Serialize};

use crate::{
    DyadicHistogram, Error, FixedParams, Histogram, MinMax, MovingAverageMinMax, MovingAveragePerChannelMinMax,
    Observer, PerChannelMinMax, RangeRule, Recording, Silent,
};

/// PyTorch's averaging constant.
const AVERAGING_CONSTANT: f32 = 0.01;

/// Which observer to make; what a configuration holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ObserverKind {
    /// [`MinMax`].
    MinMax,
    /// [`PerChannelMinMax`] over the first axis.
    PerChannelMinMax,
    /// [`Histogram`].
    Histogram,
    /// [`MovingAverageMinMax`].
    MovingAverageMinMax {
        /// Above 0 and at most 1.
        averaging_constant: f32,
    },
    /// [`MovingAveragePerChannelMinMax`] over the first axis.
    MovingAveragePerChannelMinMax {
        /// Above 0 and at most 1.
        averaging_constant: f32,
    },
    /// [`DyadicHistogram`] with [`RangeRule::Mse`].
    Mse,
    /// [`DyadicHistogram`] with [`RangeRule::Percentile`].
    Percentile {
        /// Above 0 and at most 100.
        percent: f64,
    },
    /// [`DyadicHistogram`] with [`RangeRule::Entropy`].
    Entropy,
    /// [`FixedParams`].
    FixedParams {
        /// The scale, a positive normal number.
        scale: f32,
        /// The quantized value of 0.
        zero_point: i32,
    },
    /// [`Silent::Placeholder`].
    Placeholder,
    /// [`Recording`].
    Recording,
    /// [`Silent::Noop`].
    Noop,
    /// [`Silent::ReuseInput`].
    ReuseInput,
}

impl ObserverKind {
    /// Every kind, with the settings of PyTorch and ONNX Runtime, and the fixed parameters of a sigmoid.
    pub const ALL: [ObserverKind; 13] = [
        ObserverKind::Mse,
        ObserverKind::MinMax,
        ObserverKind::PerChannelMinMax,
        ObserverKind::Histogram,
        ObserverKind::MovingAverageMinMax { averaging_constant: AVERAGING_CONSTANT },
        ObserverKind::MovingAveragePerChannelMinMax { averaging_constant: AVERAGING_CONSTANT },
        ObserverKind::Percentile { percent: 99.999 },
        ObserverKind::Entropy,
        ObserverKind::FixedParams { scale: 1.0 / 256.0, zero_point: 0 },
        ObserverKind::Placeholder,
        ObserverKind::Recording,
        ObserverKind::Noop,
        ObserverKind::ReuseInput,
    ];

    /// The name in configuration files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ObserverKind::MinMax => "min_max",
            ObserverKind::PerChannelMinMax => "per_channel_min_max",
            ObserverKind::Histogram => "histogram",
            ObserverKind::MovingAverageMinMax { .. } => "moving_average_min_max",
            ObserverKind::MovingAveragePerChannelMinMax { .. } => "moving_average_per_channel_min_max",
            ObserverKind::Mse => "mse",
            ObserverKind::Percentile { .. } => "percentile",
            ObserverKind::Entropy => "entropy",
            ObserverKind::FixedParams { .. } => "fixed_params",
            ObserverKind::Placeholder => "placeholder",
            ObserverKind::Recording => "recording",
            ObserverKind::Noop => "noop",
            ObserverKind::ReuseInput => "reuse_input",
        }
    }

    /// The kind of that name, with the settings of [`ObserverKind::ALL`].
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it gives one range for the whole tensor, as activations need it.
    #[must_use]
    pub fn is_per_tensor(self) -> bool {
        matches!(
            self,
            ObserverKind::MinMax
                | ObserverKind::Histogram
                | ObserverKind::MovingAverageMinMax { .. }
                | ObserverKind::Mse
                | ObserverKind::Percentile { .. }
                | ObserverKind::Entropy
                | ObserverKind::FixedParams { .. }
        )
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if an averaging constant or a percentage is out of its bounds, [`Error::Scheme`] if a scale
    /// is none.
    pub fn check(self) -> Result<(), Error> {
        match self {
            ObserverKind::MovingAverageMinMax { averaging_constant }
            | ObserverKind::MovingAveragePerChannelMinMax { averaging_constant }
                if !(averaging_constant > 0.0 && averaging_constant <= 1.0) =>
            {
                let (setting, bounds) = ("averaging_constant", "it must be above 0 and at most 1");
                Err(Error::Setting { observer: self.name(), setting, value: averaging_constant.into(), bounds })
            }
            ObserverKind::Percentile { percent } => RangeRule::Percentile { percent }.check(),
            ObserverKind::FixedParams { scale, .. } => Ok(fourfold_schemes::Scale::new(scale).map(|_| ())?),
            _ => Ok(()),
        }
    }

    /// An observer that has seen nothing.
    #[must_use]
    pub fn observer(self) -> Box<dyn Observer> {
        match self {
            ObserverKind::MinMax => Box::new(MinMax::new()),
            ObserverKind::PerChannelMinMax => Box::new(PerChannelMinMax::new(0)),
            ObserverKind::Histogram => Box::new(Histogram::new()),
            ObserverKind::MovingAverageMinMax { averaging_constant } => {
                Box::new(MovingAverageMinMax::new(averaging_constant))
            }
            ObserverKind::MovingAveragePerChannelMinMax { averaging_constant } => {
                Box::new(MovingAveragePerChannelMinMax::new(0, averaging_constant))
            }
            ObserverKind::Mse => Box::new(DyadicHistogram::new(RangeRule::Mse)),
            ObserverKind::Percentile { percent } => Box::new(DyadicHistogram::new(RangeRule::Percentile { percent })),
            ObserverKind::Entropy => Box::new(DyadicHistogram::new(RangeRule::Entropy)),
            ObserverKind::FixedParams { scale, zero_point } => Box::new(FixedParams::new(scale, zero_point)),
            ObserverKind::Placeholder => Box::new(Silent::Placeholder),
            ObserverKind::Recording => Box::new(Recording::new()),
            ObserverKind::Noop => Box::new(Silent::Noop),
            ObserverKind::ReuseInput => Box::new(Silent::ReuseInput),
        }
    }
}

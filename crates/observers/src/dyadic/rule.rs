//! How a range follows from a histogram.

use fourfold_schemes::{Range, Scheme, Symmetry};
use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::{entropy, mse, percentile};
use crate::Error;

/// How a [`DyadicHistogram`](crate::DyadicHistogram) makes a range of its counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RangeRule {
    /// Minimum and maximum, exact.
    MinMax,
    /// The range that holds that many percent of the values (ONNX Runtime's percentile calibration). As much is cut off
    /// below as above; if the scheme is symmetric, the largest magnitudes are cut off. 100 is minimum and maximum.
    Percentile {
        /// Above 0 and at most 100.
        percent: f64,
    },
    /// The range around 0 whose distribution in 128 levels has the smallest Kullback-Leibler divergence from that of
    /// the values (the entropy calibration of ONNX Runtime and TensorRT). It is searched in 4096 bins, of which the
    /// values reach into more than 2048. Zeros are left out: every range represents 0, and the half of the values that
    /// a ReLU makes 0 would outweigh all others.
    Entropy,
    /// The range with the smallest squared error for the range and the symmetry of the scheme; the default.
    #[default]
    Mse,
}

impl RangeRule {
    /// ONNX Runtime's percentile.
    pub const PERCENTILE: RangeRule = RangeRule::Percentile { percent: 99.999 };

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RangeRule::MinMax => "dyadic_min_max",
            RangeRule::Percentile { .. } => "percentile",
            RangeRule::Entropy => "entropy",
            RangeRule::Mse => "mse",
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if a percentage is not above 0 and at most 100.
    pub fn check(self) -> Result<(), Error> {
        match self {
            RangeRule::Percentile { percent } if !(percent > 0.0 && percent <= 100.0) => {
                let bounds = "it must be above 0 and at most 100";
                Err(Error::Setting { observer: self.name(), setting: "percent", value: percent, bounds })
            }
            _ => Ok(()),
        }
    }

    /// The range of counts whose values span `seen`.
    pub(super) fn range(self, counts: &Counts, seen: Range, scheme: &Scheme) -> Range {
        let bins = counts.bins(seen);
        let (low, high) = match self {
            RangeRule::MinMax => return seen,
            RangeRule::Mse => return mse::range(&bins, counts.zeros(), seen, scheme),
            RangeRule::Percentile { percent } if percent >= 100.0 => return seen,
            RangeRule::Percentile { percent } if scheme.symmetry == Symmetry::Symmetric => {
                let high = percentile::below(&bins.magnitudes(), percent);
                (-high, high)
            }
            RangeRule::Percentile { percent } => percentile::between(&bins, percent),
            RangeRule::Entropy => {
                let bins = counts.bins_without_zeros(seen).halved();
                match entropy::window(&bins.counts, entropy::LEVELS) {
                    Some((start, end)) => (bins.edge(start), bins.edge(end)),
                    None => return seen,
                }
            }
        };
        #[expect(clippy::cast_possible_truncation, reason = "edges are a power of two times an integer below 2^24")]
        let (min, max) = ((low as f32).max(seen.min), (high as f32).min(seen.max));
        Range { min, max: max.max(min) }
    }
}

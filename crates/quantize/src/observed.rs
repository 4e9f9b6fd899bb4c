//! An observer, and what the observed values become.

use fourfold_graph::OpKind;
use fourfold_observers::ObserverKind;
use fourfold_schemes::{Scheme, Symmetry};
use fourfold_tensor::DType;
use serde::{Deserialize, Serialize};

use crate::{Error, QScheme};

/// An observer, and what the observed values become.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// What watches the values.
    pub observer: ObserverKind,
    /// What the values become.
    pub scheme: QScheme,
}

impl Observed {
    /// Signed, affine, -128 to 127.
    const I8_AFFINE: Scheme = Scheme { symmetry: Symmetry::Affine, quant_min: -128, ..Scheme::I8_SYMMETRIC };

    /// `u8` from 0 to 1, the results of sigmoid, hard sigmoid and softmax: scale 1/256, zero point 0 (PyTorch's
    /// `default_fixed_qparams_range_0to1_observer`).
    pub const ZERO_TO_ONE: Observed = Observed::new(fixed(1.0 / 256.0, 0), Scheme::U8_AFFINE);

    /// `u8` from -1 to 1, the results of tanh: scale 2/256, zero point 128 (PyTorch's
    /// `default_fixed_qparams_range_neg1to1_observer`).
    pub const MINUS_ONE_TO_ONE: Observed = Observed::new(fixed(2.0 / 256.0, 128), Scheme::U8_AFFINE);

    /// An observer whose ranges become 8-bit parameters.
    #[must_use]
    pub const fn new(observer: ObserverKind, scheme: Scheme) -> Self {
        Self { observer, scheme: QScheme::Quantized(scheme) }
    }

    /// The same for the results of an operator: fixed parameters of the same type, if the operator fixes the range of
    /// its results.
    pub(crate) fn of_results(self, kind: OpKind) -> Self {
        let QScheme::Quantized(Scheme { dtype, .. }) = self.scheme else { return self };
        let unsigned = match kind {
            OpKind::Softmax | OpKind::Sigmoid | OpKind::HardSigmoid => Self::ZERO_TO_ONE,
            OpKind::Tanh => Self::MINUS_ONE_TO_ONE,
            _ => return self,
        };
        match unsigned.observer {
            // The same floats: each quantized value is 128 less.
            ObserverKind::FixedParams { scale, zero_point } if dtype == DType::I8 => {
                Self::new(fixed(scale, zero_point - 128), Self::I8_AFFINE)
            }
            _ => unsigned,
        }
    }

    /// Checks the settings of the observer, and that values are quantized to 8 bits.
    pub(crate) fn check(&self, [observer, scheme]: [&'static str; 2]) -> Result<&Scheme, Error> {
        let out_of_bounds = |_| Error::Config { part: observer, reason: "has a setting that is outside its bounds" };
        self.observer.check().map_err(out_of_bounds)?;
        self.scheme.quantized().map_err(|reason| Error::Config { part: scheme, reason })
    }
}

const fn fixed(scale: f32, zero_point: i32) -> ObserverKind {
    ObserverKind::FixedParams { scale, zero_point }
}

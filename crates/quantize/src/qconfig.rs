//! How a node is quantized.

mod presets;
#[cfg(test)]
mod tests;

use fourfold_observers::ObserverKind;
use fourfold_schemes::{DynamicScheme, Scheme, Symmetry};
use fourfold_tensor::DType;
use serde::{Deserialize, Serialize};

use crate::{Error, Observed};

/// How the activations and the weights of a node are quantized (PyTorch's `QConfig`).
///
/// It can describe more than is run so far: 16-bit floats and weights alone are refused by
/// [`prepare`](crate::prepare) and [`quantize_dynamic_with`](crate::quantize_dynamic_with); tables of embeddings by the
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QConfig {
    /// Results, and operands that are quantized; static quantization only.
    pub activation: Observed,
    /// Weights.
    pub weight: Observed,
    /// Operands while running; dynamic quantization only.
    pub dynamic: DynamicScheme,
}

impl QConfig {
    /// The same with one scale for every output channel of a weight, or with one for all.
    #[must_use]
    pub fn with_per_channel_weights(mut self, per_channel: bool) -> Self {
        self.weight.observer = if per_channel { ObserverKind::PerChannelMinMax } else { ObserverKind::MinMax };
        self
    }

    /// Checks that kernels can follow the configuration with ranges from calibration.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if activations are not per tensor or not quantized, weights not symmetric `i8`, or the
    /// settings of an observer out of bounds.
    pub(crate) fn check_static(&self) -> Result<(), Error> {
        self.check_weight()?;
        let part = "activation observer";
        self.activation.check([part, "activation scheme"])?;
        let reason = match self.activation.observer {
            observer if observer.is_per_tensor() => return Ok(()),
            ObserverKind::Placeholder => {
                "has no range, it is for dynamic quantization; quantize dynamically, or choose another observer"
            }
            _ => "must give one range for the whole tensor; choose another, such as `mse` or `min_max`",
        };
        Err(Error::Config { part, reason })
    }

    /// Checks that kernels can follow the configuration with activations quantized while running.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if activations are not quantized, weights not symmetric `i8`, or the settings of the
    /// weights' observer are out of bounds.
    pub(crate) fn check_dynamic(&self) -> Result<(), Error> {
        self.check_weight()?;
        let part = "activation scheme";
        self.activation.scheme.quantized().map(|_| ()).map_err(|reason| Error::Config { part, reason })
    }

    fn check_weight(&self) -> Result<(), Error> {
        let Scheme { dtype, symmetry, .. } = *self.weight.check(["weight observer", "weight scheme"])?;
        if dtype != DType::I8 || symmetry != Symmetry::Symmetric {
            return Err(Error::Config { part: "weight scheme", reason: "must be symmetric i8" });
        }
        Ok(())
    }
}

impl Default for QConfig {
    fn default() -> Self {
        Self::fourfold()
    }
}

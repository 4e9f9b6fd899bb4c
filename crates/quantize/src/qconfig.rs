//! How a node is quantized.

use fourfold_observers::ObserverKind;
use fourfold_schemes::{DynamicScheme, Scheme, Symmetry};
use fourfold_tensor::DType;
use serde::{Deserialize, Serialize};

use crate::Error;

/// An observer and what is made of its ranges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// What watches the values.
    pub observer: ObserverKind,
    /// How ranges become parameters.
    pub scheme: Scheme,
}

/// How the activations and the weights of a node are quantized (PyTorch's `QConfig`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QConfig {
    /// Results, and operands where codes begin; static quantization only.
    pub activation: Observed,
    /// Weights.
    pub weight: Observed,
    /// Operands while running; dynamic quantization only.
    pub dynamic: DynamicScheme,
}

impl QConfig {
    /// The names of the presets, as [`QConfig::preset`] takes them.
    pub const PRESETS: [&str; 4] = ["fourfold", "fbgemm", "torch_default", "torch_dynamic"];

    /// The default: activations `u8` affine with all 256 codes and the range of least squared error, weights `i8` symmetric, -127 to
    /// 127, one scale per output channel; dynamic activations `u8` affine, one scale per row.
    #[must_use]
    pub fn fourfold() -> Self {
        Self {
            activation: Observed { observer: ObserverKind::Mse, scheme: Scheme::U8_AFFINE },
            weight: Observed { observer: ObserverKind::PerChannelMinMax, scheme: Scheme::I8_SYMMETRIC },
            dynamic: DynamicScheme::PerRow,
        }
    }

    /// PyTorch's `get_default_qconfig("fbgemm")`: activations 0 to 127, weights per channel with `scale = max(|w|) / 127.5`.
    #[must_use]
    pub fn fbgemm() -> Self {
        Self {
            activation: Observed { observer: ObserverKind::Histogram, scheme: Scheme::U8_AFFINE_REDUCED },
            weight: Observed { observer: ObserverKind::PerChannelMinMax, scheme: Scheme::I8_SYMMETRIC_FULL },
            dynamic: DynamicScheme::TorchPerTensor,
        }
    }

    /// PyTorch's `default_qconfig`: as [`QConfig::fbgemm`] with the smallest and largest value, and one scale per weight.
    #[must_use]
    pub fn torch_default() -> Self {
        Self {
            activation: Observed { observer: ObserverKind::MinMax, scheme: Scheme::U8_AFFINE_REDUCED },
            weight: Observed { observer: ObserverKind::MinMax, scheme: Scheme::I8_SYMMETRIC_FULL },
            dynamic: DynamicScheme::TorchPerTensor,
        }
    }

    /// PyTorch's `default_dynamic_qconfig` as its Linear runs it: activations per tensor in 7 bits, one scale per weight.
    #[must_use]
    pub fn torch_dynamic() -> Self {
        Self::torch_default()
    }

    /// The preset of that name.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let presets = [Self::fourfold, Self::fbgemm, Self::torch_default, Self::torch_dynamic];
        Self::PRESETS.iter().position(|&known| known == name).map(|index| presets[index]())
    }

    /// The same with one scale for every output channel of a weight, or with one for all.
    #[must_use]
    pub fn with_per_channel_weights(mut self, per_channel: bool) -> Self {
        self.weight.observer = if per_channel { ObserverKind::PerChannelMinMax } else { ObserverKind::MinMax };
        self
    }

    /// Checks that the kernels can follow the configuration.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if activations are not per tensor, weights not symmetric `i8`, or the settings of an observer out of bounds.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (part, observer) in
            [("activation observer", self.activation.observer), ("weight observer", self.weight.observer)]
        {
            let out_of_bounds = |_| Error::Config { part, reason: "has a setting that is out of its bounds" };
            observer.check().map_err(out_of_bounds)?;
        }
        if !self.activation.observer.is_per_tensor() {
            return Err(Error::Config {
                part: "activation observer",
                reason: "must give one range for the whole tensor",
            });
        }
        let Scheme { dtype, symmetry, .. } = self.weight.scheme;
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

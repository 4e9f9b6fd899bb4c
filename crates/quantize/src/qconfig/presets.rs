//! Configurations with names.

use fourfold_observers::ObserverKind;
use fourfold_schemes::{DynamicScheme, Scheme, Symmetry};

use crate::{Observed, QConfig, QScheme};

/// The smallest scale in PyTorch's configurations for QNNPACK and XNNPACK.
const EPS_QNNPACK: f32 = 1.0 / 4096.0;

/// `scale = max(|w|) / 127.5`, as PyTorch has it for all engines.
const WEIGHT: Observed = Observed::new(ObserverKind::MinMax, Scheme::I8_SYMMETRIC_FULL);
const WEIGHT_PER_CHANNEL: Observed = Observed::new(ObserverKind::PerChannelMinMax, Scheme::I8_SYMMETRIC_FULL);

/// Of operands that get their parameters while running.
const AT_RUN_TIME: Observed = Observed::new(ObserverKind::Placeholder, Scheme::U8_AFFINE);

/// Ranges on 0 to 127 (`reduce_range`).
const HISTOGRAM_REDUCED: Observed = Observed::new(ObserverKind::Histogram, Scheme::U8_AFFINE_REDUCED);
const HISTOGRAM: Observed = Observed::new(ObserverKind::Histogram, Scheme::U8_AFFINE);

const TORCH: QConfig =
    QConfig { activation: HISTOGRAM, weight: WEIGHT_PER_CHANNEL, dynamic: DynamicScheme::TorchPerTensor };

/// Of tables of embeddings.
const EMBEDDING: QConfig = QConfig {
    activation: Observed { observer: ObserverKind::Placeholder, scheme: QScheme::Float32 },
    weight: Observed { observer: ObserverKind::PerChannelMinMax, scheme: QScheme::FloatQParams8 },
    dynamic: DynamicScheme::TorchPerTensor,
};

type Preset = fn() -> QConfig;

impl QConfig {
    /// The names of the presets, as [`QConfig::preset`] takes them.
    pub const PRESETS: [&str; 14] = [
        "fourfold",
        "fbgemm",
        "x86",
        "onednn",
        "qnnpack",
        "symmetric_qnnpack",
        "per_channel_symmetric_qnnpack",
        "torch_default",
        "dynamic",
        "per_channel_dynamic",
        "float16_dynamic",
        "weight_only",
        "float_qparams_weight_only",
        "float_qparams_weight_only_4bit",
    ];

    const FUNCTIONS: [Preset; 14] = [
        Self::fourfold,
        Self::fbgemm,
        Self::x86,
        Self::onednn,
        Self::qnnpack,
        Self::symmetric_qnnpack,
        Self::per_channel_symmetric_qnnpack,
        Self::torch_default,
        Self::dynamic,
        Self::per_channel_dynamic,
        Self::float16_dynamic,
        Self::weight_only,
        Self::float_qparams_weight_only,
        Self::float_qparams_weight_only_4bit,
    ];

    /// The preset of that name.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        Self::PRESETS.iter().position(|&known| known == name).map(|index| Self::FUNCTIONS[index]())
    }

    /// The default: activations `u8` affine, 0 to 255, and the range of smallest squared error, weights `i8`
    /// symmetric, -127 to 127, one scale per output channel; dynamic activations `u8` affine, one scale per row.
    #[must_use]
    pub fn fourfold() -> Self {
        Self {
            activation: Observed::new(ObserverKind::Mse, Scheme::U8_AFFINE),
            weight: Observed::new(ObserverKind::PerChannelMinMax, Scheme::I8_SYMMETRIC),
            dynamic: DynamicScheme::PerRow,
        }
    }

    /// PyTorch's `get_default_qconfig("fbgemm")`: activations 0 to 127, weights per channel with `scale = max(|w|) /
    /// 127.5`.
    #[must_use]
    pub fn fbgemm() -> Self {
        Self { activation: HISTOGRAM_REDUCED, ..TORCH }
    }

    /// PyTorch's `get_default_qconfig("x86")`, its default: the numbers of [`QConfig::fbgemm`].
    #[must_use]
    pub fn x86() -> Self {
        Self::fbgemm()
    }

    /// PyTorch's `get_default_qconfig("onednn")`: as [`QConfig::fbgemm`] with activations 0 to 255.
    #[must_use]
    pub fn onednn() -> Self {
        TORCH
    }

    /// PyTorch's `get_default_qconfig("qnnpack")`: activations 0 to 255, one scale per weight.
    #[must_use]
    pub fn qnnpack() -> Self {
        Self { weight: WEIGHT, ..TORCH }
    }

    /// PyTorch's `default_symmetric_qnnpack_qconfig`: activations `i8` affine, -128 to 127, one scale per weight, -127
    /// to 127; no scale below `2^-12`.
    #[must_use]
    pub fn symmetric_qnnpack() -> Self {
        Self {
            weight: Observed { observer: ObserverKind::MinMax, ..Self::per_channel_symmetric_qnnpack().weight },
            ..Self::per_channel_symmetric_qnnpack()
        }
    }

    /// PyTorch's `default_per_channel_symmetric_qnnpack_qconfig`: the same with one scale per output channel of a
    /// weight.
    #[must_use]
    pub fn per_channel_symmetric_qnnpack() -> Self {
        let signed = Scheme { eps: EPS_QNNPACK, torch_codes: true, ..Scheme::I8_SYMMETRIC };
        let affine = Scheme { symmetry: Symmetry::Affine, quant_min: -128, ..signed };
        Self {
            activation: Observed::new(ObserverKind::Histogram, affine),
            weight: Observed::new(ObserverKind::PerChannelMinMax, signed),
            ..TORCH
        }
    }

    /// PyTorch's `default_qconfig`: activations 0 to 127 by minimum and maximum, one scale per weight.
    #[must_use]
    pub fn torch_default() -> Self {
        Self { activation: Observed::new(ObserverKind::MinMax, Scheme::U8_AFFINE_REDUCED), weight: WEIGHT, ..TORCH }
    }

    /// PyTorch's `default_dynamic_qconfig` as its Linear runs it: activations per tensor in 7 bits, one scale per
    /// weight.
    #[must_use]
    pub fn dynamic() -> Self {
        Self { activation: AT_RUN_TIME, weight: WEIGHT, ..TORCH }
    }

    /// PyTorch's `per_channel_dynamic_qconfig`: the same with one scale per output channel of a weight.
    #[must_use]
    pub fn per_channel_dynamic() -> Self {
        Self { activation: AT_RUN_TIME, ..TORCH }
    }

    /// PyTorch's `float16_dynamic_qconfig`; described, not run yet.
    #[must_use]
    pub fn float16_dynamic() -> Self {
        let half = Observed { observer: ObserverKind::Placeholder, scheme: QScheme::Float16 };
        Self { activation: half, weight: half, ..TORCH }
    }

    /// PyTorch's `default_weight_only_qconfig`: activations stay float, one scale per weight; described, not run yet.
    #[must_use]
    pub fn weight_only() -> Self {
        Self {
            activation: Observed { observer: ObserverKind::Noop, scheme: QScheme::Float32 },
            weight: WEIGHT,
            ..TORCH
        }
    }

    /// PyTorch's `float_qparams_weight_only_qconfig`, for tables of embeddings: 0 to 255, one scale and one zero
    /// point per row; see [`quantize_embedding`](crate::quantize_embedding).
    #[must_use]
    pub fn float_qparams_weight_only() -> Self {
        EMBEDDING
    }

    /// PyTorch's `float_qparams_weight_only_qconfig_4bit`: the same with 0 to 15.
    #[must_use]
    pub fn float_qparams_weight_only_4bit() -> Self {
        Self { weight: Observed { scheme: QScheme::FloatQParams4, ..EMBEDDING.weight }, ..EMBEDDING }
    }
}

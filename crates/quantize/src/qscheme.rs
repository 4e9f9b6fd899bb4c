//! What observed values become.

use fourfold_schemes::Scheme;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::named::name_or_table;

/// What observed values become: 8-bit integers, or what other engines run and no operator of a graph does yet.
///
/// In files it is one of [`QScheme::NAMES`], or a table with the fields of [`Scheme`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum QScheme {
    /// Quantized values of 8 bits.
    Quantized(Scheme),
    /// Floats of 16 bits.
    Float16,
    /// Quantized values 0 to 255 with one scale and one zero point for each row: tables of embeddings (PyTorch's
    /// `quint8` with `per_channel_affine_float_qparams`, whose zero points are floats; here they are integers, see
    /// [`quantize_embedding`](crate::quantize_embedding)).
    FloatQParams8,
    /// The same with values 0 to 15, two in a byte (PyTorch's `quint4x2`).
    FloatQParams4,
    /// `f32`, as they are.
    Float32,
}

impl QScheme {
    /// The names in configuration files.
    pub const NAMES: [&str; 8] = [
        "u8_affine",
        "u8_affine_reduced",
        "i8_symmetric",
        "i8_symmetric_full",
        "float16",
        "float_qparams_8",
        "float_qparams_4",
        "real",
    ];

    const NAMED: [QScheme; 8] = [
        QScheme::Quantized(Scheme::U8_AFFINE),
        QScheme::Quantized(Scheme::U8_AFFINE_REDUCED),
        QScheme::Quantized(Scheme::I8_SYMMETRIC),
        QScheme::Quantized(Scheme::I8_SYMMETRIC_FULL),
        QScheme::Float16,
        QScheme::FloatQParams8,
        QScheme::FloatQParams4,
        QScheme::Float32,
    ];

    /// The scheme of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|&known| known == name).map(|index| Self::NAMED[index])
    }

    /// The scheme of 8-bit values, or why there is none and what to do.
    pub(crate) fn quantized(&self) -> Result<&Scheme, &'static str> {
        match self {
            QScheme::Quantized(scheme) => Ok(scheme),
            QScheme::Float16 => Err("is 16-bit floating point, which no operator runs on yet; choose an 8-bit scheme"),
            QScheme::FloatQParams8 | QScheme::FloatQParams4 => {
                Err("is for tables of embeddings only, see quantize_embedding; choose an 8-bit scheme")
            }
            QScheme::Float32 => {
                Err("keeps floats, which no operator multiplies with quantized values; choose an 8-bit scheme")
            }
        }
    }
}

impl QScheme {
    /// The scheme of the rows of a table of embeddings, `None` if it is for something else.
    pub(crate) fn rows(&self) -> Option<Scheme> {
        match self {
            QScheme::FloatQParams8 => Some(Scheme::U8_AFFINE),
            QScheme::FloatQParams4 => Some(Scheme { quant_max: 15, ..Scheme::U8_AFFINE }),
            _ => None,
        }
    }
}

impl From<Scheme> for QScheme {
    fn from(scheme: Scheme) -> Self {
        QScheme::Quantized(scheme)
    }
}

impl Serialize for QScheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (Self::NAMED.iter().position(|named| named == self), self) {
            (None, QScheme::Quantized(scheme)) => scheme.serialize(serializer),
            (index, _) => serializer.serialize_str(index.map_or("real", |index| Self::NAMES[index])),
        }
    }
}

impl<'de> Deserialize<'de> for QScheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        name_or_table::<D, Scheme, Self>(deserializer, Self::by_name, &Self::NAMES)
    }
}

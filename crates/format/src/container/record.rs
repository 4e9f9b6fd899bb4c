//! The header as it is encoded. The only module that knows the codec.
//!
//! Records mirror the graph's types, so that those can change without the format doing so.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use crate::Error;

/// What decoded records may take in memory: a length that claims more is refused before anything is allocated.
const DECODED_BYTES: usize = 64 << 20;

const CONFIG: Configuration<LittleEndian, Fixint, Limit<DECODED_BYTES>> =
    bincode::config::standard().with_little_endian().with_fixed_int_encoding().with_limit();

#[derive(Encode, Decode)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) items: Vec<Item>,
    pub(super) outputs: Vec<u32>,
}

#[derive(Encode, Decode)]
pub(super) enum Item {
    Input { name: String, ty: Type },
    Constant { name: String, dtype: u8, shape: Vec<u64>, params: Option<Params>, crc: u32 },
    Node { name: String, output: String, op: Op, inputs: Vec<u32>, params: Option<Params> },
}

#[derive(Encode, Decode)]
pub(super) struct Type {
    pub(super) dtype: u8,
    pub(super) dims: Vec<Dim>,
    pub(super) params: Option<Params>,
}

#[derive(Encode, Decode)]
pub(super) enum Dim {
    Fixed(u64),
    Symbol(String),
}

#[derive(Encode, Decode)]
pub(super) struct Params {
    pub(super) dtype: u8,
    pub(super) quant_min: i32,
    pub(super) quant_max: i32,
    pub(super) axis: Option<u64>,
    pub(super) scales: Vec<f32>,
    pub(super) zero_points: Vec<i32>,
}

#[derive(Encode, Decode)]
pub(super) enum Op {
    Conv { window: Window, groups: u64, activation: Activation },
    Linear { activation: Activation, dynamic: Option<u8> },
    MatMul,
    BatchNorm { epsilon: f32 },
    Relu,
    Clip { min: f32, max: f32 },
    MaxPool { window: Window },
    AveragePool { window: Window, count_include_pad: bool },
    GlobalAveragePool,
    Add { activation: Activation },
    Flatten { axis: u64 },
    Reshape { dims: Vec<i64> },
    Transpose { axes: Vec<u64> },
    Softmax { axis: u64 },
    Identity,
    Quantize,
    Dequantize,
    QuantStub,
    DeQuantStub,
    LayerNorm { axis: u64, epsilon: f32 },
    Unary { function: u8, parameters: [f32; 2] },
    Binary { function: u8 },
    Reduce { reduction: u8, axes: Vec<u64>, keep: bool },
}

#[derive(Encode, Decode)]
pub(super) struct Window {
    pub(super) kernel: Vec<u64>,
    pub(super) stride: Vec<u64>,
    pub(super) dilation: Vec<u64>,
    pub(super) pad_begin: Vec<u64>,
    pub(super) pad_end: Vec<u64>,
}

#[derive(Encode, Decode)]
pub(super) enum Activation {
    None,
    Relu,
    Clamp { min: f32, max: f32 },
}

impl Header {
    /// The first minor version that has all operators of the graph.
    pub(super) fn minor(&self) -> u16 {
        let is_newer = |item: &Item| match item {
            Item::Node { op, .. } => {
                matches!(op, Op::LayerNorm { .. } | Op::Unary { .. } | Op::Binary { .. } | Op::Reduce { .. })
            }
            _ => false,
        };
        u16::from(self.items.iter().any(is_newer))
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        let config = bincode::config::standard().with_little_endian().with_fixed_int_encoding();
        bincode::encode_to_vec(self, config).map_err(|error| Error::corrupt("header", error.to_string()))
    }

    /// Reads a header that takes all of `bytes`.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let decoded = bincode::decode_from_slice(bytes, CONFIG);
        let (header, used) = decoded.map_err(|error| match error {
            DecodeError::LimitExceeded => Error::Unsupported {
                part: "header".to_owned(),
                what: format!("a graph whose description takes more than {} MiB", DECODED_BYTES >> 20),
            },
            error => Error::corrupt("header", error.to_string()),
        })?;
        if used != bytes.len() {
            return Err(Error::corrupt("header", format!("{} bytes behind its end", bytes.len() - used)));
        }
        Ok(header)
    }
}

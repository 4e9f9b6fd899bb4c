//! The header as it is encoded.
//!
//! Records mirror the graph's types, so that those can change without the format doing so.

use crate::codec::{Decode, Encode};

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
            Item::Node { op, .. } => matches!(
                op,
                Op::LayerNorm { .. }
                    | Op::Unary { .. }
                    | Op::Binary { .. }
                    | Op::Reduce { .. }
                    | Op::Linear { dynamic: Some(2..), .. }
            ),
            _ => false,
        };
        u16::from(self.items.iter().any(is_newer))
    }
}

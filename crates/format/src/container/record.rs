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
    Packed { name: String, shape: Vec<u64>, params: Params, crc: u32 },
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
    Computed(Vec<Term>),
    Divided(Vec<DividedTerm>),
}

/// A term that is multiplied with quotients too.
#[derive(Encode, Decode)]
pub(super) struct DividedTerm {
    pub(super) term: Term,
    pub(super) quotients: Vec<Quotient>,
}

/// A whole quotient.
#[derive(Encode, Decode)]
pub(super) struct Quotient {
    pub(super) dividend: Vec<Term>,
    pub(super) divisor: i64,
}

/// A coefficient and the symbols that it is multiplied with.
#[derive(Encode, Decode)]
pub(super) struct Term {
    pub(super) coefficient: i64,
    pub(super) symbols: Vec<String>,
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
    ReshapeTo { dims: Vec<Dim> },
    ConvTranspose { window: Window, output_padding: Vec<u64>, groups: u64, activation: Activation },
    GroupNorm { groups: u64, epsilon: f32 },
    LogSoftmax { axis: u64 },
    Recurrent { cell: u8, direction: u8, with_cell_state: bool, dynamic: Option<u8> },
    Concat { axis: u64 },
    Slice { axis: u64, start: i64, step: i64, length: Dim },
    Gather { axis: u64 },
    GatherElements { axis: u64 },
    Expand { dims: Vec<Dim> },
    Pad { begin: Vec<u64>, end: Vec<u64>, mode: u8, value: f32 },
    Resize { scales: Vec<f32>, sizes: Vec<Option<u64>>, interpolation: u8, coordinates: u8 },
    Where,
    Compare { comparison: u8 },
    Logic { function: u8 },
    Not,
    Cast { to: u8 },
    ArgExtreme { axis: u64, keep: bool, largest: bool, last: bool },
    TopK { axis: u64, count: u64, largest: bool, indices: bool },
    CumSum { axis: u64, exclusive: bool, reverse: bool },
    DynamicConv { window: Window, groups: u64, activation: Activation, dynamic: u8 },
    FakeQuantize { params: Params },
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
        self.items.iter().map(Item::minor).max().unwrap_or(0)
    }
}

impl Item {
    fn minor(&self) -> u16 {
        match self {
            Item::Node { op, .. } => op.minor(),
            Item::Input { ty, .. } => ty.dims.iter().map(Dim::minor).max().unwrap_or(0).max(minor_of_type(ty.dtype)),
            Item::Packed { .. } => 2,
            Item::Constant { dtype, .. } => minor_of_type(*dtype),
        }
    }
}

impl Dim {
    fn minor(&self) -> u16 {
        match self {
            Dim::Fixed(_) | Dim::Symbol(_) => 0,
            Dim::Computed(_) => 2,
            Dim::Divided(_) => 3,
        }
    }
}

impl Op {
    fn minor(&self) -> u16 {
        match self {
            Op::ReshapeTo { dims } | Op::Expand { dims } => dims.iter().map(Dim::minor).max().unwrap_or(0).max(2),
            Op::Slice { length, .. } => length.minor().max(2),
            Op::Linear { dynamic: Some(2..), .. } | Op::LayerNorm { .. } | Op::Unary { .. } | Op::Reduce { .. } => 1,
            Op::Binary { function } if *function < FIRST_BINARY_OF_2 => 1,
            Op::Cast { to: FIRST_CAST_OF_5.. } => 5,
            Op::Binary { function: FIRST_BINARY_OF_4.. } | Op::Cast { to: FIRST_CAST_OF_4.. } => 4,
            Op::Conv { .. } | Op::Linear { .. } | Op::MatMul | Op::BatchNorm { .. } | Op::Relu | Op::Clip { .. } => 0,
            Op::MaxPool { .. }
            | Op::AveragePool { .. }
            | Op::GlobalAveragePool
            | Op::Add { .. }
            | Op::Flatten { .. } => 0,
            Op::Reshape { .. } | Op::Transpose { .. } | Op::Softmax { .. } | Op::Identity | Op::Quantize => 0,
            Op::Dequantize | Op::QuantStub | Op::DeQuantStub => 0,
            Op::FakeQuantize { .. } => 5,
            _ => 2,
        }
    }
}

/// The first minor version that has an element type.
fn minor_of_type(dtype: u8) -> u16 {
    match dtype {
        0..BYTES => 0,
        BYTES => 4,
        _ => 5,
    }
}

/// The number of `u8` integers among the types of elements; quantized values of that type have another.
pub(super) const BYTES: u8 = 5;

/// The number of the first function of two numbers that minor version 1 does not have.
const FIRST_BINARY_OF_2: u8 = 5;

/// The number of the first function of two numbers that minor version 3 does not have.
const FIRST_BINARY_OF_4: u8 = 6;

/// The number of the first conversion that minor version 3 does not have.
const FIRST_CAST_OF_4: u8 = 4;

/// The number of the first conversion that minor version 4 does not have.
const FIRST_CAST_OF_5: u8 = 6;

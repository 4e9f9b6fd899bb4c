//! The header as it is encoded.
//!
//! Records mirror the graph's types, so that those can change without the format doing so.

use super::ops::Record;
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
    Node { name: String, output: String, op: Record, inputs: Vec<u32>, params: Option<Params> },
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
    pub(super) fn minor(&self) -> u16 {
        match self {
            Dim::Fixed(_) | Dim::Symbol(_) => 0,
            Dim::Computed(_) => 2,
            Dim::Divided(_) => 3,
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

//! The `.fourfold` container: one graph with its constants, checked to the last bit.
//!
//! # Bytes
//!
//! All integers are little-endian.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic: `89 46 34 46 0D 0A 1A 0A`, which shows translated line ends |
//! | 8 | 2 | major version, 1: readers refuse others |
//! | 10 | 2 | minor version, 0, or the first that has all operators of the graph (1 to 5): readers accept others |
//! | 12 | 4 | flags: readers refuse those they do not know; none so far |
//! | 16 | 8 | length of the header in bytes |
//! | 24 | 4 | CRC-32 of the header |
//! | 28 | 4 | CRC-32 of bytes 0 to 27 |
//! | 32 | .. | the header |
//! | .. | .. | the constants, in the header's order, each at the next multiple of 64; zeros between |
//!
//! The file ends with the last byte of the last constant, or with the header if there are none. Constants are raw
//! elements, row-major, little-endian, or packed; the header has the CRC-32 of each. So every bit of the file is
//! covered.
//!
//! # The header
//!
//! A sequence of fields without names or padding. `string` is a `u64` length and UTF-8 bytes; `list of T` a `u64` count
//! and the elements; `option of T` a byte 0, or 1 and the value; an `enum` a `u32` tag and the fields of the variant
//! with that number.
//!
//! ```text
//! header    name: string, items: list of item, outputs: list of u32 (indices of values)
//! item      enum    0 input     name: string, type
//!                   1 constant  name: string, dtype: u8, shape: list of u64, params: option of params, crc: u32
//!                   2 node      name: string, output: string, op, inputs: list of u32, params: option of params
//!           since minor version 2:
//!                   3 packed constant    name: string, shape: list of u64, params, crc: u32
//! type      dtype: u8, dims: list of dim, params: option of params
//! dim       enum    0 fixed: u64    1 symbol: string    since minor version 2:  2 computed: list of term, summed
//!           since minor version 3:  3 computed: list of { term, quotients: list of quotient (more factors) }, summed
//! term      coefficient: i64, symbols: list of string (factors)
//! quotient  dividend: list of term, summed, divisor: i64, without the remainder
//! dtype     0 f32   1 i8   2 u8 with params, bool without   3 i32   4 i64
//!           since minor version 4:  5 u8 without params
//!           since minor version 5:  6 f16   7 bf16   8 f64
//! params    dtype: u8, quant_min: i32, quant_max: i32, axis: option of u64, scales: list of f32,
//!           zero_points: list of i32
//! op        enum    0 Conv { window, groups: u64, activation }      1 Linear { activation, dynamic: option of u8 }
//!                   2 MatMul      3 BatchNorm { epsilon: f32 }      4 Relu             5 Clip { min: f32, max: f32 }
//!                   6 MaxPool { window }    7 AveragePool { window, count_include_pad: bool (u8) }
//!                   8 GlobalAveragePool     9 Add { activation }   10 Flatten { axis: u64 }
//!                  11 Reshape { dims: list of i64 }
//!                  12 Transpose { axes: list of u64 }    13 Softmax { axis: u64 }    14 Identity    15 Quantize
//!                  16 Dequantize    17 QuantStub    18 DeQuantStub    since minor version 1:
//!                  19 LayerNorm { axis: u64, epsilon: f32 }    20 Unary { function: u8, parameters: f32, f32 }
//!                  21 Binary { function: u8 }    22 Reduce { reduction: u8, axes: list of u64, keep: bool (u8) }
//!                  since minor version 2 (axis, groups, count: u64; a shape is a list of dim; yes or no is a u8):
//!                  23 Reshape { dims: shape } (the operator 11 where one size at most is not known, then -1)
//!                  24 ConvTranspose { window, output_padding: list of u64, groups, activation }
//!                  25 GroupNorm { groups, epsilon: f32 }    26 LogSoftmax { axis }
//!                  27 Recurrent { cell: u8, direction: u8, with_cell_state: yes or no, dynamic: option of u8 }
//!                  28 Concat { axis }    29 Slice { axis, start: i64, step: i64, length: dim }    30 Gather { axis }
//!                  31 GatherElements { axis }    32 Expand { dims: shape }
//!                  33 Pad { begin: list of u64, end: list of u64, mode: u8, value: f32 }
//!                  34 Resize { scales: list of f32, sizes: list of option of u64, interpolation: u8, coordinates: u8 }
//!                  35 Where    36 Compare { u8 }    37 Logic { u8 }    38 Not    39 Cast { u8 }
//!                  40 ArgMax or ArgMin { axis, keep, largest, last: yes or no each }
//!                  41 TopK { axis, count, largest: yes or no, indices: yes or no }
//!                  42 CumSum { axis, exclusive: yes or no, reverse: yes or no }
//!                  43 Conv with dynamic quantization { window, groups, activation, dynamic: u8 }
//!                  since minor version 5:
//!                  44 FakeQuantize { params }
//! cell      0 LSTM   1 GRU   2 GRU, reset before the product   3 RNN with tanh   4 RNN with ReLU
//! direction 0 forward   1 reverse   2 bidirectional
//! mode      0 constant (value)   1 edge   2 reflect   3 wrap
//! interpolation  0 nearest, ties down   1 nearest, ties up   2 floor   3 ceil   4 linear
//! coordinates    0 half pixel   1 half pixel as PyTorch   2 align corners   3 asymmetric
//! compare   0 equal  1 less  2 less or equal  3 greater  4 greater or equal        logic   0 and  1 or  2 xor
//! cast      0 f32   1 i64   2 i32   3 bool   since minor version 4:  4 i8   5 u8
//!           since minor version 5:  6 f16   7 bf16   8 f64
//! unary     0 exp    1 log    2 sqrt    3 reciprocal    4 neg    5 abs    6 tanh    7 erf    8 sigmoid
//!           9 silu   10 gelu   11 gelu by tanh   12 hard sigmoid (alpha, beta)   13 hard swish
//!           14 leaky ReLU (slope)   15 ELU (alpha)
//! binary    0 sub    1 mul    2 div    3 min    4 max    since minor version 2:  5 pow
//!           since minor version 4:  6 mod (sign of the divisor)   7 fmod (sign of the dividend)
//! reduction 0 mean   1 sum    2 max    3 min    4 L2
//! window    kernel, stride, dilation, pad_begin, pad_end: list of u64 each
//! activation  enum  0 none    1 ReLU    2 clamp { min: f32, max: f32 }
//! dynamic   0 per row    1 per tensor, as PyTorch    since minor version 1:  2 per tensor, as ONNX
//! ```
//!
//! Every item makes one value; values are counted from 0 in the order of the items. A node's params are those of its
//! result, present if the operator gives its result parameters of its own (since minor version 5, Conv, Linear and
//! MatMul of quantized operands without them give their sums). A shape's product and the type give the length of a
//! constant.
//!
//! Constants of `i8` or `u8` whose params allow at most 16 quantized values are packed: two elements in a byte, each
//! less `quant_min`, the first in the lower half; the upper half of the last byte is 0 if their number is odd. `n`
//! elements take `(n + 1) / 2` bytes.
//!
//! # Reading
//!
//! Prefix, header and the length of a constant are checked before it is allocated, padding and checksum as it is read;
//! the graph is built by [`GraphBuilder`](fourfold_graph::GraphBuilder), which checks the rest.

mod build;
mod ops;
mod packed;
mod record;
#[cfg(test)]
mod tests;

use std::io::Read;

use fourfold_error::Limits;
use fourfold_graph::{Graph, Value};

use crate::layout::{self, Format, Source};
use crate::{Error, codec};

const FORMAT: Format =
    Format { name: ".fourfold", magic: [0x89, b'F', b'4', b'F', b'\r', b'\n', 0x1a, b'\n'], major: 1 };

/// Whether bytes are, or once were, a container: what follows may still be damaged.
#[must_use]
pub fn is_container(bytes: &[u8]) -> bool {
    FORMAT.is(bytes)
}

/// The bytes of a graph; the same graph gives the same bytes.
///
/// # Errors
///
/// [`Error::Unsupported`] if an operator is newer than the format.
pub fn to_bytes(graph: &Graph) -> Result<Vec<u8>, Error> {
    let record = build::record(graph)?;
    let constant_bytes = |value| Value::constant(value).map(|constant| packed::bytes(value, constant));
    let constants: Vec<_> = graph.values().iter().filter_map(constant_bytes).collect::<Result<_, _>>()?;
    layout::write(&FORMAT, record.minor().max(build::minor_of_sums(graph)), &codec::encode(&record)?, constants.iter())
}

/// Reads a graph.
///
/// # Errors
///
/// [`Error::Foreign`] for other files, [`Error::Version`] and [`Error::Flags`] for files of the future,
/// [`Error::Checksum`] and [`Error::Corrupt`] for damaged ones, [`Error::Limit`] for more than is allowed,
/// [`Error::Graph`] for graphs that are not valid.
pub fn from_bytes(bytes: &[u8], limits: &Limits) -> Result<Graph, Error> {
    read(bytes, bytes.len() as u64, limits)
}

/// Reads a graph from a file of `length` bytes, in one pass: constants are read into their tensors, and nothing else of
/// the file is held.
///
/// # Errors
///
/// As [`from_bytes`], and [`Error::Read`] if reading fails.
pub fn read(reader: impl Read, length: u64, limits: &Limits) -> Result<Graph, Error> {
    let mut source = Source::new(reader, length);
    let header = source.header(&FORMAT, limits)?;
    let record: record::Header = codec::decode(&header.bytes)?;
    drop(header);
    build::graph(&record, &mut source, limits)
}

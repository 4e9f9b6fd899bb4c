//! Operators of version 1.2 to records and back.

use fourfold_graph::{
    ArgExtreme, Cast, CastTo, Cell, Comparison, Concat, ConvTranspose, Coordinates, CumSum, Direction, Expand, Gather,
    GatherElements, GroupNorm, Interpolation, LogSoftmax, Logic, Op, Pad, PadMode, Recurrent, Reshape, Resize,
    Rounding, Slice, TopK, TopKPart,
};

use super::op::{activation, activation_record, dynamic_scheme, dynamic_tag, sizes, wide, window, window_record};
use super::{check_rank, shape, size_of};
use crate::Error;
use crate::container::record;

const CELLS: [Cell; 5] = [Cell::Lstm, Cell::Gru, Cell::GruResetBefore, Cell::Tanh, Cell::Relu];
const DIRECTIONS: [Direction; 3] = [Direction::Forward, Direction::Reverse, Direction::Bidirectional];
const MODES: [PadMode; 4] = [PadMode::Constant(0.0), PadMode::Edge, PadMode::Reflect, PadMode::Wrap];
const INTERPOLATIONS: [Interpolation; 5] = [
    Interpolation::Nearest(Rounding::PreferFloor),
    Interpolation::Nearest(Rounding::PreferCeil),
    Interpolation::Nearest(Rounding::Floor),
    Interpolation::Nearest(Rounding::Ceil),
    Interpolation::Linear,
];
const COORDINATES: [Coordinates; 4] =
    [Coordinates::HalfPixel, Coordinates::PytorchHalfPixel, Coordinates::AlignCorners, Coordinates::Asymmetric];
const COMPARISONS: [Comparison; 5] =
    [Comparison::Equal, Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual];
const LOGIC: [Logic; 3] = [Logic::And, Logic::Or, Logic::Xor];
const TYPES: [CastTo; 9] = [
    CastTo::F32,
    CastTo::I64,
    CastTo::I32,
    CastTo::Bool,
    CastTo::I8,
    CastTo::U8,
    CastTo::F16,
    CastTo::BF16,
    CastTo::F64,
];

pub(super) fn record(op: &Op) -> Result<record::Op, Error> {
    let number = |place: Option<usize>| place.and_then(|place| u8::try_from(place).ok()).ok_or_else(|| unknown(op));
    Ok(match op {
        Op::ConvTranspose(conv) => record::Op::ConvTranspose {
            window: window_record(&conv.window),
            output_padding: wide(&conv.output_padding),
            groups: conv.groups as u64,
            activation: activation_record(conv.activation),
        },
        Op::GroupNorm(GroupNorm { groups, epsilon }) => {
            record::Op::GroupNorm { groups: *groups as u64, epsilon: *epsilon }
        }
        Op::LogSoftmax(LogSoftmax { axis }) => record::Op::LogSoftmax { axis: *axis as u64 },
        Op::Recurrent(recurrent) => record::Op::Recurrent {
            cell: number(CELLS.iter().position(|cell| *cell == recurrent.cell))?,
            direction: number(DIRECTIONS.iter().position(|direction| *direction == recurrent.direction))?,
            with_cell_state: recurrent.with_cell_state,
            dynamic: recurrent.dynamic.map(dynamic_tag),
        },
        Op::Concat(Concat { axis }) => record::Op::Concat { axis: *axis as u64 },
        Op::Slice(Slice { axis, start, step, length }) => {
            record::Op::Slice { axis: *axis as u64, start: *start, step: *step, length: shape::dim_record(length) }
        }
        Op::Gather(Gather { axis }) => record::Op::Gather { axis: *axis as u64 },
        Op::GatherElements(GatherElements { axis }) => record::Op::GatherElements { axis: *axis as u64 },
        Op::Expand(Expand { dims }) => record::Op::Expand { dims: dims.iter().map(shape::dim_record).collect() },
        Op::Pad(Pad { begin, end, mode }) => {
            let value = if let PadMode::Constant(value) = mode { *value } else { 0.0 };
            let same = |known: &PadMode| core::mem::discriminant(known) == core::mem::discriminant(mode);
            record::Op::Pad { begin: wide(begin), end: wide(end), mode: number(MODES.iter().position(same))?, value }
        }
        Op::Resize(resize) => record::Op::Resize {
            scales: resize.scales.clone(),
            sizes: resize.sizes.iter().map(|size| size.map(|size| size as u64)).collect(),
            interpolation: number(INTERPOLATIONS.iter().position(|known| *known == resize.interpolation))?,
            coordinates: number(COORDINATES.iter().position(|known| *known == resize.coordinates))?,
        },
        Op::Where => record::Op::Where,
        Op::Compare(comparison) => {
            record::Op::Compare { comparison: number(COMPARISONS.iter().position(|known| known == comparison))? }
        }
        Op::Logic(function) => {
            record::Op::Logic { function: number(LOGIC.iter().position(|known| known == function))? }
        }
        Op::Not => record::Op::Not,
        Op::Cast(Cast { to }) => record::Op::Cast { to: number(TYPES.iter().position(|known| known == to))? },
        Op::ArgExtreme(ArgExtreme { axis, keep, largest, last }) => {
            record::Op::ArgExtreme { axis: *axis as u64, keep: *keep, largest: *largest, last: *last }
        }
        Op::TopK(TopK { axis, count, largest, part }) => record::Op::TopK {
            axis: *axis as u64,
            count: *count as u64,
            largest: *largest,
            indices: *part == TopKPart::Indices,
        },
        Op::CumSum(CumSum { axis, exclusive, reverse }) => {
            record::Op::CumSum { axis: *axis as u64, exclusive: *exclusive, reverse: *reverse }
        }
        other => return Err(unknown(other)),
    })
}

fn unknown(op: &Op) -> Error {
    Error::Unsupported { part: "graph".to_owned(), what: op.kind().to_string() }
}

pub(super) fn op(op: &record::Op, part: &str) -> Result<Op, Error> {
    let size = |size: u64| size_of(size, part);
    Ok(match op {
        record::Op::ReshapeTo { dims } => Op::Reshape(Reshape { dims: shape::dims(dims, part)? }),
        record::Op::ConvTranspose { window: read, output_padding, groups, activation: clamp } => {
            Op::ConvTranspose(ConvTranspose {
                window: window(read, part)?,
                output_padding: sizes(output_padding, part)?,
                groups: size(*groups)?,
                activation: activation(clamp),
            })
        }
        record::Op::GroupNorm { groups, epsilon } => {
            Op::GroupNorm(GroupNorm { groups: size(*groups)?, epsilon: *epsilon })
        }
        record::Op::LogSoftmax { axis } => Op::LogSoftmax(LogSoftmax { axis: size(*axis)? }),
        record::Op::Recurrent { cell, direction, with_cell_state, dynamic } => Op::Recurrent(Recurrent {
            cell: known(&CELLS, *cell, "cell", part)?,
            direction: known(&DIRECTIONS, *direction, "direction", part)?,
            with_cell_state: *with_cell_state,
            dynamic: dynamic_scheme(*dynamic, part)?,
        }),
        record::Op::Concat { axis } => Op::Concat(Concat { axis: size(*axis)? }),
        record::Op::Slice { axis, start, step, length } => {
            Op::Slice(Slice { axis: size(*axis)?, start: *start, step: *step, length: shape::dim(length, part)? })
        }
        record::Op::Gather { axis } => Op::Gather(Gather { axis: size(*axis)? }),
        record::Op::GatherElements { axis } => Op::GatherElements(GatherElements { axis: size(*axis)? }),
        record::Op::Expand { dims } => Op::Expand(Expand { dims: shape::dims(dims, part)? }),
        record::Op::Pad { begin, end, mode, value } => {
            let mode = match known(&MODES, *mode, "way of padding", part)? {
                PadMode::Constant(_) => PadMode::Constant(*value),
                other => other,
            };
            Op::Pad(Pad { begin: sizes(begin, part)?, end: sizes(end, part)?, mode })
        }
        record::Op::Resize { scales, sizes, interpolation, coordinates } => {
            check_rank(scales.len().max(sizes.len()), part)?;
            Op::Resize(Resize {
                scales: scales.clone(),
                sizes: sizes.iter().map(|read| read.map(size).transpose()).collect::<Result<_, _>>()?,
                interpolation: known(&INTERPOLATIONS, *interpolation, "interpolation", part)?,
                coordinates: known(&COORDINATES, *coordinates, "kind of coordinates", part)?,
            })
        }
        record::Op::Where => Op::Where,
        record::Op::Compare { comparison } => Op::Compare(known(&COMPARISONS, *comparison, "comparison", part)?),
        record::Op::Logic { function } => Op::Logic(known(&LOGIC, *function, "function of bools", part)?),
        record::Op::Not => Op::Not,
        record::Op::Cast { to } => Op::Cast(Cast { to: known(&TYPES, *to, "type", part)? }),
        record::Op::ArgExtreme { axis, keep, largest, last } => {
            Op::ArgExtreme(ArgExtreme { axis: size(*axis)?, keep: *keep, largest: *largest, last: *last })
        }
        record::Op::TopK { axis, count, largest, indices } => Op::TopK(TopK {
            axis: size(*axis)?,
            count: size(*count)?,
            largest: *largest,
            part: if *indices { TopKPart::Indices } else { TopKPart::Values },
        }),
        record::Op::CumSum { axis, exclusive, reverse } => {
            Op::CumSum(CumSum { axis: size(*axis)?, exclusive: *exclusive, reverse: *reverse })
        }
        _ => return Err(Error::corrupt(part, "its operator is not one of version 1.2")),
    })
}

fn known<T: Copy>(list: &[T], number: u8, what: &str, part: &str) -> Result<T, Error> {
    let found = list.get(usize::from(number)).copied();
    found.ok_or_else(|| Error::corrupt(part, format!("there is no {what} {number}")))
}

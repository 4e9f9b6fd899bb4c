//! The operators in the header: one row each, by which they are both written and read.
//!
//! A row is an arm of [`row`]: the operator's tag, the first minor version that has it, and its fields in their order.
//! To add an operator, add its arm, and to [`BLANKS`] an operator with any attributes, over which they are read. Tags
//! and fields of a version that was published never change.

mod choices;
mod fields;

use std::sync::LazyLock;

use fourfold_graph::{
    Activation, Add, ArgExtreme, AveragePool, BatchNorm, Binary, Cast, CastTo, Cell, Clip, Comparison, Concat, Conv,
    ConvTranspose, Coordinates, CumSum, Dim, Direction, Expand, Flatten, Gather, GatherElements, GroupNorm,
    Interpolation, LayerNorm, Linear, LogSoftmax, Logic, Op, Pad, PadMode, Recurrent, Reduce, Reduction, Reshape,
    Resize, Slice, Softmax, TopK, TopKResult, Transpose, Unary, Window,
};
use fourfold_schemes::{DynamicScheme, QuantParams};

use self::choices::{BINARY, CASTS, CELLS, COMPARISONS, COORDINATES, DIRECTIONS, INTERPOLATIONS, LOGIC, REDUCTIONS};
use self::fields::{Fields, Reader, Version, Writer};
use crate::Error;
use crate::codec::{Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, impl_borrow_decode, unknown_variant};

/// The tag of a Reshape as version 0 has it, to sizes that may be -1 or 0, which are known with the operand's shape.
const RESHAPE_TO_SIZES: u32 = 11;

/// The tag, the first minor version and the fields of an operator.
fn row<F: Fields>(op: &mut Op, fields: &mut F) -> Result<(), F::Error> {
    match op {
        Op::Conv(Conv { window, groups, activation, dynamic: None }) => {
            fields.tag(0, 0)?.window(window)?.size(groups)?.activation(activation)?
        }
        Op::Linear(Linear { activation, dynamic }) => fields.tag(1, 0)?.activation(activation)?.dynamic(dynamic)?,
        Op::MatMul => fields.tag(2, 0)?,
        Op::BatchNorm(BatchNorm { epsilon }) => fields.tag(3, 0)?.value(epsilon)?,
        Op::Relu => fields.tag(4, 0)?,
        Op::Clip(Clip { min, max }) => fields.tag(5, 0)?.value(min)?.value(max)?,
        Op::MaxPool(window) => fields.tag(6, 0)?.window(window)?,
        Op::AveragePool(AveragePool { window, count_include_pad }) => {
            fields.tag(7, 0)?.window(window)?.value(count_include_pad)?
        }
        Op::GlobalAveragePool => fields.tag(8, 0)?,
        Op::Add(Add { activation }) => fields.tag(9, 0)?.activation(activation)?,
        Op::Flatten(Flatten { axis }) => fields.tag(10, 0)?.size(axis)?,
        // 11: RESHAPE_TO_SIZES
        Op::Transpose(Transpose { axes }) => fields.tag(12, 0)?.sizes(axes)?,
        Op::Softmax(Softmax { axis }) => fields.tag(13, 0)?.size(axis)?,
        Op::Identity => fields.tag(14, 0)?,
        Op::Quantize => fields.tag(15, 0)?,
        Op::Dequantize => fields.tag(16, 0)?,
        Op::QuantStub => fields.tag(17, 0)?,
        Op::DeQuantStub => fields.tag(18, 0)?,
        Op::LayerNorm(LayerNorm { axis, epsilon }) => fields.tag(19, 1)?.size(axis)?.value(epsilon)?,
        Op::Unary(function) => fields.tag(20, 1)?.function(function)?,
        Op::Binary(function) => fields.tag(21, 1)?.choice("function", &BINARY, function)?,
        Op::Reduce(Reduce { reduction, axes, keep }) => {
            fields.tag(22, 1)?.choice("function", &REDUCTIONS, reduction)?.sizes(axes)?.value(keep)?
        }
        Op::Reshape(Reshape { dims }) => fields.tag(23, 2)?.dims(dims)?,
        Op::ConvTranspose(ConvTranspose { window, output_padding, groups, activation }) => {
            fields.tag(24, 2)?.window(window)?.sizes(output_padding)?.size(groups)?.activation(activation)?
        }
        Op::GroupNorm(GroupNorm { groups, epsilon }) => fields.tag(25, 2)?.size(groups)?.value(epsilon)?,
        Op::LogSoftmax(LogSoftmax { axis }) => fields.tag(26, 2)?.size(axis)?,
        Op::Recurrent(Recurrent { cell, direction, with_cell_state, dynamic }) => fields
            .tag(27, 2)?
            .choice("cell", &CELLS, cell)?
            .choice("direction", &DIRECTIONS, direction)?
            .value(with_cell_state)?
            .dynamic(dynamic)?,
        Op::Concat(Concat { axis }) => fields.tag(28, 2)?.size(axis)?,
        Op::Slice(Slice { axis, start, step, length }) => {
            fields.tag(29, 2)?.size(axis)?.value(start)?.value(step)?.dim(length)?
        }
        Op::Gather(Gather { axis }) => fields.tag(30, 2)?.size(axis)?,
        Op::GatherElements(GatherElements { axis }) => fields.tag(31, 2)?.size(axis)?,
        Op::Expand(Expand { dims }) => fields.tag(32, 2)?.dims(dims)?,
        Op::Pad(Pad { begin, end, mode }) => fields.tag(33, 2)?.sizes(begin)?.sizes(end)?.pad_mode(mode)?,
        Op::Resize(Resize { scales, sizes, interpolation, coordinates }) => fields
            .tag(34, 2)?
            .list(scales)?
            .optional_sizes(sizes)?
            .choice("interpolation", &INTERPOLATIONS, interpolation)?
            .choice("kind of coordinates", &COORDINATES, coordinates)?,
        Op::Where => fields.tag(35, 2)?,
        Op::Compare(comparison) => fields.tag(36, 2)?.choice("comparison", &COMPARISONS, comparison)?,
        Op::Logic(function) => fields.tag(37, 2)?.choice("function of bools", &LOGIC, function)?,
        Op::Not => fields.tag(38, 2)?,
        Op::Cast(Cast { to }) => fields.tag(39, 2)?.choice("type", &CASTS, to)?,
        Op::ArgExtreme(ArgExtreme { axis, keep, largest, last }) => {
            fields.tag(40, 2)?.size(axis)?.value(keep)?.value(largest)?.value(last)?
        }
        Op::TopK(TopK { axis, count, largest, result }) => {
            fields.tag(41, 2)?.size(axis)?.size(count)?.value(largest)?.top_k_result(result)?
        }
        Op::CumSum(CumSum { axis, exclusive, reverse }) => {
            fields.tag(42, 2)?.size(axis)?.value(exclusive)?.value(reverse)?
        }
        Op::Conv(Conv { window, groups, activation, dynamic: Some(scheme) }) => {
            fields.tag(43, 2)?.window(window)?.size(groups)?.activation(activation)?.scheme(scheme)?
        }
        Op::FakeQuantize(params) => fields.tag(44, 5)?.params(params)?,
    };
    Ok(())
}

/// An operator by tag, over whose attributes those of the file are read.
static BLANKS: LazyLock<[Op; 45]> = LazyLock::new(|| {
    let (window, activation, axis) = (Window::new(&[]), Activation::None, 0);
    let conv = |dynamic| Op::Conv(Conv { dynamic, ..Conv::new(window.clone(), 1) });
    [
        conv(None),
        Op::Linear(Linear::default()),
        Op::MatMul,
        Op::BatchNorm(BatchNorm { epsilon: 0.0 }),
        Op::Relu,
        Op::Clip(Clip { min: 0.0, max: 0.0 }),
        Op::MaxPool(window.clone()),
        Op::AveragePool(AveragePool { window: window.clone(), count_include_pad: false }),
        Op::GlobalAveragePool,
        Op::Add(Add { activation }),
        Op::Flatten(Flatten { axis }),
        Op::Reshape(Reshape { dims: Vec::new() }),
        Op::Transpose(Transpose { axes: Vec::new() }),
        Op::Softmax(Softmax { axis }),
        Op::Identity,
        Op::Quantize,
        Op::Dequantize,
        Op::QuantStub,
        Op::DeQuantStub,
        Op::LayerNorm(LayerNorm { axis, epsilon: 0.0 }),
        Op::Unary(Unary::Exp),
        Op::Binary(Binary::Sub),
        Op::Reduce(Reduce { reduction: Reduction::Mean, axes: Vec::new(), keep: false }),
        Op::Reshape(Reshape { dims: Vec::new() }),
        Op::ConvTranspose(ConvTranspose { window: window.clone(), output_padding: Vec::new(), groups: 1, activation }),
        Op::GroupNorm(GroupNorm { groups: 1, epsilon: 0.0 }),
        Op::LogSoftmax(LogSoftmax { axis }),
        Op::Recurrent(Recurrent {
            cell: Cell::Lstm,
            direction: Direction::Forward,
            with_cell_state: false,
            dynamic: None,
        }),
        Op::Concat(Concat { axis }),
        Op::Slice(Slice { axis, start: 0, step: 1, length: Dim::Fixed(0) }),
        Op::Gather(Gather { axis }),
        Op::GatherElements(GatherElements { axis }),
        Op::Expand(Expand { dims: Vec::new() }),
        Op::Pad(Pad { begin: Vec::new(), end: Vec::new(), mode: PadMode::Edge }),
        Op::Resize(Resize {
            scales: Vec::new(),
            sizes: Vec::new(),
            interpolation: Interpolation::Linear,
            coordinates: Coordinates::HalfPixel,
        }),
        Op::Where,
        Op::Compare(Comparison::Equal),
        Op::Logic(Logic::And),
        Op::Not,
        Op::Cast(Cast { to: CastTo::F32 }),
        Op::ArgExtreme(ArgExtreme { axis, keep: false, largest: false, last: false }),
        Op::TopK(TopK { axis, count: 0, largest: false, result: TopKResult::Values }),
        Op::CumSum(CumSum { axis, exclusive: false, reverse: false }),
        conv(Some(DynamicScheme::PerRow)),
        Op::FakeQuantize(QuantParams::default()),
    ]
});

/// An operator of the header.
pub(super) enum Record {
    /// With all that it needs.
    Op(Op),
    /// A Reshape as version 0 has it.
    ReshapeToSizes(Vec<i64>),
    /// What is wrong with fields of the right length.
    Invalid(String),
}

impl Record {
    /// The record of an operator.
    pub(super) fn of(op: &Op) -> Self {
        match op {
            Op::Reshape(reshape) => match sizes_of_version_0(&reshape.dims) {
                Some(sizes) => Record::ReshapeToSizes(sizes),
                None => Record::Op(op.clone()),
            },
            _ => Record::Op(op.clone()),
        }
    }

    /// The operator, whose operand has the shape `x`.
    pub(super) fn op(&self, x: &[Dim], part: &str) -> Result<Op, Error> {
        match self {
            Record::Op(op) => Ok(op.clone()),
            Record::ReshapeToSizes(sizes) => {
                let resolved = super::build::check_rank(sizes.len())
                    .and_then(|()| Reshape::resolve(sizes, x).map_err(|problem| problem.to_string()));
                resolved.map(Op::Reshape).map_err(|reason| Error::corrupt(part, reason))
            }
            Record::Invalid(reason) => Err(Error::corrupt(part, reason.clone())),
        }
    }

    /// The first minor version that has the operator and its attributes.
    pub(super) fn minor(&self) -> u16 {
        match self {
            Record::Op(op) => {
                let mut version = Version(0);
                match row(&mut op.clone(), &mut version) {
                    Ok(()) => version.0,
                    Err(never) => match never {},
                }
            }
            Record::ReshapeToSizes(_) | Record::Invalid(_) => 0,
        }
    }
}

/// Up to one size that is not known is written as -1, as in version 0.
fn sizes_of_version_0(dims: &[Dim]) -> Option<Vec<i64>> {
    let size = |dim: &Dim| dim.fixed().map_or(Some(-1), |size| i64::try_from(size).ok().filter(|&size| size > 0));
    let sizes: Option<Vec<i64>> = dims.iter().map(size).collect();
    sizes.filter(|sizes| sizes.iter().filter(|&&size| size < 0).count() < 2)
}

impl Encode for Record {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            Record::Op(op) => row(&mut op.clone(), &mut Writer(encoder)),
            Record::ReshapeToSizes(sizes) => {
                RESHAPE_TO_SIZES.encode(encoder)?;
                sizes.encode(encoder)
            }
            Record::Invalid(reason) => Err(EncodeError::OtherString(reason.clone())),
        }
    }
}

impl<Context> Decode<Context> for Record {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let tag = u32::decode(decoder)?;
        if tag == RESHAPE_TO_SIZES {
            return Ok(Record::ReshapeToSizes(Vec::decode(decoder)?));
        }
        let Some(blank) = usize::try_from(tag).ok().and_then(|tag| BLANKS.get(tag)) else {
            return Err(unknown_variant("operator", tag));
        };
        let mut op = blank.clone();
        let mut reader = Reader::new(decoder);
        row(&mut op, &mut reader)?;
        Ok(match reader.problem {
            None => Record::Op(op),
            Some(reason) => Record::Invalid(reason),
        })
    }
}

impl_borrow_decode!(Record);

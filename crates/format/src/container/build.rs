//! From graphs to records and back.

use std::io::Read;

use fourfold_error::Limits;
use fourfold_graph::{Graph, GraphBuilder, NewNode, Node, Op, OutputParams, Value, ValueId, ValueType};
use fourfold_schemes::{Granularity, QuantParams, Scale};
use fourfold_tensor::{DType, MAX_RANK, Shape, Tensor, memory};

use super::ops::Record;
use super::{packed, record};
use crate::Error;
use crate::layout::Source;

pub(super) mod shape;

/// The record of a graph.
pub(super) fn record(graph: &Graph) -> Result<record::Header, Error> {
    let items = graph.values().iter().map(|value| item(graph, value)).collect::<Result<_, _>>()?;
    let outputs = graph.outputs().iter().map(|&id| index(id)).collect();
    Ok(record::Header { name: graph.name().to_owned(), items, outputs })
}

/// The first minor version in which quantized products may give their sums, 0 if none does.
pub(super) fn minor_of_sums(graph: &Graph) -> u16 {
    let is_sum = |node: &Node| {
        let [x, y] = [node.inputs()[0], node.output()].map(|id| graph.value(id).ty());
        matches!(node.op(), Op::Conv(_) | Op::Linear(_) | Op::MatMul) && x.is_quantized() && y.params().is_none()
    };
    if graph.nodes().iter().any(is_sum) { 5 } else { 0 }
}

fn item(graph: &Graph, value: &Value) -> Result<record::Item, Error> {
    let name = value.name().to_owned();
    if let Some(id) = value.producer() {
        let node = graph.node(id);
        let is_own = node.op().kind().output_params() == OutputParams::Own;
        return Ok(record::Item::Node {
            name: node.name().to_owned(),
            output: name,
            op: Record::of(node.op()),
            inputs: node.inputs().iter().map(|&id| index(id)).collect(),
            params: value.ty().params().filter(|_| is_own).map(params),
        });
    }
    Ok(match value.constant() {
        Some(tensor) => {
            let shape = tensor.shape().iter().map(|&size| size as u64).collect();
            let crc = crc32fast::hash(&packed::bytes(value, tensor)?);
            match packed::params(value, tensor) {
                Some(few) => record::Item::Packed { name, shape, params: params(few), crc },
                None => {
                    let (dtype, params) = (tag_of(value.ty()), value.ty().params().map(params));
                    record::Item::Constant { name, dtype, shape, params, crc }
                }
            }
        }
        None => record::Item::Input { name, ty: ty(value.ty()) },
    })
}

fn index(id: ValueId) -> u32 {
    u32::try_from(id.index()).unwrap_or(u32::MAX)
}

fn ty(ty: &ValueType) -> record::Type {
    record::Type {
        dtype: tag_of(ty),
        dims: ty.dims().iter().map(shape::dim_record).collect(),
        params: ty.params().map(params),
    }
}

pub(super) fn params(params: &QuantParams) -> record::Params {
    record::Params {
        dtype: tag(params.dtype()),
        quant_min: params.quant_min(),
        quant_max: params.quant_max(),
        axis: match params.granularity() {
            Granularity::PerTensor { .. } => None,
            Granularity::PerChannel { axis, .. } => Some(*axis as u64),
        },
        scales: params.scales().iter().map(|scale| scale.get()).collect(),
        zero_points: params.zero_points().to_vec(),
    }
}

/// The graph of a record; `data` is what follows the header.
pub(super) fn graph(header: &record::Header, data: &mut Source<impl Read>, limits: &Limits) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::with_limits(&header.name, limits.clone());
    let mut values = Vec::new();
    Limits::check("values", header.items.len() as u64, limits.values)?;
    for item in &header.items {
        values.push(add(&mut builder, item, &values, data, limits)?);
    }
    data.finish()?;
    for &output in &header.outputs {
        builder.output(known(&values, output, "the outputs")?);
    }
    Ok(builder.finish()?)
}

fn add(
    builder: &mut GraphBuilder,
    item: &record::Item,
    values: &[ValueId],
    data: &mut Source<impl Read>,
    limits: &Limits,
) -> Result<ValueId, Error> {
    match item {
        record::Item::Input { name, ty } => {
            let corrupt = |reason| Error::corrupt(format!("input {name:?}"), reason);
            let dims = shape::dims(&ty.dims).map_err(corrupt)?;
            let dtype = dtype_of(ty.dtype, ty.params.is_some()).map_err(corrupt)?;
            let ty = match &ty.params {
                None => ValueType::plain(dtype, &dims),
                Some(params) => match read_params(params).map_err(corrupt)? {
                    params if params.dtype() == dtype => ValueType::quantized(&dims, params),
                    _ => return Err(corrupt("its type is not that of its parameters".to_owned())),
                },
            };
            Ok(builder.input(name, ty)?)
        }
        record::Item::Constant { name, dtype: tag, shape, params, crc } => {
            let part = format!("constant {name:?}");
            let corrupt = |reason| Error::corrupt(&*part, reason);
            let dtype = dtype_of(*tag, params.is_some()).map_err(corrupt)?;
            let (sizes, count) = sizes(shape, limits, &part)?;
            data.section(&part, count * dtype.size())?;
            let tensor = Tensor::from_le_fill(dtype, &sizes, |bytes| data.fill(&part, *crc, bytes))?;
            match params {
                None => Ok(builder.constant(name, tensor)?),
                Some(params) => Ok(builder.quantized_constant(name, tensor, read_params(params).map_err(corrupt)?)?),
            }
        }
        record::Item::Packed { name, shape, params, crc } => {
            let part = format!("constant {name:?}");
            let params = read_params(params).map_err(|reason| Error::corrupt(&*part, reason))?;
            if !packed::fits(&params) {
                return Err(Error::corrupt(part, "its range has more than 16 quantized values"));
            }
            let (sizes, count) = sizes(shape, limits, &part)?;
            data.section(&part, count.div_ceil(2))?;
            let mut bytes = memory::filled(0, count.div_ceil(2))?;
            data.fill(&part, *crc, &mut bytes)?;
            Ok(builder.quantized_constant(name, packed::unpacked(&bytes, &sizes, &params, &part)?, params)?)
        }
        record::Item::Node { name, output, op, inputs, params } => {
            let part = format!("node {name:?}");
            let inputs = inputs.iter().map(|&index| known(values, index, &part)).collect::<Result<Vec<_>, _>>()?;
            let params =
                params.as_ref().map(read_params).transpose().map_err(|reason| Error::corrupt(&*part, reason))?;
            let x = inputs.first().map_or(&[][..], |&id| builder.value(id).ty().dims());
            let op = op.op(x, &part)?;
            Ok(builder.add(NewNode { name, output, op, inputs: &inputs, params })?)
        }
    }
}

/// The sizes of a constant and the number of its elements.
fn sizes(shape: &[u64], limits: &Limits, part: &str) -> Result<(Vec<usize>, usize), Error> {
    let corrupt = |reason| Error::corrupt(part, reason);
    check_rank(shape.len()).map_err(corrupt)?;
    let sizes = shape.iter().map(|&size| size_of(size)).collect::<Result<Vec<_>, _>>().map_err(corrupt)?;
    let count = Shape::new(&sizes)?.element_count();
    Limits::check("elements", count as u64, limits.elements)?;
    Ok((sizes, count))
}

/// The value of an index that was read.
fn known(values: &[ValueId], index: u32, part: &str) -> Result<ValueId, Error> {
    let found = usize::try_from(index).ok().and_then(|index| values.get(index));
    found.copied().ok_or_else(|| Error::corrupt(part, format!("refers to value {index} of {} so far", values.len())))
}

/// No list of a valid graph has more entries than a tensor has axes; refused here, so that no message repeats a long
/// one.
pub(super) fn check_rank(count: usize) -> Result<(), String> {
    if count <= MAX_RANK {
        return Ok(());
    }
    Err(format!("a list of {count} entries, where {MAX_RANK} are the most"))
}

pub(super) fn size_of(size: u64) -> Result<usize, String> {
    usize::try_from(size).map_err(|_| format!("size {size} does not fit this machine"))
}

/// The number of an element type: of a quantized value, or where only one type can be meant.
fn tag(dtype: DType) -> u8 {
    match dtype {
        DType::F32 => 0,
        DType::I8 => 1,
        DType::U8 | DType::Bool => 2,
        DType::I32 => 3,
        DType::I64 => 4,
        // 5 is that of bytes without parameters.
        DType::F16 => 6,
        DType::BF16 => 7,
        DType::F64 => 8,
    }
}

/// The number of the element type of a value. Bytes without parameters are bools, so that integers have a number of
/// their own.
fn tag_of(ty: &ValueType) -> u8 {
    let is_integer = ty.params().is_none() && ty.dtype() == DType::U8;
    if is_integer { record::BYTES } else { tag(ty.dtype()) }
}

fn dtype(read: u8) -> Result<DType, String> {
    let known = DType::ALL.into_iter().find(|&dtype| tag(dtype) == read);
    known.ok_or_else(|| format!("element type {read} is not one of 0 to 8"))
}

/// The element type of a value.
fn dtype_of(read: u8, is_quantized: bool) -> Result<DType, String> {
    match read {
        record::BYTES if !is_quantized => Ok(DType::U8),
        _ => match dtype(read)? {
            DType::U8 if !is_quantized => Ok(DType::Bool),
            dtype => Ok(dtype),
        },
    }
}

/// The parameters of a record, or why it has no meaning.
pub(super) fn read_params(params: &record::Params) -> Result<QuantParams, String> {
    let invalid = |error: fourfold_schemes::Error| error.to_string();
    let scales =
        params.scales.iter().map(|&scale| Scale::new(scale)).collect::<Result<Vec<_>, _>>().map_err(invalid)?;
    let zero_points = params.zero_points.clone();
    let granularity = match (params.axis, scales.as_slice(), zero_points.as_slice()) {
        (Some(axis), _, _) => Granularity::PerChannel { axis: size_of(axis)?, scales, zero_points },
        (None, &[scale], &[zero_point]) => Granularity::PerTensor { scale, zero_point },
        (None, scales, zero_points) => {
            return Err(format!("{} scales and {} zero points for a whole tensor", scales.len(), zero_points.len()));
        }
    };
    QuantParams::new(dtype(params.dtype)?, (params.quant_min, params.quant_max), granularity).map_err(invalid)
}

//! Tensors of the file.

use fourfold_graph::ErrorKind;
use fourfold_schemes::QuantType;
use fourfold_tensor::{DType, Shape, Tensor};

use crate::Error;
use crate::import::narrow;
use crate::proto::{NodeProto, TensorProto, attribute_type, data_type};

/// Reads a tensor, whose data must have exactly the length that its shape says.
pub(crate) fn read(proto: &TensorProto, name: &str) -> Result<Tensor, Error> {
    let invalid = |reason: String| Error::Tensor { name: name.to_owned(), reason };
    let unsupported = |what: String| Error::UnsupportedTensor { name: name.to_owned(), what };
    if let Some(code) = narrow::narrow(proto.data_type) {
        return narrow::read(proto, code, name);
    }
    let dtype = match proto.data_type {
        data_type::FLOAT => DType::F32,
        data_type::UINT8 => DType::U8,
        data_type::BOOL => DType::Bool,
        data_type::INT8 => DType::I8,
        data_type::FLOAT16 => DType::F16,
        data_type::BFLOAT16 => DType::BF16,
        data_type::DOUBLE => DType::F64,
        data_type::INT32 => DType::I32,
        data_type::INT64 => DType::I64,
        0 => return Err(invalid("has no type".to_owned())),
        other => return Err(unsupported(format!("type {}", data_type::name(other)))),
    };
    let sizes: Option<Vec<usize>> = proto.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
    let sizes = sizes.ok_or_else(|| invalid(format!("has shape {:?}", proto.dims)))?;
    let shape = Shape::new(&sizes).map_err(|error| invalid(error.to_string()))?;
    let typed = [proto.float_data.len(), proto.int32_data.len(), proto.int64_data.len(), proto.double_data.len()];
    let tensor = match (proto.raw_data.is_empty(), typed) {
        (false, [0, 0, 0, 0]) => Tensor::from_le_bytes(dtype, &sizes, &proto.raw_data),
        (false, _) => return Err(invalid("has its data twice, raw and typed".to_owned())),
        (true, [_, 0, 0, 0]) if dtype == DType::F32 => Tensor::from_slice(&shape, &proto.float_data),
        (true, [0, 0, _, 0]) if dtype == DType::I64 => Tensor::from_slice(&shape, &proto.int64_data),
        (true, [0, 0, 0, _]) if dtype == DType::F64 => Tensor::from_slice(&shape, &proto.double_data),
        (true, [0, _, 0, 0]) if dtype == DType::I32 => Tensor::from_slice(&shape, &proto.int32_data),
        (true, [0, _, 0, 0]) if dtype.size() == 1 => return bytes(proto, dtype, &shape, &invalid),
        (true, [0, _, 0, 0]) if dtype.size() == 2 => return sixteen_bits(proto, dtype, &shape, &invalid),
        _ => return Err(invalid(format!("is {dtype}, but its data is of another type"))),
    };
    tensor.map_err(|error| failed(error, invalid))
}

/// Out of memory, or what the file has wrong.
pub(crate) fn failed(error: impl Into<fourfold_schemes::Error>, invalid: impl Fn(String) -> Error) -> Error {
    match error.into() {
        fourfold_schemes::Error::Tensor(error) if error.kind() == ErrorKind::Limit => error.into(),
        error => invalid(error.to_string()),
    }
}

/// Elements of 16 bits, of which `int32_data` holds the bits one by one.
fn sixteen_bits(
    proto: &TensorProto,
    dtype: DType,
    shape: &Shape,
    invalid: &dyn Fn(String) -> Error,
) -> Result<Tensor, Error> {
    let elements = proto.int32_data.iter().map(|&bits| u16::try_from(bits).ok().map(u16::to_le_bytes));
    let bytes: Option<Vec<[u8; 2]>> = elements.collect();
    let bytes = bytes.ok_or_else(|| invalid("holds numbers that are not of 16 bits".to_owned()))?;
    Tensor::from_le_bytes(dtype, shape, bytes.as_flattened()).map_err(|error| failed(error, invalid))
}

/// 8-bit elements, which `int32_data` holds one by one.
fn bytes(proto: &TensorProto, dtype: DType, shape: &Shape, invalid: &dyn Fn(String) -> Error) -> Result<Tensor, Error> {
    let byte = |&value: &i32| match dtype {
        DType::I8 => i8::try_from(value).ok().map(|value| value.to_le_bytes()[0]),
        _ => u8::try_from(value).ok(),
    };
    let bytes: Option<Vec<u8>> = proto.int32_data.iter().map(byte).collect();
    let bytes = bytes.ok_or_else(|| invalid(format!("holds numbers that are not {dtype}")))?;
    Tensor::from_le_bytes(dtype, shape, &bytes).map_err(|error| failed(error, invalid))
}

/// The type of the elements of a Constant node, if no tensor has it.
pub(crate) fn code_of_constant_node(node: &NodeProto) -> Option<QuantType> {
    narrow::narrow(node.attribute.first()?.t.as_ref()?.data_type)
}

/// The tensor of a Constant node.
pub(crate) fn of_constant_node(node: &NodeProto) -> Result<Tensor, Error> {
    let name = node.output.first().map_or("", String::as_str);
    let invalid = |reason: String| Error::Tensor { name: name.to_owned(), reason };
    let [attribute] = node.attribute.as_slice() else {
        return Err(invalid(format!("its Constant node has {} attributes, expected one", node.attribute.len())));
    };
    let made = match (attribute.name.as_str(), attribute.r#type) {
        ("value", attribute_type::TENSOR) => {
            return read(
                attribute.t.as_ref().ok_or_else(|| invalid("its Constant node has no value".to_owned()))?,
                name,
            );
        }
        ("value_float", attribute_type::FLOAT) => Tensor::from_slice(&[], &[attribute.f]),
        ("value_floats", attribute_type::FLOATS) => Tensor::from_slice(&[attribute.floats.len()], &attribute.floats),
        ("value_int", attribute_type::INT) => Tensor::from_slice(&[], &[attribute.i]),
        ("value_ints", attribute_type::INTS) => Tensor::from_slice(&[attribute.ints.len()], &attribute.ints),
        (other, _) => {
            let what = format!("a Constant node with attribute `{other}`");
            return Err(Error::UnsupportedTensor { name: name.to_owned(), what });
        }
    };
    made.map_err(|error| failed(error, invalid))
}

/// The elements of a tensor of integers, `None` for `i64` and others.
pub(crate) fn integers(tensor: &Tensor) -> Option<Vec<i32>> {
    match tensor.dtype() {
        DType::I8 => tensor.as_slice::<i8>().ok().map(|list| list.iter().map(|&code| code.into()).collect()),
        DType::U8 => tensor.as_slice::<u8>().ok().map(|list| list.iter().map(|&code| code.into()).collect()),
        DType::I32 => tensor.as_slice::<i32>().ok().map(<[i32]>::to_vec),
        _ => None,
    }
}

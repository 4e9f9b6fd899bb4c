//! Constructors of protobuf messages.

use fourfold_graph::{Dim, ValueType};

use crate::proto::{
    AttributeProto, TensorShapeProto, TypeProto, ValueInfoProto, attribute_type, data_type,
    tensor_shape_proto::{Dimension, dimension::Value as Size},
    type_proto::{Tensor as TensorType, Value as Type},
};

pub(super) fn wide(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

pub(super) fn value_info(name: &str, ty: &ValueType) -> ValueInfoProto {
    let dim = |dim: &Dim| Dimension {
        value: Some(match dim {
            Dim::Fixed(size) => Size::DimValue(wide(*size)),
            Dim::Symbol(_) | Dim::Computed(_) => Size::DimParam(dim.to_string()),
        }),
    };
    let shape = TensorShapeProto { dim: ty.dims().iter().map(dim).collect() };
    let ty = TensorType { elem_type: data_type::of(ty.dtype()), shape: Some(shape) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { value: Some(Type::TensorType(ty)) }) }
}

pub(super) fn int(name: &str, value: usize) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: attribute_type::INT, i: wide(value), ..AttributeProto::default() }
}

pub(super) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: attribute_type::FLOAT, f: value, ..AttributeProto::default() }
}

pub(super) fn ints(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|&value| wide(value)).collect();
    AttributeProto { name: name.to_owned(), r#type: attribute_type::INTS, ints, ..AttributeProto::default() }
}

pub(super) fn text(name: &str, value: &str) -> AttributeProto {
    let (name, s) = (name.to_owned(), value.into());
    AttributeProto { name, r#type: attribute_type::STRING, s, ..AttributeProto::default() }
}

pub(super) fn texts(name: &str, values: &[&str]) -> AttributeProto {
    let (name, strings) = (name.to_owned(), values.iter().map(|&value| value.into()).collect());
    AttributeProto { name, r#type: attribute_type::STRINGS, strings, ..AttributeProto::default() }
}

//! Files made here, read and written.

mod border;
mod codes_hostile;
mod contradictions;
mod elements;
mod export;
mod export_operators;
mod exports;
mod external;
mod extremes;
mod floats;
mod functions;
mod hostile;
mod limits;
mod operators;
mod passes;
mod quantized;
mod quantized_hostile;
mod recurrent;
mod rooms;
mod vectors;

use fourfold_graph::{Graph, Limits};
use fourfold_tensor::Tensor;
use prost::Message;

use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_type, data_type,
    tensor_shape_proto::{Dimension, dimension::Value as Size},
    type_proto::{Tensor as TensorType, Value as Type},
};
use crate::{Error, import};

/// A model of one input `x`, some initializers and nodes, whose output is `y`.
fn model(opset: i64, input: &[i64], initializers: &[(&str, Tensor)], nodes: Vec<NodeProto>) -> ModelProto {
    let info = |name: &str, sizes: &[i64]| {
        let dim = |&size: &i64| Dimension {
            value: Some(if size < 0 { Size::DimParam("n".to_owned()) } else { Size::DimValue(size) }),
        };
        let shape = Some(TensorShapeProto { dim: sizes.iter().map(dim).collect() });
        let ty = TypeProto { value: Some(Type::TensorType(TensorType { elem_type: data_type::FLOAT, shape })) };
        ValueInfoProto { name: name.to_owned(), r#type: Some(ty) }
    };
    let initializer = initializers.iter().map(|(name, value)| tensor(name, value)).collect();
    let graph = GraphProto {
        node: nodes,
        name: "test".to_owned(),
        initializer,
        input: vec![info("x", input)],
        output: vec![ValueInfoProto { name: "y".to_owned(), ..ValueInfoProto::default() }],
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

/// The model with every result that nothing reads as an output, so that no node is left out.
fn all_needed(mut model: ModelProto) -> ModelProto {
    let graph = model.graph.as_mut().expect("a graph");
    let read: Vec<String> = graph.node.iter().flat_map(|node| node.input.clone()).collect();
    let made: Vec<String> = graph.node.iter().flat_map(|node| node.output.clone()).collect();
    let output = graph.output[0].clone();
    graph.output = Vec::new();
    for name in made.into_iter().filter(|name| !name.is_empty() && !read.contains(name)) {
        graph.output.push(ValueInfoProto { name, ..output.clone() });
    }
    model
}

fn tensor(name: &str, value: &Tensor) -> TensorProto {
    let data_type = match value.dtype() {
        fourfold_tensor::DType::F32 => data_type::FLOAT,
        fourfold_tensor::DType::U8 => data_type::UINT8,
        fourfold_tensor::DType::I8 => data_type::INT8,
        fourfold_tensor::DType::I32 => data_type::INT32,
        fourfold_tensor::DType::I64 => data_type::INT64,
        fourfold_tensor::DType::Bool => data_type::BOOL,
        fourfold_tensor::DType::F16 => data_type::FLOAT16,
        fourfold_tensor::DType::BF16 => data_type::BFLOAT16,
        fourfold_tensor::DType::F64 => data_type::DOUBLE,
    };
    let dims = value.shape().iter().map(|&size| i64::try_from(size).expect("small")).collect();
    TensorProto { dims, data_type, name: name.to_owned(), raw_data: value.to_le_bytes(), ..TensorProto::default() }
}

fn node(operator: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![output.to_owned()],
        op_type: operator.to_owned(),
        attribute,
        ..NodeProto::default()
    }
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: attribute_type::INT, i, ..AttributeProto::default() }
}

fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: attribute_type::FLOAT, f, ..AttributeProto::default() }
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: attribute_type::INTS,
        ints: ints.to_vec(),
        ..AttributeProto::default()
    }
}

fn text(name: &str, s: &str) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: attribute_type::STRING, s: s.into(), ..AttributeProto::default() }
}

fn floats(shape: &[usize]) -> Tensor {
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|index| f32::from(u8::try_from(index % 7).expect("small")) - 3.0).collect();
    Tensor::from_vec(shape, values).expect("as many as the shape has")
}

fn read(model: &ModelProto) -> Result<Graph, Error> {
    import(&model.encode_to_vec(), &Limits::default())
}

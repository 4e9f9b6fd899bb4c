//! Sizes and inputs that the caller fixes, before the importer infers anything from them.

use std::collections::HashSet;

use fourfold_graph::{Dim, Fixed, Limits, ValueType};
use prost::Message;

use crate::Error;
use crate::proto::{
    GraphProto, ModelProto, TensorProto, TensorShapeProto, ValueInfoProto, data_type,
    tensor_shape_proto::{Dimension, dimension::Value as Size},
    type_proto::{Tensor as TensorType, Value as Type},
};
use crate::scan::{recognize, scan};

/// Replaces symbols by fixed sizes, and inputs by constants.
///
/// # Errors
///
/// [`fourfold_graph::Error::Fixed`] for what does not fit the inputs.
pub(crate) fn fix(graph: &mut GraphProto, fixed: &Fixed) -> Result<(), Error> {
    if fixed.is_empty() {
        return Ok(());
    }
    let named: Vec<(String, ValueType)> =
        inputs(graph, fixed).into_iter().map(|(name, dims)| (name, ValueType::f32(&dims))).collect();
    let sizes = fixed.resolve(named.iter().map(|(name, ty)| (name.as_str(), ty)))?;
    for input in &mut graph.input {
        let dims = tensor_type(input).and_then(|tensor| tensor.shape.as_mut()).into_iter();
        for dim in dims.flat_map(|shape| &mut shape.dim) {
            let size = match &dim.value {
                Some(Size::DimParam(symbol)) => sizes.get(symbol),
                _ => None,
            };
            if let Some(&size) = size {
                dim.value = Some(Size::DimValue(i64::try_from(size).unwrap_or(i64::MAX)));
            }
        }
    }
    let (mut brought, mut made) = (Vec::new(), Vec::new());
    for mut input in core::mem::take(&mut graph.input) {
        match constant(&mut input, fixed)? {
            Some(tensor) => made.push(tensor),
            None => brought.push(input),
        }
    }
    graph.input = brought;
    graph.initializer.extend(made);
    Ok(())
}

/// Names and sizes of the inputs without a default.
///
/// Works even where [`crate::import`] refuses the model because of sizes that are not fixed.
///
/// # Errors
///
/// As [`crate::import`], for files that are corrupt or not an ONNX model.
pub fn input_dims(bytes: &[u8], limits: &Limits) -> Result<Vec<(String, Vec<Dim>)>, Error> {
    recognize(bytes)?;
    Limits::check("file-bytes", bytes.len() as u64, limits.file_bytes)?;
    scan(bytes, limits)?;
    let model = ModelProto::decode(bytes).map_err(|error| Error::Decode { reason: error.to_string() })?;
    let mut graph = model.graph.ok_or(Error::Model { reason: "has no graph; the file may be truncated" })?;
    Ok(inputs(&mut graph, &Fixed::new()))
}

/// The inputs that are not constants. Free sizes get names.
fn inputs(graph: &mut GraphProto, fixed: &Fixed) -> Vec<(String, Vec<Dim>)> {
    let constants: HashSet<String> = constants(graph).into_iter().map(str::to_owned).collect();
    let mut named = Vec::new();
    for input in graph.input.iter_mut().filter(|input| !constants.contains(&input.name)) {
        let shape = fixed.shape_of(&input.name);
        let name = input.name.clone();
        let Some(tensor) = tensor_type(input) else { continue };
        // An input without a shape gets the rank of the given one.
        if let (None, Some(shape)) = (&tensor.shape, shape) {
            tensor.shape = Some(TensorShapeProto { dim: vec![Dimension::default(); shape.len()] });
        }
        let mut dims: Vec<Dim> = Vec::new();
        for (axis, size) in tensor.shape.iter_mut().flat_map(|shape| &mut shape.dim).enumerate() {
            name_free_size(&name, axis, size);
            dims.push(dim(size));
        }
        named.push((name, dims));
    }
    named
}

/// Fixes the batch at one sample: the first size of the first input. `None` if that size is not free.
pub(crate) fn batch_of_one(graph: &GraphProto) -> Option<Fixed> {
    let constants = constants(graph);
    let first = graph.input.iter().find(|input| !constants.contains(input.name.as_str()))?;
    let Some(Type::TensorType(tensor)) = first.r#type.as_ref()?.value.as_ref() else { return None };
    let mut dim = tensor.shape.as_ref()?.dim.first()?.clone();
    name_free_size(&first.name, 0, &mut dim);
    match dim.value {
        Some(Size::DimParam(symbol)) => Some(Fixed::new().dim(&symbol, 1)),
        _ => None,
    }
}

/// The names of the initializers.
fn constants(graph: &GraphProto) -> HashSet<&str> {
    graph.initializer.iter().map(|initializer| initializer.name.as_str()).collect()
}

/// Names a free size that has no name: `INPUT.AXIS`.
pub(crate) fn name_free_size(input: &str, axis: usize, dim: &mut Dimension) {
    let is_named = match &dim.value {
        // Some converters write a question mark for each size that they do not know.
        Some(Size::DimParam(symbol)) => !symbol.is_empty() && symbol != "?",
        Some(Size::DimValue(size)) => *size != -1,
        None => false,
    };
    if !is_named {
        dim.value = Some(Size::DimParam(format!("{input}.{axis}")));
    }
}

fn tensor_type(input: &mut ValueInfoProto) -> Option<&mut TensorType> {
    input.r#type.as_mut()?.value.as_mut().map(|Type::TensorType(tensor)| tensor)
}

/// The initializer that replaces an input which the caller sets.
fn constant(input: &mut ValueInfoProto, fixed: &Fixed) -> Result<Option<TensorProto>, Error> {
    let name = input.name.clone();
    let Some(tensor) = tensor_type(input).filter(|_| fixed.sets(&name)) else { return Ok(None) };
    let dtype = data_type::dtype(tensor.elem_type).ok_or_else(|| Error::UnsupportedTensor {
        name: name.clone(),
        what: format!("an input of type {}", data_type::name(tensor.elem_type)),
    })?;
    let Some(shape) = &tensor.shape else {
        let reason = "has no shape in the model; give it one to set it".to_owned();
        return Err(fourfold_graph::Error::Fixed { name, reason }.into());
    };
    let dims: Vec<Dim> = shape.dim.iter().map(dim).collect();
    Ok(fixed.constant(&name, dtype, &dims)?.map(|value| TensorProto::of(&name, &value)))
}

fn dim(dim: &Dimension) -> Dim {
    match &dim.value {
        Some(Size::DimParam(symbol)) => Dim::symbol(symbol),
        Some(Size::DimValue(size)) => Dim::Fixed(usize::try_from(*size).unwrap_or(usize::MAX)),
        None => Dim::symbol(""),
    }
}

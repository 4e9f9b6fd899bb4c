//! Inputs of the model, and the parameters of quantized ones.
//!
//! A file gives an input of `uint8` or `int8` no scale; the nodes that read it do. The first that does decides; others
//! must agree, or are refused. Where none does, they are integers.

use fourfold_graph::{Dim, ValueType};
use fourfold_schemes::{QuantParams, QuantType};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::Importer;
use crate::import::narrow::narrow;
use crate::proto::{
    ValueInfoProto, data_type, tensor_shape_proto::dimension::Value as Dimension, type_proto::Value as Type,
};

/// Operators that move the elements of their first input, or choose among them.
const MOVING: [&str; 18] = [
    "Clip",
    "DepthToSpace",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "Identity",
    "MaxPool",
    "Pad",
    "Relu",
    "Reshape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

impl<'a> Importer<'a> {
    /// The type of an input of the model; constants must be bound.
    pub(crate) fn input_type(&mut self, input: &'a ValueInfoProto) -> Result<ValueType, Error> {
        let unsupported = |what: String| Error::UnsupportedTensor { name: input.name.clone(), what };
        let Some(Type::TensorType(tensor)) = input.r#type.as_ref().and_then(|ty| ty.value.as_ref()) else {
            return Err(unsupported("an input that is not a tensor".to_owned()));
        };
        let wide = narrow(tensor.elem_type).filter(|code| code.dtype() == DType::I32);
        if let Some(code) = wide {
            self.note(format!("inputs and outputs of {} are {} here", data_type::name_of(code), code.dtype()));
            self.note_code(&input.name, code);
        }
        let dtype = wide
            .map(QuantType::dtype)
            .or(data_type::dtype(tensor.elem_type))
            .ok_or_else(|| unsupported(format!("an input of type {}", data_type::name(tensor.elem_type))))?;
        let dims = dims(input, tensor.shape.as_ref())?;
        let code = QuantType::of(dtype).filter(|_| dtype.byte_range().is_some());
        let meaning = code.and_then(|code| {
            let found = self.meaning(&input.name, code).map(|(_, params)| params);
            found.or_else(|| self.meaning_of_products(&input.name, code))
        });
        Ok(meaning.map_or_else(|| ValueType::plain(dtype, &dims), |params| ValueType::quantized(&dims, params)))
    }

    /// The parameters, and their names, that the first reader gives a quantized value, where it is or where it was
    /// moved to.
    pub(crate) fn meaning(&mut self, name: &'a str, code: QuantType) -> Option<([&'a str; 2], QuantParams)> {
        let mut names = vec![name];
        while let Some(name) = names.pop() {
            for (index, operand) in self.names.uses(name) {
                let node = &self.names.file().node[index];
                let operator = node.op_type.as_str();
                let gives = operator == "DequantizeLinear" || operator == "QGemm" || operator.starts_with("QLinear");
                let given = [1, 2].map(|behind| node.input.get(operand + behind).map_or("", String::as_str));
                if gives && !given[0].is_empty() {
                    let reader = &mut self.at(index);
                    // What is wrong with them is for the node itself to say.
                    let params = reader.named_parameters(given).and_then(|given| reader.per_tensor(&given, code));
                    if let Ok(params) = params {
                        return Some((given, params));
                    }
                }
                if operand == 0 && MOVING.contains(&operator) {
                    names.extend(node.output.iter().map(String::as_str).filter(|output| self.names.follow(output)));
                }
            }
        }
        None
    }

    /// The zero point of integers that products alone read, all with the same one.
    fn meaning_of_products(&mut self, name: &'a str, code: QuantType) -> Option<QuantParams> {
        let mut meaning = None;
        for (index, operand) in self.names.uses(name) {
            let operator = self.names.file().node[index].op_type.as_str();
            let is_product = matches!(operator, "MatMulInteger" | "ConvInteger");
            let reader = &mut self.at(index);
            let parameters = reader.integer_parameters(operand + 2).ok().filter(|_| is_product && operand < 2)?;
            let params = reader.per_tensor(&parameters, code).ok()?;
            if meaning.get_or_insert_with(|| params.clone()) != &params {
                return None;
            }
        }
        meaning.filter(|_| !self.names.is_output(name))
    }
}

/// Checks that an initializer has the shape of the input that it is the default of.
pub(crate) fn check_default(input: &ValueInfoProto, value: &Tensor) -> Result<(), Error> {
    let Some(Type::TensorType(tensor)) = input.r#type.as_ref().and_then(|ty| ty.value.as_ref()) else { return Ok(()) };
    let invalid = |reason: String| Err(Error::Tensor { name: input.name.clone(), reason });
    let Some(shape) = &tensor.shape else { return Ok(()) };
    let fits = |(dim, &size): (&crate::proto::tensor_shape_proto::Dimension, &usize)| match &dim.value {
        Some(Dimension::DimValue(declared)) => usize::try_from(*declared) == Ok(size),
        _ => true,
    };
    if shape.dim.len() != value.shape().len() || !shape.dim.iter().zip(value.shape()).all(fits) {
        return invalid(format!("is declared with another shape than {:?}, that of its initializer", value.shape()));
    }
    Ok(())
}

/// Checks that an output has the type that the file declares; `code` is its type in the file if no tensor has it.
pub(crate) fn check_output(output: &ValueInfoProto, dtype: DType, code: Option<QuantType>) -> Result<(), Error> {
    let Some(Type::TensorType(tensor)) = output.r#type.as_ref().and_then(|ty| ty.value.as_ref()) else { return Ok(()) };
    let declared = data_type::name(tensor.elem_type);
    match data_type::dtype(tensor.elem_type) {
        Some(given) if given == dtype => return Ok(()),
        None if tensor.elem_type == 0 || code.is_some() && data_type::quantized(tensor.elem_type) == code => {
            return Ok(());
        }
        None => {
            let what = format!("an output of type {declared}");
            return Err(Error::UnsupportedTensor { name: output.name.clone(), what });
        }
        Some(_) => {}
    }
    let reason = format!("is an output of the model declared as {declared}, but the nodes make {dtype}");
    Err(Error::Tensor { name: output.name.clone(), reason })
}

/// The axes of an input.
fn dims(input: &ValueInfoProto, shape: Option<&crate::proto::TensorShapeProto>) -> Result<Vec<Dim>, Error> {
    let what = || format!("an input without a shape (give it one, with --shape {}=1x3x224x224)", input.name);
    let shape = shape.ok_or_else(|| Error::UnsupportedTensor { name: input.name.clone(), what: what() })?;
    let dim = |(axis, dim): (usize, &crate::proto::tensor_shape_proto::Dimension)| match &dim.value {
        // Sizes that are not known, as some converters write them.
        Some(Dimension::DimValue(-1)) => Ok(Dim::symbol(&format!("{}.{axis}", input.name))),
        Some(Dimension::DimValue(size)) => match usize::try_from(*size) {
            Ok(size) => Ok(Dim::Fixed(size)),
            Err(_) => Err(Error::Tensor { name: input.name.clone(), reason: format!("axis {axis} has size {size}") }),
        },
        Some(Dimension::DimParam(symbol)) if !symbol.is_empty() && symbol != "?" => Ok(Dim::symbol(symbol)),
        _ => Ok(Dim::symbol(&format!("{}.{axis}", input.name))),
    };
    shape.dim.iter().enumerate().map(dim).collect()
}

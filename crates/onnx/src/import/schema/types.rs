//! The element types that a file gives its values, from its inputs and constants on.

use std::collections::HashMap;

use super::{Form, Formal, form, invalid};
use crate::Error;
use crate::import::operators::operator;
use crate::proto::{AttributeProto, GraphProto, NodeProto, data_type};

/// The letters that element types have in the table.
const LETTERS: [(char, i32); 15] = [
    ('f', data_type::FLOAT),
    ('h', data_type::FLOAT16),
    ('B', data_type::BFLOAT16),
    ('d', data_type::DOUBLE),
    ('b', data_type::BOOL),
    ('a', data_type::INT8),
    ('u', data_type::UINT8),
    ('i', data_type::INT32),
    ('l', data_type::INT64),
    ('s', data_type::INT16),
    ('t', data_type::UINT16),
    ('n', data_type::INT4),
    ('m', data_type::UINT4),
    ('p', data_type::INT2),
    ('q', data_type::UINT2),
];

/// The element types that the names of a file have there, where they follow; checks that they are types that the
/// operators take, of one type where an operator takes one, and those that the file declares.
///
/// # Errors
///
/// [`Error::Node`] and [`Error::Tensor`] for contradictions.
pub(crate) fn types(graph: &GraphProto, opset: i64) -> Result<HashMap<&str, i32>, Error> {
    let mut types: HashMap<&str, i32> = HashMap::with_capacity(graph.node.len() + graph.initializer.len());
    for initializer in &graph.initializer {
        types.insert(&initializer.name, initializer.data_type);
    }
    for input in &graph.input {
        let Some(declared) = input.elem_type() else { continue };
        match types.insert(&input.name, declared) {
            Some(given) if given != declared => {
                let declared = data_type::name(declared);
                let reason = format!("is declared as {declared}, but its initializer is {}", data_type::name(given));
                return Err(Error::Tensor { name: input.name.clone(), reason });
            }
            _ => {}
        }
    }
    let declared: HashMap<&str, i32> = graph
        .value_info
        .iter()
        .chain(&graph.output)
        .filter_map(|info| info.elem_type().map(|declared| (info.name.as_str(), declared)))
        .collect();
    for node in &graph.node {
        let Some(form) = form(node, opset) else { continue };
        let given = form.check_types(node, &types, opset).map_err(|reason| invalid(node, reason))?;
        for (index, name) in node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let Some(made) = form.made(node, index, &given, &types) else { continue };
            match declared.get(name.as_str()) {
                Some(&declared) if declared != made => {
                    let (declared, made) = (data_type::name(declared), data_type::name(made));
                    let reason = format!("is declared as {declared}, but the nodes make {made}");
                    return Err(Error::Tensor { name: name.clone(), reason });
                }
                _ => drop(types.insert(name, made)),
            }
        }
    }
    Ok(types)
}

/// The letter of a type, `None` for those that the table does not have.
fn letter(data_type: i32) -> Option<char> {
    LETTERS.iter().find(|(_, known)| *known == data_type).map(|(letter, _)| *letter)
}

/// The inputs of a node by the type that they share: the first and its type.
type Given = HashMap<&'static str, (usize, i32)>;

impl Form {
    /// Checks that the inputs of a node are of types that the operator takes, and of one type where it takes one.
    fn check_types(&self, node: &NodeProto, types: &HashMap<&str, i32>, opset: i64) -> Result<Given, String> {
        let mut given = Given::new();
        for (index, name) in node.input.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let Some(formal) = self.inputs.get(index).or(self.inputs.last()) else { continue };
            let Some((found, letter)) = types.get(name.as_str()).and_then(|&ty| Some((ty, letter(ty)?))) else {
                continue;
            };
            let shown = data_type::name(found);
            if !formal.types.contains(letter) {
                let later = (opset + 1..=super::LAST_OPSET).find(|&later| takes(node, index, letter, later));
                let later = later.map_or(String::new(), |later| format!(" before opset {later}"));
                return Err(format!("input {index} (`{name}`) is {shown}, which the operator does not take{later}"));
            }
            let Some(variable) = formal.variable else { continue };
            let (first, expected) = *given.entry(variable).or_insert((index, found));
            if expected != found {
                let expected = data_type::name(expected);
                return Err(format!(
                    "input {index} (`{name}`) is {shown}, but input {first} is {expected}; the operator takes one type"
                ));
            }
        }
        Ok(given)
    }

    /// The type of an output, `None` if it does not follow.
    fn made(&self, node: &NodeProto, index: usize, given: &Given, types: &HashMap<&str, i32>) -> Option<i32> {
        let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name);
        let named = |name: &str| attribute(name).and_then(|to| i32::try_from(to.i).ok()).filter(|&ty| ty != 0);
        let input = |index: usize| types.get(node.input.get(index)?.as_str()).copied();
        match &*operator(node) {
            "Cast" => named("to"),
            "Constant" => node.attribute.first().and_then(constant),
            "ConstantOfShape" => attribute("value").map_or(Some(data_type::FLOAT), constant),
            "DequantizeLinear" => named("output_dtype").or_else(|| input(1)),
            "QuantizeLinear" => input(2).or_else(|| named("output_dtype")).or(Some(data_type::UINT8)),
            "com.microsoft.QGemm" => input(8).or(Some(data_type::FLOAT)),
            _ => {
                let formal = self.outputs.get(index).or(self.outputs.last())?;
                let shared = formal.variable.and_then(|variable| given.get(variable)).map(|(_, ty)| *ty);
                shared.or_else(|| formal.only_type())
            }
        }
    }
}

impl Formal {
    /// The type, if there is only one.
    fn only_type(&self) -> Option<i32> {
        let mut letters = self.types.chars();
        let only = letters.next().filter(|_| letters.next().is_none())?;
        LETTERS.iter().find(|(letter, _)| *letter == only).map(|(_, ty)| *ty)
    }
}

/// Whether an operator takes a type in another opset.
fn takes(node: &NodeProto, index: usize, letter: char, opset: i64) -> bool {
    form(node, opset)
        .and_then(|form| form.inputs.get(index).or(form.inputs.last()))
        .is_some_and(|formal| formal.types.contains(letter))
}

/// The type of a constant that an attribute holds.
fn constant(attribute: &AttributeProto) -> Option<i32> {
    match attribute.name.as_str() {
        "value" => attribute.t.as_ref().map(|tensor| tensor.data_type),
        "value_float" | "value_floats" => Some(data_type::FLOAT),
        "value_int" | "value_ints" => Some(data_type::INT64),
        _ => None,
    }
}

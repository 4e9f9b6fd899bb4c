//! What a node of each operator must look like, by the table of the specification (data/operators.txt, whose form its
//! maker describes).

mod types;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::is_default;
use super::operators::operator;
use crate::Error;
use crate::proto::{GraphProto, NodeProto, attribute_type};

pub(super) use types::types;

static SCHEMAS: LazyLock<HashMap<&str, Vec<Schema>>> = LazyLock::new(|| {
    let mut schemas: HashMap<&str, Vec<Schema>> = HashMap::new();
    for line in include_str!("../../data/operators.txt").lines() {
        if let Some((name, schema)) = Schema::parse(line) {
            schemas.entry(name).or_default().push(schema);
        }
    }
    schemas
});

/// The last opset of the table.
pub(super) const LAST_OPSET: i64 = 28;

/// One version of an operator.
struct Schema {
    /// The first opset that has it.
    since: i64,
    /// What nodes look like, `None` if the operator ends with this version.
    form: Option<Form>,
}

struct Form {
    inputs: Vec<Formal>,
    outputs: Vec<Formal>,
    attributes: Vec<Attribute>,
}

/// One input or output, or the last ones.
struct Formal {
    arity: Arity,
    /// The letters of the element types.
    types: &'static str,
    /// The name that inputs of the same type share.
    variable: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Arity {
    One,
    Optional,
    Any,
}

struct Attribute {
    name: &'static str,
    kind: &'static str,
    is_required: bool,
}

impl Schema {
    fn parse(line: &'static str) -> Option<(&'static str, Self)> {
        let mut parts = line.split('|').map(str::trim);
        let (name, since) = parts.next()?.split_once(' ')?;
        let since = since.parse().ok()?;
        let inputs = parts.next()?;
        if inputs == "-" {
            return Some((name, Self { since, form: None }));
        }
        let (outputs, attributes, types) = (parts.next()?, parts.next()?, parts.next()?);
        let types: HashMap<_, _> = types.split(' ').filter_map(|pair| pair.split_once('=')).collect();
        let formals = |text: &'static str| text.split_whitespace().map(|token| Formal::parse(token, &types)).collect();
        let form = Form {
            inputs: formals(inputs),
            outputs: formals(outputs),
            attributes: attributes.split_whitespace().filter_map(Attribute::parse).collect(),
        };
        Some((name, Self { since, form: Some(form) }))
    }
}

impl Formal {
    fn parse(token: &'static str, types: &HashMap<&'static str, &'static str>) -> Self {
        let (name, arity) = match (token.strip_suffix('?'), token.strip_suffix('*')) {
            (Some(name), _) => (name, Arity::Optional),
            (_, Some(name)) => (name, Arity::Any),
            _ => (token, Arity::One),
        };
        let is_shared = name.starts_with(|first: char| first.is_ascii_uppercase());
        Self { arity, types: types.get(name).copied().unwrap_or(name), variable: is_shared.then_some(name) }
    }
}

impl Attribute {
    fn parse(token: &'static str) -> Option<Self> {
        let (name, kind) = token.split_once(':')?;
        let required = kind.strip_suffix('!');
        Some(Self { name, kind: required.unwrap_or(kind), is_required: required.is_some() })
    }
}

/// The form of a node, `None` if the opset does not have its operator.
fn form(node: &NodeProto, opset: i64) -> Option<&'static Form> {
    let version = if is_default(&node.domain) { opset } else { 1 };
    let versions = SCHEMAS.get(&*operator(node))?;
    versions.iter().filter(|schema| schema.since <= version).max_by_key(|schema| schema.since)?.form.as_ref()
}

/// The numbers of the attributes' kinds, and what they are called.
fn kind(name: &str) -> i32 {
    match name {
        "int" => attribute_type::INT,
        "float" => attribute_type::FLOAT,
        "string" => attribute_type::STRING,
        "tensor" => attribute_type::TENSOR,
        "ints" => attribute_type::INTS,
        "floats" => attribute_type::FLOATS,
        "strings" => attribute_type::STRINGS,
        _ => 0,
    }
}

/// Checks how many there are, and that none that must be there has an empty name.
fn check_count(formals: &[Formal], names: &[String], what: &str) -> Result<(), String> {
    let least = formals.iter().rposition(|formal| formal.arity != Arity::Optional).map_or(0, |last| last + 1);
    let is_open = formals.last().is_some_and(|formal| formal.arity == Arity::Any);
    let (count, most) = (names.len(), if is_open { usize::MAX } else { formals.len() });
    if count < least || count > most {
        let expected = match most {
            usize::MAX => format!("{least} or more"),
            most if most == least => least.to_string(),
            most => format!("{least} to {most}"),
        };
        return Err(format!("has {count} {what}s, expected {expected}"));
    }
    let must =
        |index: usize| formals.get(index.min(formals.len() - 1)).is_some_and(|formal| formal.arity != Arity::Optional);
    match names.iter().enumerate().find(|(index, name)| name.is_empty() && must(*index)) {
        Some((index, _)) if what == "input" => Err(format!("lacks input {index}")),
        _ => Ok(()),
    }
}

impl Form {
    /// Checks the attributes: all known, each once and of its kind, and those there that must be.
    fn check_attributes(&self, node: &NodeProto) -> Result<(), String> {
        for (index, given) in node.attribute.iter().enumerate() {
            let name = given.name.as_str();
            let Some(known) = self.attributes.iter().find(|known| known.name == name) else {
                return Err(format!("has the attribute `{name}`, which the operator does not take in this opset"));
            };
            // Files older than IR version 3 leave the kind out.
            if given.r#type != 0 && given.r#type != kind(known.kind) {
                return Err(format!("the attribute `{name}` is of another kind than {}", known.kind));
            }
            if node.attribute[..index].iter().any(|other| other.name == name) {
                return Err(format!("the attribute `{name}` is there twice"));
            }
        }
        let is_missing =
            |known: &&Attribute| known.is_required && node.attribute.iter().all(|given| given.name != known.name);
        match self.attributes.iter().find(is_missing) {
            Some(missing) => Err(format!("lacks the attribute `{}`", missing.name)),
            None => Ok(()),
        }
    }

    fn check(&self, node: &NodeProto) -> Result<(), String> {
        check_count(&self.inputs, &node.input, "input")?;
        check_count(&self.outputs, &node.output, "output")?;
        self.check_attributes(node)
    }
}

/// Checks inputs, outputs and attributes of all nodes.
pub(super) fn check(graph: &GraphProto, opset: i64) -> Result<(), Error> {
    graph.node.iter().try_for_each(|node| {
        let checked = match form(node, opset) {
            Some(form) => form.check(node),
            None => Err(format!("there is no {} in opset {opset}", node.op_type)),
        };
        checked.map_err(|reason| invalid(node, reason))
    })
}

fn invalid(node: &NodeProto, reason: String) -> Error {
    Error::Node { node: node.name.clone(), operator: node.op_type.clone(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_has_its_rows() {
        let lines = include_str!("../../data/operators.txt").lines().filter(|line| !line.starts_with('#'));
        assert_eq!(SCHEMAS.values().map(Vec::len).sum::<usize>(), lines.count());
        let missing: Vec<_> = super::super::OPERATORS.iter().filter(|name| !SCHEMAS.contains_key(**name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn versions_say_what_the_specification_says() {
        let node = |operator: &str, inputs: usize, opset: i64| {
            let input = vec!["x".to_owned(); inputs];
            let node =
                NodeProto { op_type: operator.to_owned(), input, output: vec!["y".to_owned()], ..NodeProto::default() };
            form(&node, opset).map(|form| form.check(&node))
        };
        assert_eq!(node("Add", 2, 7), Some(Ok(())));
        assert_eq!(node("Add", 3, 21), Some(Err("has 3 inputs, expected 2".to_owned())));
        assert_eq!(node("Clip", 2, 10), Some(Err("has 2 inputs, expected 1".to_owned())));
        assert_eq!(node("Clip", 2, 11), Some(Ok(())));
        assert_eq!(node("Concat", 2, 13), Some(Err("lacks the attribute `axis`".to_owned())));
        assert_eq!(node("TopK", 2, 11), Some(Err("has 1 outputs, expected 2".to_owned())));
        assert_eq!(node("QLinearConv", 7, 13), Some(Err("has 7 inputs, expected 8 to 9".to_owned())));
        assert_eq!(node("Gelu", 1, 19), None);
        assert_eq!(node("Upsample", 1, 10), None);
    }
}

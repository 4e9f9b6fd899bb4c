//! Attributes of a node.

use crate::Error;
use crate::proto::{AttributeProto, NodeProto, TensorProto, attribute_type};

/// The attributes of one node, by name.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a> {
    proto: &'a NodeProto,
    /// The node's name in the graph.
    node: &'a str,
}

impl<'a> Attributes<'a> {
    /// The attributes of a node; all must be among `known`, and none may be there twice.
    pub(super) fn new(proto: &'a NodeProto, node: &'a str, known: &[&str]) -> Result<Self, Error> {
        let attributes = Self { proto, node };
        for (index, attribute) in proto.attribute.iter().enumerate() {
            let name = attribute.name.as_str();
            if !known.contains(&name) {
                return Err(attributes.unsupported(format!("the attribute `{name}`")));
            }
            if proto.attribute[..index].iter().any(|other| other.name == name) {
                return Err(attributes.invalid(format!("the attribute `{name}` is there twice")));
            }
        }
        Ok(attributes)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, Error> {
        Ok(self.get(name, attribute_type::INT)?.map_or(default, |attribute| attribute.i))
    }

    /// An integer that says yes or no.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Error> {
        Ok(self.int(name, 0)? != 0)
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, Error> {
        Ok(self.get(name, attribute_type::FLOAT)?.map_or(default, |attribute| attribute.f))
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<&'a [u8]>, Error> {
        Ok(self.get(name, attribute_type::STRING)?.map(|attribute| attribute.s.as_slice()))
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<&'a TensorProto>, Error> {
        Ok(self.get(name, attribute_type::TENSOR)?.and_then(|attribute| attribute.t.as_ref()))
    }

    pub(super) fn floats(&self, name: &str) -> Result<Option<&'a [f32]>, Error> {
        Ok(self.get(name, attribute_type::FLOATS)?.map(|attribute| attribute.floats.as_slice()))
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, Error> {
        Ok(self.get(name, attribute_type::INTS)?.map(|attribute| attribute.ints.as_slice()))
    }

    pub(super) fn strings(&self, name: &str) -> Result<&'a [Vec<u8>], Error> {
        Ok(self.get(name, attribute_type::STRINGS)?.map_or(&[], |attribute| attribute.strings.as_slice()))
    }

    /// A list of sizes, none of them negative.
    pub(super) fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>, Error> {
        let Some(ints) = self.ints(name)? else { return Ok(None) };
        let sizes: Option<Vec<usize>> = ints.iter().map(|&size| usize::try_from(size).ok()).collect();
        sizes.map(Some).ok_or_else(|| self.invalid(format!("the attribute `{name}` is {ints:?}")))
    }

    fn get(&self, name: &str, kind: i32) -> Result<Option<&'a AttributeProto>, Error> {
        match self.proto.attribute.iter().find(|attribute| attribute.name == name) {
            // Files older than IR version 3 leave the kind out.
            Some(attribute) if attribute.r#type == kind || attribute.r#type == 0 => Ok(Some(attribute)),
            Some(_) => Err(self.invalid(format!("the attribute `{name}` is of another kind than the operator takes"))),
            None => Ok(None),
        }
    }

    pub(super) fn invalid(&self, reason: impl Into<String>) -> Error {
        Error::Node { node: self.node.to_owned(), operator: self.proto.op_type.clone(), reason: reason.into() }
    }

    pub(super) fn unsupported(&self, what: impl Into<String>) -> Error {
        Error::Unsupported { node: self.node.to_owned(), operator: self.proto.op_type.clone(), what: what.into() }
    }
}

//! Attributes of a node.

use fourfold_graph::{CastTo, Op};

use crate::Error;
use crate::operators::{self, Attribute, row};
use crate::proto::{AttributeProto, NodeProto, TensorProto, attribute_type, data_type};

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
        attributes.check(known)?;
        Ok(attributes)
    }

    /// Reads the attributes of an operator's row over those of `op`, whose first operand has `rank` axes.
    pub(super) fn read_row(proto: &'a NodeProto, node: &'a str, op: &mut Op, rank: usize) -> Result<(), Error> {
        let mut reader = Reader { attributes: Self { proto, node }, rank, known: Vec::new() };
        row(op, &mut reader)?;
        reader.attributes.check(&reader.known)
    }

    fn check(&self, known: &[&str]) -> Result<(), Error> {
        let (attributes, proto) = (self, self.proto);
        for (index, attribute) in proto.attribute.iter().enumerate() {
            let name = attribute.name.as_str();
            if !known.contains(&name) {
                return Err(attributes.unsupported(format!("the attribute `{name}`")));
            }
            if proto.attribute[..index].iter().any(|other| other.name == name) {
                return Err(attributes.invalid(format!("the attribute `{name}` is there twice")));
            }
        }
        Ok(())
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

/// Reads the attributes of a row.
struct Reader<'a> {
    attributes: Attributes<'a>,
    /// The number of axes of the first operand.
    rank: usize,
    /// The attributes that the row has.
    known: Vec<&'static str>,
}

impl Reader<'_> {
    /// A number between 0 and `max`, counted from `self.rank` if it is negative.
    fn index(&self, name: &str, default: i64, max: Option<usize>) -> Result<usize, Error> {
        let axis = self.attributes.int(name, default)?;
        let rank = i64::try_from(self.rank).unwrap_or(i64::MAX);
        let found = usize::try_from(if axis < 0 { axis.saturating_add(rank) } else { axis }).ok();
        let found = found.filter(|&found| max.is_some_and(|max| found <= max));
        found.ok_or_else(|| self.attributes.invalid(format!("axis {axis} of an input with {} axes", self.rank)))
    }
}

impl operators::Attributes for Reader<'_> {
    fn attribute(&mut self, name: &'static str, attribute: Attribute<'_>) -> Result<(), Error> {
        self.known.push(name);
        let given = &self.attributes;
        match attribute {
            Attribute::Float(default, value) => *value = given.float(name, default)?,
            Attribute::Size(default, value) => {
                let number = given.int(name, default)?;
                let invalid = || given.invalid(format!("the attribute `{name}` is {number}"));
                *value = usize::try_from(number).map_err(|_| invalid())?;
            }
            Attribute::Axis(default, axis) => *axis = self.index(name, default, self.rank.checked_sub(1))?,
            Attribute::SplitAxis(default, axis) => *axis = self.index(name, default, Some(self.rank))?,
            Attribute::Flag(default, value) => *value = given.int(name, i64::from(default))? != 0,
            Attribute::Sizes(values) => {
                if let Some(sizes) = given.sizes(name)? {
                    *values = sizes;
                }
            }
            Attribute::ElementType(to) => {
                let number = given.int(name, 0)?;
                let dtype = i32::try_from(number).ok().and_then(data_type::dtype);
                let dtype = dtype.ok_or_else(|| given.invalid(format!("the attribute `{name}` is {number}")))?;
                *to = CastTo::of(dtype);
            }
        }
        Ok(())
    }
}

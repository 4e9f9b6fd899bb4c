//! What the names of the file stand for.

use std::rc::Rc;

use fourfold_graph::{FIX_SIZES, Limits, NewNode, Op, ValueId};
use fourfold_schemes::{QuantParams, dequantize};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::Importer;
use crate::import::constants::tensor::failed;
use crate::import::operators::sizes::Sizes;
use crate::import::patterns::coded::Coded;
use crate::import::patterns::dynamic::Part;

/// What a name of the file stands for.
#[derive(Clone, Debug)]
pub(crate) enum Binding<'a> {
    /// Real numbers or codes in the graph.
    Value(ValueId),
    /// A constant that no node of the graph has asked for yet.
    Constant(Tensor),
    /// Real numbers that codes stand for.
    Dequantized(Dequantized<'a>),
    /// Codes that are not in the graph, whose real numbers are.
    Coded(Coded<'a>),
    /// A step on the way to a dynamically quantized product.
    Part(Part<'a>),
    /// Integers that follow from the shapes of the inputs.
    Sizes(Sizes),
}

/// The result of a DequantizeLinear. Its real numbers enter the graph when a node asks for them.
#[derive(Clone, Debug)]
pub(crate) struct Dequantized<'a> {
    /// The name of the node that makes the real numbers.
    pub(crate) node: String,
    pub(crate) codes: Codes<'a>,
    pub(crate) params: Rc<QuantParams>,
    /// The real numbers in the graph.
    pub(crate) real: Option<ValueId>,
    /// The real numbers of constant codes.
    pub(crate) constant: Option<Tensor>,
}

/// Where codes are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Codes<'a> {
    /// In the graph.
    Value(ValueId),
    /// In a constant of the file.
    Constant(Stored<'a>),
}

/// Codes in a constant of the file, and where their meaning is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stored<'a> {
    /// The names of the codes, of the scale and of the zero point, which may be empty.
    pub(crate) names: [&'a str; 3],
    /// The axis of the channels, as the node gives it.
    pub(crate) axis: i64,
    /// Whether rows and columns were exchanged after dequantizing.
    pub(crate) is_turned: bool,
}

impl<'a> Dequantized<'a> {
    /// Real numbers that nothing has asked for yet.
    pub(crate) fn new(node: String, codes: Codes<'a>, params: Rc<QuantParams>) -> Self {
        Self { node, codes, params, real: None, constant: None }
    }

    /// Whether the codes are those of an activation: `i8` or `u8`, per tensor.
    pub(crate) fn is_activation(&self) -> bool {
        self.params.dtype().byte_range().is_some() && self.params.as_per_tensor().is_some()
    }
}

impl<'a> Importer<'a> {
    /// Gives a name its meaning; a name has one only.
    pub(crate) fn bind(&mut self, name: &'a str, binding: Binding<'a>) -> Result<(), Error> {
        match self.bindings.insert(name, binding) {
            None => Ok(()),
            Some(_) => Err(fourfold_graph::Error::DuplicateName { name: name.to_owned() }.into()),
        }
    }

    /// A constant of the file as the graph computes with it: real numbers in `f32`, but for those at the border.
    pub(crate) fn in_float(&mut self, name: &str, tensor: Tensor) -> Result<Tensor, Error> {
        if !tensor.dtype().is_float() || self.border.constants.contains(name) {
            return Ok(tensor);
        }
        let single = tensor.to_float(DType::F32)?;
        if let (Ok(given), Ok(single)) = (tensor.as_slice::<f64>(), single.as_slice::<f32>())
            && given.iter().zip(single).any(|(given, single)| single.is_infinite() && given.is_finite())
        {
            self.beyond.push(name.to_owned());
        }
        Ok(single)
    }

    /// The value of that name, `None` if nothing made it before; a constant and real numbers of codes enter the graph
    /// here.
    pub(crate) fn value(&mut self, name: &'a str) -> Result<Option<ValueId>, Error> {
        let id = match self.bindings.get(name) {
            None => return Ok(None),
            Some(Binding::Value(id)) => return Ok(Some(*id)),
            Some(Binding::Dequantized(Dequantized { real: Some(id), .. })) => return Ok(Some(*id)),
            Some(Binding::Part(part)) => {
                let part = *part;
                return self.value_of_part(name, part).map(Some);
            }
            Some(Binding::Coded(coded)) => return self.codes_of(name, coded.clone()).map(Some),
            Some(Binding::Sizes(sizes)) => {
                let what = format!("the use of sizes that the inputs bring ({sizes}; {FIX_SIZES}) as numbers");
                return Err(Error::UnsupportedTensor { name: name.to_owned(), what });
            }
            Some(Binding::Constant(tensor)) => {
                let tensor = tensor.clone();
                let unique = if self.is_output(name) { name.to_owned() } else { self.constant_name(name) };
                let id = self.builder.constant(&unique, tensor)?;
                self.bindings.insert(name, Binding::Value(id));
                return Ok(Some(id));
            }
            Some(Binding::Dequantized(found)) => match found.codes {
                Codes::Value(codes) => {
                    let node = found.node.clone();
                    let new = NewNode { name: &node, output: name, op: Op::Dequantize, inputs: &[codes], params: None };
                    self.builder.add(new)?
                }
                Codes::Constant(_) => {
                    let Some(real) = self.constant(name)? else { return Ok(None) };
                    self.builder.constant(name, real)?
                }
            },
        };
        if let Some(Binding::Dequantized(found)) = self.bindings.get_mut(name) {
            found.real = Some(id);
        }
        Ok(Some(id))
    }

    /// The constant of that name: its elements, or the real numbers that they stand for, which are computed once.
    pub(crate) fn constant(&mut self, name: &str) -> Result<Option<Tensor>, Error> {
        let Some(Binding::Dequantized(found)) = self.bindings.get(name) else { return Ok(self.stored(name).cloned()) };
        let Codes::Constant(stored) = found.codes else { return Ok(None) };
        if let Some(real) = &found.constant {
            return Ok(Some(real.clone()));
        }
        let Some(codes) = self.stored(stored.names[0]) else { return Ok(None) };
        let invalid = |reason: String| Error::Tensor { name: name.to_owned(), reason };
        let mut real = dequantize(codes, &found.params).map_err(|error| failed(error, invalid))?;
        if stored.is_turned {
            real = real.permute(&[1, 0]).map_err(|error| failed(error, invalid))?;
        }
        self.count_computed(&real)?;
        if let Some(Binding::Dequantized(found)) = self.bindings.get_mut(name) {
            found.constant = Some(real.clone());
        }
        Ok(Some(real))
    }

    /// The elements of the constant of that name, which stand for themselves.
    pub(crate) fn stored(&self, name: &str) -> Option<&Tensor> {
        match self.bindings.get(name)? {
            Binding::Value(id) => {
                let value = self.builder.value(*id);
                value.constant().filter(|_| value.ty().params().is_none())
            }
            Binding::Constant(tensor) => Some(tensor),
            Binding::Dequantized(_) | Binding::Coded(_) | Binding::Part(_) | Binding::Sizes(_) => None,
        }
    }

    /// The shape of the constant of that name, `None` if it is none.
    pub(crate) fn constant_shape(&self, name: &str) -> Option<Vec<usize>> {
        match self.bindings.get(name)? {
            Binding::Dequantized(Dequantized { codes: Codes::Constant(stored), .. }) => {
                let mut shape = self.stored(stored.names[0])?.shape().to_vec();
                if stored.is_turned {
                    shape.reverse();
                }
                Some(shape)
            }
            _ => Some(self.stored(name)?.shape().to_vec()),
        }
    }

    /// What is known of the result of a DequantizeLinear, `None` if the name stands for something else.
    pub(crate) fn dequantized(&self, name: &str) -> Option<&Dequantized<'a>> {
        match self.bindings.get(name)? {
            Binding::Dequantized(found) => Some(found),
            _ => None,
        }
    }

    /// Gives a name a constant that the file does not hold; one that is an output of the model enters the graph at
    /// once.
    pub(crate) fn bind_constant(&mut self, name: &'a str, tensor: Tensor) -> Result<(), Error> {
        self.count_computed(&tensor)?;
        self.bind(name, Binding::Constant(tensor))?;
        if self.is_output(name) {
            self.value(name)?;
        }
        Ok(())
    }

    /// Counts the elements of a constant that the file does not hold, so that a small file does not become a large
    /// graph.
    pub(crate) fn count_computed(&mut self, tensor: &Tensor) -> Result<(), Error> {
        self.check_computed(tensor.len())?;
        self.computed_elements += tensor.len() as u64;
        Ok(())
    }

    /// Checks that so many elements more may be computed.
    pub(crate) fn check_computed(&self, count: usize) -> Result<(), Error> {
        let all = self.computed_elements.saturating_add(count as u64);
        Limits::check("elements", all, self.limits.elements)?;
        Ok(Limits::check("computed-elements", all, self.limits.computed_elements)?)
    }

    /// A name for a constant of the graph that follows from the file's constant `base`: that name, if nothing has it
    /// yet.
    pub(crate) fn constant_name(&mut self, base: &str) -> String {
        let name = self.builder.unique_name(base);
        if name == base { name } else { self.fresh_name(base) }
    }

    /// A name that neither the graph nor the file has.
    pub(crate) fn fresh_name(&mut self, base: &str) -> String {
        if self.file_names.is_empty() {
            let file = self.proto;
            let made = file.node.iter().flat_map(|node| node.output.iter().chain([&node.name]));
            let given = file.initializer.iter().map(|initializer| &initializer.name);
            let brought = file.input.iter().map(|input| &input.name);
            self.file_names.extend(made.chain(given).chain(brought).map(String::as_str));
        }
        let mut base = base.to_owned();
        loop {
            let name = self.builder.unique_name(&base);
            if !self.file_names.contains(name.as_str()) {
                return name;
            }
            base.push('_');
        }
    }
}

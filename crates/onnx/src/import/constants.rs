//! The constants of the file: its tensors, the floats that quantized ones stand for, and how many elements more may be
//! computed from them.

pub(crate) mod tensor;

use std::collections::HashMap;
use std::rc::Rc;

use fourfold_graph::Limits;
use fourfold_schemes::{QuantParams, QuantType, dequantize};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::model::floats::Border;
use tensor::failed;

/// A quantized constant of the file, and where its scales are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stored<'a> {
    /// The names of the quantized tensor, of the scale and of the zero point, which may be empty.
    pub(super) names: [&'a str; 3],
    /// The axis of the channels, as the node gives it.
    pub(super) axis: i64,
    /// Whether it was transposed after dequantizing.
    pub(super) is_transposed: bool,
}

/// What is known of the elements of a constant.
enum Constant<'a> {
    /// They are these.
    Plain(Tensor),
    /// They are what a quantized constant stands for; `floats` once someone has asked.
    Dequantized { stored: Stored<'a>, params: Rc<QuantParams>, floats: Option<Tensor> },
}

/// The constants by their names in the file, and the budget of what is computed from them.
pub(super) struct Constants<'a> {
    limits: Limits,
    /// What keeps its type in the file.
    border: &'a Border,
    known: HashMap<&'a str, Constant<'a>>,
    /// The types of names whose elements have a type of the file that no tensor has.
    pub(super) narrow: HashMap<&'a str, QuantType>,
    /// The number of elements that were computed.
    computed_elements: u64,
    /// The number of elements that nodes with constant operands read and gave.
    folded_elements: u64,
    /// The constants with numbers that `f32` does not reach.
    beyond: Vec<String>,
}

impl<'a> Constants<'a> {
    pub(super) fn new(limits: Limits, border: &'a Border) -> Self {
        Self {
            limits,
            border,
            known: HashMap::new(),
            narrow: HashMap::new(),
            computed_elements: 0,
            folded_elements: 0,
            beyond: Vec::new(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn border(&self) -> &'a Border {
        self.border
    }

    /// Notes the elements of a constant.
    pub(super) fn insert(&mut self, name: &'a str, tensor: Tensor) {
        self.known.insert(name, Constant::Plain(tensor));
    }

    /// Notes that a constant is what a quantized one stands for.
    pub(super) fn insert_dequantized(&mut self, name: &'a str, stored: Stored<'a>, params: Rc<QuantParams>) {
        self.known.insert(name, Constant::Dequantized { stored, params, floats: None });
    }

    /// The elements of the constant of that name, which stand for themselves.
    pub(super) fn stored(&self, name: &str) -> Option<&Tensor> {
        match self.known.get(name)? {
            Constant::Plain(tensor) => Some(tensor),
            Constant::Dequantized { .. } => None,
        }
    }

    /// The constant of that name: its elements, or the floats that they stand for, which are computed once.
    pub(super) fn get(&mut self, name: &str) -> Result<Option<Tensor>, Error> {
        let (stored, params) = match self.known.get(name) {
            None => return Ok(None),
            Some(Constant::Plain(tensor)) => return Ok(Some(tensor.clone())),
            Some(Constant::Dequantized { floats: Some(floats), .. }) => return Ok(Some(floats.clone())),
            Some(Constant::Dequantized { stored, params, floats: None }) => (*stored, Rc::clone(params)),
        };
        let Some(quantized) = self.stored(stored.names[0]) else { return Ok(None) };
        let invalid = |reason: String| Error::Tensor { name: name.to_owned(), reason };
        let mut made = dequantize(quantized, &params).map_err(|error| failed(error, invalid))?;
        if stored.is_transposed {
            made = made.permute(&[1, 0]).map_err(|error| failed(error, invalid))?;
        }
        self.count(&made)?;
        if let Some(Constant::Dequantized { floats, .. }) = self.known.get_mut(name) {
            *floats = Some(made.clone());
        }
        Ok(Some(made))
    }

    /// The shape of the constant of that name, `None` if it is none.
    pub(super) fn shape(&self, name: &str) -> Option<Vec<usize>> {
        match self.known.get(name)? {
            Constant::Plain(tensor) => Some(tensor.shape().to_vec()),
            Constant::Dequantized { stored, .. } => {
                let mut shape = self.stored(stored.names[0])?.shape().to_vec();
                if stored.is_transposed {
                    shape.reverse();
                }
                Some(shape)
            }
        }
    }

    /// A constant of the file as the graph computes with it: floats in `f32`, but for those at the border.
    pub(super) fn in_float(&mut self, name: &str, tensor: Tensor) -> Result<Tensor, Error> {
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

    /// What its user should know of constants that `f32` does not reach.
    pub(super) fn note_of_range(&self) -> Option<String> {
        let [first, more @ ..] = self.beyond.as_slice() else { return None };
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        Some(format!("numbers of its constant `{first}`{more} are beyond float32 and became infinite"))
    }

    /// Counts the elements of a constant that the file does not hold, so that a small file does not become a large
    /// graph.
    pub(super) fn count(&mut self, tensor: &Tensor) -> Result<(), Error> {
        self.check(tensor.len())?;
        self.computed_elements += tensor.len() as u64;
        Ok(())
    }

    /// Checks that so many elements more may be computed.
    pub(super) fn check(&self, count: usize) -> Result<(), Error> {
        let all = self.computed_elements.saturating_add(count as u64);
        Limits::check("elements", all, self.limits.elements)?;
        Ok(Limits::check("computed-elements", all, self.limits.computed_elements)?)
    }

    /// The number of elements that nodes with constant operands read and gave so far.
    pub(super) fn folded_elements(&self) -> u64 {
        self.folded_elements
    }

    pub(super) fn set_folded_elements(&mut self, elements: u64) {
        self.folded_elements = elements;
    }
}

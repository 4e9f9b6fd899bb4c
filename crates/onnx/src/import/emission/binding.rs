//! What the names of the file stand for.

use std::rc::Rc;

use fourfold_graph::ValueId;
use fourfold_schemes::{QuantParams, QuantType};

use crate::Error;
use crate::import::Importer;
use crate::import::constants::Stored;
use crate::import::emission::sizes::Sizes;

/// What a name of the file stands for.
#[derive(Clone)]
pub(crate) enum Binding<'a> {
    /// A value of the graph.
    Value(ValueId),
    /// A constant that no node of the graph has asked for yet.
    Constant,
    /// The floats that a quantized value stands for.
    Dequantized(Dequantized<'a>),
    /// What a pattern makes when it is asked for.
    Deferred(Deferred<'a>),
    /// Integers that follow from the shapes of the inputs.
    Sizes(Sizes),
}

/// The result of a DequantizeLinear. Its floats enter the graph when a node asks for them.
#[derive(Clone)]
pub(crate) struct Dequantized<'a> {
    /// The name of the node that makes the floats.
    pub(crate) node: String,
    pub(crate) source: Source<'a>,
    pub(crate) params: Rc<QuantParams>,
    /// The floats in the graph.
    pub(crate) float: Option<ValueId>,
}

/// Where a quantized tensor is.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// In the graph.
    Value(ValueId),
    /// In a constant of the file.
    Constant(Stored<'a>),
}

impl<'a> Dequantized<'a> {
    /// Floats that nothing has asked for yet.
    pub(crate) fn new(node: String, source: Source<'a>, params: Rc<QuantParams>) -> Self {
        Self { node, source, params, float: None }
    }

    /// Whether the quantized values are those of an activation: `i8` or `u8`, per tensor.
    pub(crate) fn is_activation(&self) -> bool {
        self.params.dtype().byte_range().is_some() && self.params.as_per_tensor().is_some()
    }
}

/// A value that is not in the graph until a node asks for it. What it is made of is the pattern's own affair.
#[derive(Clone, Copy)]
pub(crate) struct Deferred<'a> {
    /// Gives the value of that name; more than once the same.
    pub(crate) make: fn(&mut Importer<'a>, &'a str) -> Result<ValueId, Error>,
    /// The type of its quantized values in the file, if it holds such.
    pub(crate) code: Option<QuantType>,
}

//! The intermediate results of a dynamic quantization, which are no nodes of the graph as long as none but a product
//! reads them:
//!
//! ```text
//! q, scale, zero_point = DynamicQuantizeLinear(x)
//! sums = MatMulInteger(q, w, zero_point, ..)       scales = Mul(scale, w_scale)
//! ```

use std::collections::HashMap;

use fourfold_graph::ValueId;
use fourfold_tensor::DType;

use crate::import::emission::node::Entry;
use crate::proto::NodeProto;

/// An intermediate result on the way to a dynamically quantized product, of the floats `x`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Intermediate<'a> {
    /// What `x` is quantized to.
    Quantized { x: ValueId },
    /// Its scale.
    Scale { x: ValueId },
    /// Its zero point.
    ZeroPoint { x: ValueId },
    /// The sums of a MatMulInteger or ConvInteger, as floats or not yet.
    Sums { x: ValueId, product: &'a NodeProto, is_cast: bool },
    /// Its scale times that of a weight.
    Scales { x: ValueId, weight: &'a str },
}

/// The intermediate results of all dynamic quantizations, and what was made of them.
#[derive(Default)]
pub(crate) struct Intermediates<'a> {
    by_name: HashMap<&'a str, Intermediate<'a>>,
    /// Those that are nodes of their own.
    values: HashMap<&'a str, ValueId>,
    /// What floats are quantized to while the model runs.
    quantized: HashMap<ValueId, Quantized>,
}

impl<'a> Intermediates<'a> {
    /// The intermediate result of that name.
    pub(crate) fn get(&self, name: &str) -> Option<Intermediate<'a>> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn insert(&mut self, name: &'a str, result: Intermediate<'a>) {
        self.by_name.insert(name, result);
    }

    /// The value that an intermediate result became, if it did.
    pub(crate) fn value(&self, name: &str) -> Option<ValueId> {
        self.values.get(name).copied()
    }

    pub(super) fn insert_value(&mut self, name: &'a str, value: ValueId) {
        self.values.insert(name, value);
    }

    /// What floats were quantized to, if they were.
    pub(crate) fn quantized(&self, x: ValueId) -> Option<Quantized> {
        self.quantized.get(&x).copied()
    }

    pub(super) fn insert_quantized(&mut self, x: ValueId, quantized: Quantized) {
        self.quantized.insert(x, quantized);
    }
}

/// The results of a DynamicQuantizeLinear, all as floats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantized {
    pub(crate) values: ValueId,
    pub(crate) scale: ValueId,
    pub(crate) zero_point: ValueId,
}

impl Intermediate<'_> {
    /// The type that the elements have in the file.
    pub(crate) fn dtype(&self) -> DType {
        match self {
            Intermediate::Quantized { .. } | Intermediate::ZeroPoint { .. } => DType::U8,
            Intermediate::Scale { .. } | Intermediate::Scales { .. } | Intermediate::Sums { is_cast: true, .. } => {
                DType::F32
            }
            Intermediate::Sums { is_cast: false, .. } => DType::I32,
        }
    }
}

impl<'a> Entry<'_, 'a> {
    /// The intermediate result that an input is.
    pub(super) fn intermediate(&self, index: usize) -> Option<Intermediate<'a>> {
        self.importer.patterns.intermediates.get(self.input(index)?)
    }
}

//! Products whose operand is quantized while they run, in the form that onnxruntime's `quantize_dynamic` gives them:
//!
//! ```text
//! q, scale, zero_point = DynamicQuantizeLinear(x)
//! y = Mul(Cast(MatMulInteger(q, w, zero_point, w_zero_point)), Mul(scale, w_scale))  [+ bias]
//! ```
//!
//! Nothing enters the graph before the last product, which becomes a Linear, or a convolution for ConvInteger. The
//! operators of ONNX Runtime that do several of these things at once become the same.

use fourfold_graph::{Activation, Conv, Dim, Linear, Op, ValueId};
use fourfold_schemes::DynamicScheme;

use crate::Error;
use crate::import::emission::node::Entry;
use crate::import::patterns::intermediate::Intermediate;
use crate::proto::NodeProto;

/// A product as ONNX Runtime quantizes it while it runs.
const DYNAMIC_LINEAR: Op =
    Op::Linear(Linear { activation: Activation::None, dynamic: Some(DynamicScheme::OnnxPerTensor) });

impl<'a> Entry<'_, 'a> {
    /// Holds back what `x` is quantized to, its scale and its zero point, which products and a Mul read.
    pub(crate) fn quantized_results(&mut self, x: ValueId) -> Result<(), Error> {
        let results = [Intermediate::Quantized { x }, Intermediate::Scale { x }, Intermediate::ZeroPoint { x }];
        for (name, result) in self.proto.output.iter().zip(results).filter(|(name, _)| !name.is_empty()) {
            self.importer.bind_intermediate(name, result)?;
        }
        Ok(())
    }

    /// Holds back the sums of a product of what a DynamicQuantizeLinear gives; `false` if it is one of other integers.
    pub(crate) fn sums(&mut self) -> Result<bool, Error> {
        match (self.intermediate(0), self.intermediate(2)) {
            (Some(Intermediate::Quantized { x }), Some(Intermediate::ZeroPoint { x: same })) if x == same => {
                let sums = Intermediate::Sums { x, product: self.proto, is_cast: false };
                self.importer.bind_intermediate(self.output(), sums).map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Holds back the floats that a Cast makes of sums; `false` if its operand is something else.
    pub(crate) fn cast_of_sums(&mut self) -> Result<bool, Error> {
        let Some(Intermediate::Sums { x, product, .. }) = self.intermediate(0) else { return Ok(false) };
        let sums = Intermediate::Sums { x, product, is_cast: true };
        self.importer.bind_intermediate(self.output(), sums).map(|()| true)
    }

    /// The product of both scales, or of the sums with it, which is the result; `false` if it is one of other values.
    pub(crate) fn product_with_scale(&mut self) -> Result<bool, Error> {
        match [self.intermediate(0), self.intermediate(1)] {
            [Some(Intermediate::Scale { x }), None] if self.is_constant(1) => self.scales(x, 1)?,
            [None, Some(Intermediate::Scale { x })] if self.is_constant(0) => self.scales(x, 0)?,
            [
                Some(Intermediate::Sums { x, product, is_cast: true }),
                Some(Intermediate::Scales { x: same, weight }),
            ]
            | [
                Some(Intermediate::Scales { x: same, weight }),
                Some(Intermediate::Sums { x, product, is_cast: true }),
            ] if x == same && self.has_constant_weight(product) => {
                if product.op_type == "ConvInteger" {
                    self.dynamic_conv(x, product, weight)?;
                } else {
                    let zero_point = product.input.get(3).map_or("", String::as_str);
                    self.dynamic_linear(x, &product.input[1], [weight, zero_point])?;
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The floats of which three inputs are the quantized values, the scale and the zero point; `None` if none of them
    /// is.
    pub(crate) fn dynamic_operand(&self, [quantized, scale, zero_point]: [usize; 3]) -> Result<Option<ValueId>, Error> {
        let (quantized, scale, zero_point) =
            (self.intermediate(quantized), self.intermediate(scale), self.intermediate(zero_point));
        if quantized.is_none() && scale.is_none() && zero_point.is_none() {
            return Ok(None);
        }
        let (
            Some(Intermediate::Quantized { x }),
            Some(Intermediate::Scale { x: same }),
            Some(Intermediate::ZeroPoint { x: also }),
        ) = (quantized, scale, zero_point)
        else {
            return Err(self.unsupported("a product of other integers than a DynamicQuantizeLinear gives"));
        };
        if x != same || x != also {
            return Err(self.unsupported("quantized values with the scale or zero point of others"));
        }
        Ok(Some(x))
    }

    /// Whether the right side of a product is constant, and a matrix for one of matrices.
    fn has_constant_weight(&self, product: &NodeProto) -> bool {
        let weight = product.input.get(1).and_then(|name| self.importer.constants.stored(name));
        weight.is_some_and(|weight| weight.shape().len() == 2 || product.op_type == "ConvInteger")
    }

    fn is_constant(&self, index: usize) -> bool {
        self.input(index).is_some_and(|name| self.importer.constants.shape(name).is_some())
    }

    fn scales(&mut self, x: ValueId, weight: usize) -> Result<(), Error> {
        let name = self.input(weight).unwrap_or_default();
        self.importer.bind_intermediate(self.output(), Intermediate::Scales { x, weight: name })
    }

    /// Adds the Linear that the nodes are, with the bias that follows.
    fn dynamic_linear(&mut self, x: ValueId, weight: &'a str, parameters: [&'a str; 2]) -> Result<(), Error> {
        self.expect_scale(parameters[0], |shape| shape.last().copied())?;
        let weight = self.given_weight(weight, parameters, true)?;
        let columns = self.columns(weight);
        self.emit_with_bias(self.following(columns), columns, DYNAMIC_LINEAR, [x, weight])
    }

    /// Checks that the scale of a weight is one number, or a list on the axis of the sums' columns.
    fn expect_scale(&self, name: &str, columns: impl FnOnce(&[usize]) -> Option<usize>) -> Result<(), Error> {
        let shape = self.importer.constants.shape(name).unwrap_or_default();
        let count: usize = shape.iter().product();
        if count == 1 || columns(&shape) == Some(count) {
            return Ok(());
        }
        Err(self
            .unsupported(format!("a scale `{name}` of shape {shape:?}, which is not one for each column of the sums,")))
    }

    /// The number of rows of a weight, which are the columns of the result.
    fn columns(&self, weight: ValueId) -> usize {
        self.dims(weight).first().and_then(Dim::fixed).unwrap_or_default()
    }

    /// Adds the convolution that the nodes are, with the bias that follows.
    fn dynamic_conv(&mut self, x: ValueId, product: &'a NodeProto, scale: &'a str) -> Result<(), Error> {
        let zero_point = product.input.get(3).map_or("", String::as_str);
        let rank = self.dims(x).len();
        self.expect_scale(scale, |shape| (shape.len() + 1).checked_sub(rank).and_then(|at| shape.get(at).copied()))?;
        let weight = self.given_weight(&product.input[1], [scale, zero_point], false)?;
        let entry = Entry { importer: self.importer, proto: product, name: self.name.clone() };
        let Op::Conv(conv) = entry.conv_op(x, weight)? else { return Err(self.invalid("is no convolution")) };
        let op = Op::Conv(Conv { dynamic: Some(DynamicScheme::OnnxPerTensor), ..conv });
        let channels = self.columns(weight);
        let following = self.following_by(|shape| {
            shape.len() + 1 >= rank
                && shape.len() <= rank
                && shape.iter().product::<usize>() == channels
                && shape[shape.len() + 1 - rank] == channels
        });
        self.emit_with_bias(following, channels, op, [x, weight])
    }

    /// A product that names its bias itself.
    pub(crate) fn whole_product(
        &mut self,
        x: ValueId,
        weight: &'a str,
        parameters: [&'a str; 2],
        bias: usize,
    ) -> Result<(), Error> {
        let weight = self.given_weight(weight, parameters, true)?;
        let mut inputs = vec![x, weight];
        if let Some(name) = self.input(bias) {
            let constant = self.constant(bias)?;
            inputs.push(self.bias(name, &constant, self.columns(weight), 1.0)?);
        }
        self.emit(DYNAMIC_LINEAR, &inputs)
    }
}

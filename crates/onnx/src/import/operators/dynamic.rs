//! Operators that quantize while the model runs, and those that may belong to the same pattern.

use fourfold_graph::{Binary, Op};

use crate::Error;
use crate::import::emission::node::Entry;
use crate::import::reading::window::CONV;
use crate::proto::data_type;

impl Entry<'_, '_> {
    /// The quantized values, their scale and their zero point.
    pub(crate) fn dynamic_quantize_linear(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let x = self.operand(0)?;
        self.quantized_results(x)
    }

    /// `(q, weight, zero_point, [weight_zero_point])`; the weight is read when its scale is known.
    pub(crate) fn matmul_integer(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        if self.sums()? { Ok(()) } else { self.product_of_integers() }
    }

    /// `(q, weight, zero_point, [weight_zero_point])`.
    pub(crate) fn conv_integer(&mut self) -> Result<(), Error> {
        self.attributes(&CONV)?;
        if self.sums()? { Ok(()) } else { self.convolution_of_integers() }
    }

    /// Sums as floats, or any other change of type.
    pub(crate) fn cast(&mut self) -> Result<(), Error> {
        let to = self.attributes(&["to", "saturate", "round_mode"])?.int("to", 0)?;
        if to == i64::from(data_type::FLOAT) && self.cast_of_sums()? { Ok(()) } else { self.cast_to(to) }
    }

    /// A product within a dynamic quantization, or one of any other values.
    pub(crate) fn mul(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        if self.product_with_scale()? { Ok(()) } else { self.read_row(Op::Binary(Binary::Mul)) }
    }

    /// `(a, b, b_scale, [b_zero_point], [bias])`.
    pub(crate) fn dynamic_quantize_matmul(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let x = self.operand(0)?;
        let [weight, scale, zero_point] = [1, 2, 3].map(|index| self.input(index).unwrap_or_default());
        self.whole_product(x, weight, [scale, zero_point], 4)
    }

    /// `(a, b, a_scale, b_scale, [a_zero_point], [b_zero_point], [bias])`.
    pub(crate) fn matmul_integer_to_float(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let Some(x) = self.dynamic_operand([0, 2, 4])? else { return self.product_of_integers_to_float() };
        let [weight, scale, zero_point] = [1, 3, 5].map(|index| self.input(index).unwrap_or_default());
        self.whole_product(x, weight, [scale, zero_point], 6)
    }
}

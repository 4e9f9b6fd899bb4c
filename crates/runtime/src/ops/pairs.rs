//! Sums, differences and products of codes, broadcast.

use fourfold_graph::Activation;
use fourfold_kernels::{Bounded, Codes};
use fourfold_schemes::{QuantParams, multiplier};
use fourfold_tensor::DType;

use super::strided::Strided;
use super::{Action, Call, Scratch, codes_mut};
use crate::Error;

/// What is made of two operands.
#[derive(Clone, Copy, Debug)]
enum Combination {
    /// The sum, each operand times its own number.
    Sum([f32; 2]),
    /// The product times a number.
    Product(f32),
}

/// A function of two codes.
#[derive(Debug)]
pub(crate) struct QuantizedPairs {
    combination: Combination,
    /// Whether the codes of each operand are signed, and their zero point.
    operands: [(bool, i32); 2],
    signed: bool,
    zero_point: i32,
    bounds: (i32, i32),
}

impl QuantizedPairs {
    /// `a + b`.
    pub(crate) fn sum(operands: [&QuantParams; 2], y: &QuantParams, activation: Activation) -> Self {
        let combination = Combination::Sum(operands.map(|x| x.scales()[0].get() / y.scales()[0].get()));
        Self::new(combination, operands, y, activation)
    }

    /// `a - b`: the sum with the second number negated.
    pub(crate) fn difference(operands: [&QuantParams; 2], y: &QuantParams) -> Self {
        let [m_a, m_b] = operands.map(|x| x.scales()[0].get() / y.scales()[0].get());
        Self::new(Combination::Sum([m_a, -m_b]), operands, y, Activation::None)
    }

    /// `a * b`.
    pub(crate) fn product([a, b]: [&QuantParams; 2], y: &QuantParams) -> Self {
        let combination = Combination::Product(multiplier(a.scales()[0], b.scales()[0], y.scales()[0]));
        Self::new(combination, [a, b], y, Activation::None)
    }

    fn new(combination: Combination, operands: [&QuantParams; 2], y: &QuantParams, activation: Activation) -> Self {
        Self {
            combination,
            operands: operands.map(|x| (x.dtype() == DType::I8, x.zero_points()[0])),
            signed: y.dtype() == DType::I8,
            zero_point: y.zero_points()[0],
            bounds: activation.quantized_bounds(y),
        }
    }
}

impl Action for QuantizedPairs {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let Scratch { addends: [scratch_a, scratch_b], budget, .. } = call.scratch;
        let [a, b] = [(0, scratch_a), (1, scratch_b)].map(|(index, scratch)| {
            let (operand, (signed, zero_point)) = (call.inputs[index], self.operands[index]);
            let bytes = if operand.shape == call.output_shape || operand.bytes.len() == 1 {
                operand.bytes
            } else {
                let expanded = budget.reserve(scratch, call.output_shape.element_count())?;
                Strided::broadcast(operand.shape, call.output_shape).copy(operand.bytes, call.output_shape, expanded);
                &*expanded
            };
            let codes = if signed { Codes::I8(bytemuck::cast_slice(bytes)) } else { Codes::U8(bytes) };
            Ok::<_, Error>(fourfold_kernels::Operand { codes, zero_point })
        });
        let (a, b) = (a?, b?);
        let (q_min, q_max) = self.bounds;
        let result = Bounded { out: codes_mut(call.output, self.signed), zero_point: self.zero_point, q_min, q_max };
        match self.combination {
            Combination::Sum([m_a, m_b]) => call.kernel.add((a, m_a), (b, m_b), result)?,
            Combination::Product(multiplier) => call.kernel.multiply(a, b, multiplier, result)?,
        }
        Ok(())
    }
}

//! Sums, differences and products of quantized values.

use fourfold_graph::Activation;
use fourfold_kernels::Bounded;
use fourfold_schemes::{QuantParams, multiplier};
use fourfold_tensor::DType;

use crate::Error;
use crate::ops::strided::Strided;
use crate::ops::{Action, Call, Encoding, Operand, Scratch, quantized_mut};

/// What is computed of two operands.
#[derive(Clone, Copy, Debug)]
enum Combination {
    /// The sum, each operand times its own multiplier.
    Sum([f32; 2]),
    /// The product times a multiplier.
    Product(f32),
}

/// A function of two quantized values.
#[derive(Debug)]
pub(crate) struct QuantizedBinary {
    combination: Combination,
    operands: [Encoding; 2],
    signed: bool,
    zero_point: i32,
    bounds: (i32, i32),
}

impl QuantizedBinary {
    /// `a + b`.
    pub(crate) fn add(operands: [&QuantParams; 2], y: &QuantParams, activation: Activation) -> Self {
        let combination = Combination::Sum(operands.map(|x| x.scales()[0].get() / y.scales()[0].get()));
        Self::new(combination, operands, y, activation)
    }

    /// `a - b`: the sum with the second multiplier negated.
    pub(crate) fn subtract(operands: [&QuantParams; 2], y: &QuantParams) -> Self {
        let [m_a, m_b] = operands.map(|x| x.scales()[0].get() / y.scales()[0].get());
        Self::new(Combination::Sum([m_a, -m_b]), operands, y, Activation::None)
    }

    /// `a * b`.
    pub(crate) fn multiply([a, b]: [&QuantParams; 2], y: &QuantParams) -> Self {
        let combination = Combination::Product(multiplier(a.scales()[0], b.scales()[0], y.scales()[0]));
        Self::new(combination, [a, b], y, Activation::None)
    }

    fn new(combination: Combination, operands: [&QuantParams; 2], y: &QuantParams, activation: Activation) -> Self {
        Self {
            combination,
            operands: operands.map(Encoding::of),
            signed: y.dtype() == DType::I8,
            zero_point: y.zero_points()[0],
            bounds: activation.quantized_bounds(y),
        }
    }
}

impl Action for QuantizedBinary {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let Scratch { operands: [scratch_a, scratch_b], budget, .. } = call.scratch;
        let [a, b] = [(0, scratch_a), (1, scratch_b)].map(|(index, scratch)| {
            let (operand, encoding) = (call.inputs[index], self.operands[index]);
            let bytes = if operand.shape == call.output_shape || operand.bytes.len() == 1 {
                operand.bytes
            } else {
                let expanded = budget.reserve(scratch, call.output_shape.element_count())?;
                Strided::broadcast(operand.shape, call.output_shape).copy(operand.bytes, call.output_shape, expanded);
                &*expanded
            };
            let values = Operand { bytes, ..operand }.quantized(encoding.signed);
            Ok::<_, Error>(fourfold_kernels::Operand { values, zero_point: encoding.zero_point })
        });
        let (a, b) = (a?, b?);
        let (q_min, q_max) = self.bounds;
        let result =
            Bounded { out: quantized_mut(call.output, self.signed), zero_point: self.zero_point, q_min, q_max };
        match self.combination {
            Combination::Sum([m_a, m_b]) => call.kernel.add((a, m_a), (b, m_b), result)?,
            Combination::Product(multiplier) => call.kernel.multiply(a, b, multiplier, result)?,
        }
        Ok(())
    }
}

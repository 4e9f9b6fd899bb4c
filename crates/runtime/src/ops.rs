//! The steps of a plan: one module for each group of operators.

pub(crate) mod bias;
pub(crate) mod cast;
pub(crate) mod conv;
pub(crate) mod conv_transpose;
pub(crate) mod convert;
pub(crate) mod dynamic;
pub(crate) mod dynamic_conv;
pub(crate) mod elementwise;
pub(crate) mod function;
pub(crate) mod integers;
pub(crate) mod linear;
pub(crate) mod logic;
pub(crate) mod matmul;
pub(crate) mod movement;
pub(crate) mod pad;
pub(crate) mod pairs;
pub(crate) mod pool;
pub(crate) mod recurrent;
pub(crate) mod reduce;
pub(crate) mod requantize;
pub(crate) mod resize;
pub(crate) mod scratch;
pub(crate) mod search;
pub(crate) mod select;
pub(crate) mod softmax;
pub(crate) mod strided;
pub(crate) mod table;

use core::fmt;

use fourfold_graph::Value;
use fourfold_kernels::{Codes, CodesMut, ConvInput, Kernel, ZeroPoints};
use fourfold_schemes::QuantParams;
use fourfold_tensor::memory::{copied, filled};
use fourfold_tensor::{DType, Element, Shape, Tensor};

pub(crate) use self::scratch::{Budget, Scratch};
use crate::Error;
use crate::spatial::three;

/// The largest number of operands that are not constants folded into the step, of all operators but Concat.
pub(crate) const MAX_OPERANDS: usize = 4;

/// An operator with everything that does not change from run to run.
pub(crate) trait Action: fmt::Debug + Send + Sync {
    /// Computes the result of one call.
    fn run(&self, call: Call<'_>) -> Result<(), Error>;

    /// Bytes of the weights that it holds in an order of its own.
    fn packed_bytes(&self) -> usize {
        0
    }
}

/// One call of an action.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) kernel: Kernel,
    pub(crate) inputs: &'a [Operand<'a>],
    /// The bytes of the result; what they hold before is undefined.
    pub(crate) output: &'a mut [u8],
    /// The shape of the result as the graph has it, whatever its layout.
    pub(crate) output_shape: Shape,
    pub(crate) scratch: &'a mut Scratch,
}

/// The elements of an operand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<'a> {
    pub(crate) bytes: &'a [u8],
    /// The shape as the graph has it, whatever the layout.
    pub(crate) shape: Shape,
}

impl<'a> Operand<'a> {
    /// The elements.
    pub(crate) fn elements<T: Element>(&self) -> &'a [T] {
        // Where no bytes are, they need not be aligned.
        if self.bytes.is_empty() { &[] } else { bytemuck::cast_slice(self.bytes) }
    }

    /// `count` elements of one byte from `first` on.
    pub(crate) fn part(&self, first: usize, count: usize) -> Self {
        Self { bytes: &self.bytes[first..][..count], ..*self }
    }

    /// The elements as 8-bit codes.
    pub(crate) fn codes(&self, signed: bool) -> Codes<'a> {
        if signed { Codes::I8(self.elements()) } else { Codes::U8(self.bytes) }
    }
}

/// The codes of a weight.
pub(crate) fn weight_codes(weight: &Tensor) -> Result<Codes<'_>, Error> {
    Ok(if weight.dtype() == DType::U8 { Codes::U8(weight.as_slice()?) } else { Codes::I8(weight.as_slice()?) })
}

/// The zero points of a weight.
pub(crate) fn zero_points(params: &QuantParams) -> ZeroPoints<'_> {
    match params.zero_points() {
        [one] => ZeroPoints::One(*one),
        each => ZeroPoints::Each(each),
    }
}

/// The images `[n, spatial..., c]` in an operand's memory.
pub(crate) fn images<'a>(operand: &Operand<'a>, signed: bool, zero_point: i32) -> ConvInput<'a> {
    let (batch, size) = (operand.shape[0], three(&operand.shape[2..]));
    ConvInput { codes: operand.codes(signed), batch, size, zero_point }
}

/// The bytes of a result as codes.
pub(crate) fn codes_mut(bytes: &mut [u8], signed: bool) -> CodesMut<'_> {
    if signed { CodesMut::I8(bytemuck::cast_slice_mut(bytes)) } else { CodesMut::U8(bytes) }
}

/// Clamps every element; NaN stays.
pub(crate) fn clamp(out: &mut [f32], (min, max): (f32, f32)) {
    if (min, max) != (f32::NEG_INFINITY, f32::INFINITY) {
        out.iter_mut().for_each(|value| *value = value.clamp(min, max));
    }
}

/// The first two axes of `[n, c, ...]` and the product of the others.
pub(crate) fn channels(shape: &[usize]) -> (usize, usize, usize) {
    (shape[0], shape[1], shape[2..].iter().product())
}

/// The numbers of a bias, if there is one.
pub(crate) fn bias_of<T: Element>(bias: Option<&Value>) -> Result<Option<Vec<T>>, Error> {
    bias.and_then(Value::constant).map(|bias| Ok(copied(bias.as_slice::<T>()?)?)).transpose()
}

/// The numbers of a bias, zeros if there is none.
pub(crate) fn bias_or_zeros(bias: Option<&Value>, channels: usize) -> Result<Vec<f32>, Error> {
    bias_of(bias)?.map_or_else(|| Ok(filled(0.0, channels)?), Ok)
}

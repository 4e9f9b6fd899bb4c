//! The operators: one file each, or one for a family, with its lowering and its actions; and the list of them.
//!
//! A lowering ([`Lower`], implemented for the attributes that a graph has) chooses an [`Action`] by the types of the
//! operands and the layout that they have or get. To add an operator, write its file, then follow the compiler: an arm
//! of [`lowering`]. What serves several operators has a file of its own: [`bias`], [`dynamic`], [`element`],
//! [`permute`], [`requantize`], [`scratch`], [`strided`], [`table`], [`weight`].
//!
//! Architecture Invariant: no match on an operator, or on a function of elements, ends in `_`.

mod bias;
mod binary;
mod cast;
mod clamp;
mod concat;
mod conv;
mod conv_transpose;
mod cum_sum;
mod dynamic;
mod element;
mod expand;
mod gather;
mod linear;
mod logic;
mod matmul;
mod movement;
mod normalization;
mod pad;
pub(crate) mod permute;
mod pool;
mod quantize;
mod recurrent;
mod reduce;
mod requantize;
mod reshape;
mod resize;
mod scratch;
mod search;
mod slice;
mod softmax;
mod strided;
mod table;
mod unary;
pub(crate) mod weight;

use core::fmt;
use core::ops::Range;

use fourfold_graph::{Node, Op};
use fourfold_kernels::{ConvInput, Kernel, QuantizedSlice, QuantizedSliceMut};
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Element, Shape};

pub(crate) use self::scratch::{Budget, Scratch};
use self::strided::Shaped;
use crate::Error;
use crate::lower::Lowering;
use crate::spatial::three;

/// The largest number of operands that are not constants folded into the step, of all operators but Concat.
pub(crate) const MAX_OPERANDS: usize = 4;

/// How an operator becomes steps.
pub(crate) trait Lower {
    /// Adds the steps of a node with this operator.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for operands of types that no action takes, and what the constants give rise to.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error>;

    /// The operands that the action holds, the weight in an order of its own; layers with the same ones share it.
    fn packed_operands(&self) -> Range<usize> {
        0..0
    }

    /// Whether windows lie over the spatial axes of the first operand.
    fn has_windows(&self) -> bool {
        false
    }
}

/// The lowering of an operator.
pub(crate) fn lowering(op: &Op) -> &dyn Lower {
    match op {
        Op::Conv(op) => op,
        Op::Linear(op) => op,
        Op::MatMul => &matmul::MatMul,
        Op::BatchNorm(op) => op,
        Op::Relu => &clamp::Relu,
        Op::Clip(op) => op,
        Op::MaxPool(op) => op,
        Op::AveragePool(op) => op,
        Op::GlobalAveragePool => &pool::GlobalAveragePool,
        Op::Add(op) => op,
        Op::Flatten(op) => op,
        Op::Reshape(op) => op,
        Op::Transpose(op) => op,
        Op::Softmax(op) => op,
        Op::LayerNorm(op) => op,
        Op::Unary(op) => op,
        Op::Binary(op) => op,
        Op::Reduce(op) => op,
        Op::ConvTranspose(op) => op,
        Op::GroupNorm(op) => op,
        Op::LogSoftmax(op) => op,
        Op::Recurrent(op) => op,
        Op::Concat(op) => op,
        Op::Slice(op) => op,
        Op::Gather(op) => op,
        Op::GatherElements(op) => op,
        Op::Expand(op) => op,
        Op::Pad(op) => op,
        Op::Resize(op) => op,
        Op::Where => &logic::Where,
        Op::Compare(op) => op,
        Op::Logic(op) => op,
        Op::Not => &logic::Not,
        Op::Cast(op) => op,
        Op::ArgExtreme(op) => op,
        Op::TopK(op) => op,
        Op::CumSum(op) => op,
        Op::Identity | Op::QuantStub | Op::DeQuantStub => &movement::Identity,
        Op::Quantize => &quantize::Quantize,
        Op::Dequantize => &quantize::Dequantize,
        Op::FakeQuantize(op) => op,
    }
}

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

    /// The elements with their shape.
    pub(crate) fn shaped<T: Element>(&self) -> Shaped<'a, T> {
        Shaped { elements: self.elements(), shape: self.shape }
    }

    /// `count` elements of one byte from `first` on.
    pub(crate) fn section(&self, first: usize, count: usize) -> Self {
        Self { bytes: &self.bytes[first..][..count], ..*self }
    }

    /// The elements as quantized values.
    pub(crate) fn quantized(&self, signed: bool) -> QuantizedSlice<'a> {
        if signed { QuantizedSlice::I8(self.elements()) } else { QuantizedSlice::U8(self.bytes) }
    }
}

/// How to read a quantized operand with one zero point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding {
    pub(crate) signed: bool,
    pub(crate) zero_point: i32,
}

impl Encoding {
    /// Of parameters for all elements.
    pub(crate) fn of(params: &QuantParams) -> Self {
        Self { signed: params.dtype() == DType::I8, zero_point: params.zero_points()[0] }
    }
}

/// The images `[n, spatial..., c]` in an operand's memory.
pub(crate) fn images<'a>(operand: &Operand<'a>, encoding: Encoding) -> ConvInput<'a> {
    let (batch, size) = (operand.shape[0], three(&operand.shape[2..]));
    ConvInput { values: operand.quantized(encoding.signed), batch, size, zero_point: encoding.zero_point }
}

/// The bytes of a result as quantized values.
pub(crate) fn quantized_mut(bytes: &mut [u8], signed: bool) -> QuantizedSliceMut<'_> {
    if signed { QuantizedSliceMut::I8(bytemuck::cast_slice_mut(bytes)) } else { QuantizedSliceMut::U8(bytes) }
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

/// The number of elements on one axis, and of those that follow each.
pub(crate) fn line(shape: &[usize], axis: usize) -> (usize, usize) {
    (shape[axis], shape[axis + 1..].iter().product())
}

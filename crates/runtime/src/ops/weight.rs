//! Constant operands of layers, as the kernels take them.

use fourfold_graph::Value;
use fourfold_kernels::{QuantizedSlice, Scales, ZeroPoints};
use fourfold_schemes::QuantParams;
use fourfold_tensor::memory::{collected, copied, filled};
use fourfold_tensor::{DType, Element, Tensor};

use crate::Error;

/// A quantized weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuantizedWeight<'w> {
    pub(crate) tensor: &'w Tensor,
    /// One scale and zero point, or one for each output channel.
    pub(crate) params: &'w QuantParams,
}

impl<'w> QuantizedWeight<'w> {
    pub(crate) fn zero_points(&self) -> ZeroPoints<'w> {
        match self.params.zero_points() {
            [one] => ZeroPoints::One(*one),
            each => ZeroPoints::Each(each),
        }
    }

    pub(crate) fn scales(&self) -> Result<Vec<f32>, Error> {
        Ok(collected(self.params.scales().iter().map(|scale| scale.get()))?)
    }
}

/// The elements of an 8-bit tensor.
pub(crate) fn quantized_elements(tensor: &Tensor) -> Result<QuantizedSlice<'_>, Error> {
    Ok(if tensor.dtype() == DType::U8 {
        QuantizedSlice::U8(tensor.as_slice()?)
    } else {
        QuantizedSlice::I8(tensor.as_slice()?)
    })
}

/// One number for all columns, or one for each.
pub(crate) fn scales(numbers: &[f32]) -> Scales<'_> {
    match numbers {
        [one] => Scales::One(*one),
        each => Scales::Each(each),
    }
}

/// The numbers of a bias, if there is one.
pub(crate) fn bias_of<T: Element>(bias: Option<&Value>) -> Result<Option<Vec<T>>, Error> {
    bias.and_then(Value::constant).map(|bias| Ok(copied(bias.as_slice::<T>()?)?)).transpose()
}

/// The numbers of a bias, zeros if there is none.
pub(crate) fn bias_or_zeros(bias: Option<&Value>, channels: usize) -> Result<Vec<f32>, Error> {
    bias_of(bias)?.map_or_else(|| Ok(filled(0.0, channels)?), Ok)
}

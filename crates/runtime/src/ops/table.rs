//! Functions of one quantized value, by a table of all 256.

use fourfold_graph::Unary;
use fourfold_schemes::{QuantParams, dequantize, quantize};
use fourfold_tensor::{DType, Tensor};

use super::unary::FloatUnary;
use super::{Action, Call};
use crate::Error;

/// `out[i] = table[x[i]]`, in any layout.
#[derive(Debug)]
pub(crate) struct Table(Box<[u8; 256]>);

impl Table {
    /// `quantize(f(dequantize(q)))`, equations (2) and (1), of every quantized value `q`.
    pub(crate) fn of_function(function: Unary, x: &QuantParams, y: &QuantParams) -> Result<Self, Error> {
        let mut results = Tensor::zeros(DType::F32, &[256])?;
        FloatUnary::new(function).apply(dequantized(x)?.as_slice()?, results.as_mut_slice()?)?;
        Self::of(&results, y)
    }

    /// The same floats with other parameters; `None` if nothing changes.
    pub(crate) fn requantization(x: &QuantParams, y: &QuantParams) -> Result<Option<Self>, Error> {
        if x.dtype() == y.dtype() && x.granularity() == y.granularity() {
            return Ok(None);
        }
        Self::of(&dequantized(x)?, y).map(Some)
    }

    fn of(floats: &Tensor, y: &QuantParams) -> Result<Self, Error> {
        let mut table = Box::new([0; 256]);
        table.copy_from_slice(quantize(floats, y)?.bytes());
        Ok(Self(table))
    }

    /// The table itself, by the bytes of the quantized values.
    pub(crate) fn bytes(&self) -> &[u8; 256] {
        &self.0
    }
}

impl Action for Table {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        Ok(call.kernel.lookup(&self.0, call.inputs[0].bytes, call.output)?)
    }
}

/// The floats of all quantized values, in the order of their bytes.
fn dequantized(params: &QuantParams) -> Result<Tensor, Error> {
    let bytes = (0..=u8::MAX).collect::<Vec<u8>>();
    let values = match params.dtype() {
        DType::I8 => Tensor::from_vec(&[256], bytes.into_iter().map(u8::cast_signed).collect())?,
        _ => Tensor::from_vec(&[256], bytes)?,
    };
    Ok(dequantize(&values, params)?)
}

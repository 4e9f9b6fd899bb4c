//! Functions of one code, by a table of all 256.

use fourfold_graph::Unary;
use fourfold_schemes::{QuantParams, dequantize, quantize};
use fourfold_tensor::{DType, Tensor};

use super::function::Map;
use super::{Action, Call};
use crate::Error;

/// `out[i] = table[x[i]]`, in any layout.
#[derive(Debug)]
pub(crate) struct Table(Box<[u8; 256]>);

impl Table {
    /// The codes of `f(real)`, equation (2), for the real numbers of all codes, equation (1); `None` if there is no
    /// code for the function.
    pub(crate) fn new(function: Unary, x: &QuantParams, y: &QuantParams) -> Result<Option<Self>, Error> {
        let Some(map) = Map::new(function) else { return Ok(None) };
        let mut reals = Tensor::zeros(DType::F32, &[256])?;
        map.apply(all_reals(x)?.as_slice()?, reals.as_mut_slice()?)?;
        Self::of(&reals, y).map(Some)
    }

    /// The same real numbers in other parameters; `None` if nothing changes.
    pub(crate) fn requantization(x: &QuantParams, y: &QuantParams) -> Result<Option<Self>, Error> {
        if x.dtype() == y.dtype() && x.granularity() == y.granularity() {
            return Ok(None);
        }
        Self::of(&all_reals(x)?, y).map(Some)
    }

    fn of(reals: &Tensor, y: &QuantParams) -> Result<Self, Error> {
        let mut table = Box::new([0; 256]);
        table.copy_from_slice(quantize(reals, y)?.bytes());
        Ok(Self(table))
    }

    /// The table itself, by the bytes of the codes.
    pub(crate) fn bytes(&self) -> &[u8; 256] {
        &self.0
    }
}

/// The real numbers of all codes, in the order of their bytes.
fn all_reals(params: &QuantParams) -> Result<Tensor, Error> {
    let bytes = (0..=u8::MAX).collect::<Vec<u8>>();
    let codes = match params.dtype() {
        DType::I8 => Tensor::from_vec(&[256], bytes.into_iter().map(u8::cast_signed).collect())?,
        _ => Tensor::from_vec(&[256], bytes)?,
    };
    Ok(dequantize(&codes, params)?)
}

impl Action for Table {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        Ok(call.kernel.lookup(&self.0, call.inputs[0].bytes, call.output)?)
    }
}

//! Tensors of codes of any type, packed.

use fourfold_tensor::{DType, Shape, Tensor};

use crate::packed::{pack, unpack};
use crate::step::Quotient;
use crate::{CodeParams, CodeType, Error, QuantParams, dequantize, quantize};

/// Codes with a shape and their meaning, row-major and packed: two 4-bit codes in a byte.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantTensor {
    shape: Shape,
    params: CodeParams,
    bytes: Vec<u8>,
}

impl QuantTensor {
    /// Quantizes an `f32` tensor:
    ///
    /// ```text
    /// integer zero point:  q = clamp(round_half_even(x / scale) + zero_point, quant_min, quant_max)
    /// float zero point:    q = clamp(round_half_even(x / scale + zero_point), quant_min, quant_max)
    /// ```
    ///
    /// `quotient` says how `x / scale` is computed. Clamped as a real number, so nothing wraps around; NaN is quantized
    /// as 0. With division, `i8` and `u8` have the bits of [`quantize`], which does them on the kernels.
    ///
    /// Source: ONNX `QuantizeLinear` (division) and PyTorch's `quantize_per_tensor` and `quantize_per_channel`
    /// (reciprocal), which add a float zero point before rounding.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if `x` is not `f32`, [`Error::Sharing`] if the parameters do not fit its shape.
    pub fn quantize(x: &Tensor, params: &CodeParams, quotient: Quotient) -> Result<Self, Error> {
        params.check_shape(x.shape())?;
        let (shape, params) = (Shape::new(x.shape())?, params.clone());
        if let Some(params_of_bytes) = params_of_bytes(&params).filter(|_| quotient == Quotient::Division) {
            let bytes = quantize(x, &params_of_bytes)?.bytes().to_vec();
            return Ok(Self { shape, params, bytes });
        }
        let elements = x.as_slice::<f32>()?;
        let mut codes = vec![0; elements.len()];
        params.sharing().for_each_run(x.shape(), |run, index| {
            let step = params.step(index, quotient);
            codes[run.clone()].iter_mut().zip(&elements[run]).for_each(|(code, &x)| *code = step.quantize(x));
            Ok(())
        })?;
        let bytes = pack(params.codes().code_type(), &codes)?;
        Ok(Self { shape, params, bytes })
    }

    /// A tensor of the given codes, row-major.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if they do not fill `shape`, [`Error::Code`] if one of them is not one of the parameters'
    /// codes, [`Error::Sharing`] if the parameters do not fit the shape.
    pub fn from_codes(shape: &[usize], codes: &[i32], params: CodeParams) -> Result<Self, Error> {
        params.check_shape(shape)?;
        let shape = Shape::new(shape)?;
        let (expected, actual) = (shape.element_count(), codes.len());
        if expected != actual {
            return Err(fourfold_tensor::Error::Length { shape, expected, actual }.into());
        }
        let range = params.codes();
        if let Some(index) = codes.iter().position(|&code| !range.contains(code)) {
            return Err(Error::Code { index, value: codes[index], codes: range });
        }
        let bytes = pack(range.code_type(), codes)?;
        Ok(Self { shape, params, bytes })
    }

    /// A tensor of packed codes, as [`pack`] orders them.
    ///
    /// # Errors
    ///
    /// Those of [`unpack`] and of [`QuantTensor::from_codes`].
    pub fn from_packed(shape: &[usize], bytes: &[u8], params: CodeParams) -> Result<Self, Error> {
        let count = Shape::new(shape)?.element_count();
        let codes = unpack(params.codes().code_type(), bytes, count)?;
        Self::from_codes(shape, &codes, params)
    }

    /// The axis sizes, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The meaning of the codes.
    #[must_use]
    pub fn params(&self) -> &CodeParams {
        &self.params
    }

    /// The packed codes, as [`pack`] orders them.
    #[must_use]
    pub fn packed(&self) -> &[u8] {
        &self.bytes
    }

    /// The codes one in each element, row-major: in a tensor of [`CodeType::unpacked`].
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if there is no memory for them.
    pub fn unpacked(&self) -> Result<Tensor, Error> {
        let ty = self.params.codes().code_type();
        if matches!(ty, CodeType::I8 | CodeType::U8 | CodeType::I32) {
            return Ok(Tensor::from_le_bytes(ty.unpacked(), &self.shape, &self.bytes)?);
        }
        let codes = self.codes()?;
        if ty.bits() == 4 {
            let bytes: Vec<u8> = codes.iter().map(|code| code.to_le_bytes()[0]).collect();
            return Ok(Tensor::from_le_bytes(ty.unpacked(), &self.shape, &bytes)?);
        }
        Ok(Tensor::from_slice(&self.shape, &codes)?)
    }

    /// The real numbers of the codes, `f32`:
    ///
    /// ```text
    /// integer zero point:  real = scale * (q - zero_point)      float zero point:  real = (q - zero_point) * scale
    /// ```
    ///
    /// The difference of integers is exact, and rounded to `f32` where it has more than 24 bits; the product may
    /// overflow to infinity.
    ///
    /// # Errors
    ///
    /// [`Error::Tensor`] if there is no memory for them.
    pub fn dequantize(&self) -> Result<Tensor, Error> {
        if let Some(params) = params_of_bytes(&self.params) {
            return dequantize(&self.unpacked()?, &params);
        }
        let codes = self.codes()?;
        let mut real = Tensor::zeros(DType::F32, &self.shape)?;
        let out = real.as_mut_slice::<f32>()?;
        self.params.sharing().for_each_run(&self.shape, |run, index| {
            let step = self.params.step(index, Quotient::Division);
            out[run.clone()].iter_mut().zip(&codes[run]).for_each(|(out, &code)| *out = step.dequantize(code));
            Ok(())
        })?;
        Ok(real)
    }

    /// The codes, row-major.
    fn codes(&self) -> Result<Vec<i32>, Error> {
        unpack(self.params.codes().code_type(), &self.bytes, self.shape.element_count())
    }
}

/// The parameters for the kernels, if they can do the codes.
fn params_of_bytes(params: &CodeParams) -> Option<QuantParams> {
    let is_byte = matches!(params.codes().code_type(), CodeType::I8 | CodeType::U8);
    QuantParams::try_from(params).ok().filter(|_| is_byte)
}

#[cfg(test)]
mod tests;

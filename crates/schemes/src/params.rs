//! The parameters that a quantized tensor carries.

use fourfold_tensor::DType;

use crate::{Error, Scale, Sharing};

/// Which elements share one scale and zero point.
#[derive(Clone, Debug, PartialEq)]
pub enum Granularity {
    /// All of them.
    PerTensor {
        /// The scale of every element.
        scale: Scale,
        /// The code of the real number 0.
        zero_point: i32,
    },
    /// Those with the same index on one axis.
    PerChannel {
        /// The channel axis.
        axis: usize,
        /// One scale per channel.
        scales: Vec<Scale>,
        /// One zero point per channel.
        zero_points: Vec<i32>,
    },
}

/// The meaning of a quantized tensor's codes: type, range of codes, scales and zero points.
///
/// ```text
/// real = scale * (q - zero_point)      quant_min <= q <= quant_max      (1)
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct QuantParams {
    dtype: DType,
    quant_min: i32,
    quant_max: i32,
    granularity: Granularity,
}

impl QuantParams {
    /// Parameters of a whole tensor of codes `quant_min..=quant_max`.
    ///
    /// # Errors
    ///
    /// [`Error::NotQuantized`] if `dtype` is not `i8`, `u8` or `i32`, [`Error::Codes`] if the codes are empty or do not
    /// fit it, [`Error::ZeroPoint`] if the zero point is not one of them.
    pub fn per_tensor(
        dtype: DType,
        (quant_min, quant_max): (i32, i32),
        scale: Scale,
        zero_point: i32,
    ) -> Result<Self, Error> {
        Self::new(dtype, (quant_min, quant_max), Granularity::PerTensor { scale, zero_point })
    }

    /// Parameters with a granularity of any kind.
    ///
    /// # Errors
    ///
    /// As [`QuantParams::per_tensor`], and [`Error::Channels`] if there are not as many scales as zero points.
    pub fn new(dtype: DType, (quant_min, quant_max): (i32, i32), granularity: Granularity) -> Result<Self, Error> {
        check_codes(dtype, quant_min, quant_max)?;
        let params = Self { dtype, quant_min, quant_max, granularity };
        if let Granularity::PerChannel { axis, scales, zero_points } = &params.granularity
            && scales.len() != zero_points.len()
        {
            let shape = Vec::new();
            return Err(Error::Channels { axis: *axis, scales: scales.len(), zero_points: zero_points.len(), shape });
        }
        match params.zero_points().iter().find(|&&z| z < quant_min || z > quant_max) {
            Some(&value) => Err(Error::ZeroPoint { value, quant_min, quant_max }),
            None => Ok(params),
        }
    }

    /// The type of the codes.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The smallest code.
    #[must_use]
    pub fn quant_min(&self) -> i32 {
        self.quant_min
    }

    /// The largest code.
    #[must_use]
    pub fn quant_max(&self) -> i32 {
        self.quant_max
    }

    /// Which elements share a scale, and the scales and zero points.
    #[must_use]
    pub fn granularity(&self) -> &Granularity {
        &self.granularity
    }

    /// The scales: one, or one per channel.
    #[must_use]
    pub fn scales(&self) -> &[Scale] {
        match &self.granularity {
            Granularity::PerTensor { scale, .. } => core::slice::from_ref(scale),
            Granularity::PerChannel { scales, .. } => scales,
        }
    }

    /// The zero points: one, or one per channel.
    #[must_use]
    pub fn zero_points(&self) -> &[i32] {
        match &self.granularity {
            Granularity::PerTensor { zero_point, .. } => core::slice::from_ref(zero_point),
            Granularity::PerChannel { zero_points, .. } => zero_points,
        }
    }

    /// The scale and zero point of the whole tensor, `None` if the parameters are per channel.
    #[must_use]
    pub fn as_per_tensor(&self) -> Option<(Scale, i32)> {
        match self.granularity {
            Granularity::PerTensor { scale, zero_point } => Some((scale, zero_point)),
            Granularity::PerChannel { .. } => None,
        }
    }

    /// Which elements share a scale, without the scales.
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        match self.granularity {
            Granularity::PerTensor { .. } => Sharing::PerTensor,
            Granularity::PerChannel { axis, .. } => Sharing::PerChannel { axis },
        }
    }

    /// Checks that the parameters fit a tensor of `shape`.
    ///
    /// # Errors
    ///
    /// [`Error::Channels`] if the axis is not one of the tensor's or does not have as many channels as there are
    /// scales.
    pub fn check_shape(&self, shape: &[usize]) -> Result<(), Error> {
        match &self.granularity {
            Granularity::PerChannel { axis, scales, zero_points } if shape.get(*axis) != Some(&scales.len()) => {
                let shape = shape.to_vec();
                Err(Error::Channels { axis: *axis, scales: scales.len(), zero_points: zero_points.len(), shape })
            }
            _ => Ok(()),
        }
    }
}

/// Checks that the codes are a range of the type.
pub(crate) fn check_codes(dtype: DType, quant_min: i32, quant_max: i32) -> Result<(), Error> {
    let (least, greatest) = match dtype {
        DType::I32 => (i32::MIN, i32::MAX),
        _ => dtype.byte_range().ok_or(Error::NotQuantized { dtype })?,
    };
    if quant_min < least || quant_max > greatest || quant_min >= quant_max {
        return Err(Error::Codes { dtype, quant_min, quant_max });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_zero_points_are_checked() {
        let per_tensor = |dtype, codes, zero_point| QuantParams::per_tensor(dtype, codes, Scale::ONE, zero_point);
        assert!(per_tensor(DType::U8, (0, 255), 255).is_ok());
        assert!(matches!(per_tensor(DType::U8, (0, 127), 128), Err(Error::ZeroPoint { value: 128, .. })));
        assert!(matches!(per_tensor(DType::I8, (-129, 127), 0), Err(Error::Codes { .. })));
        assert!(matches!(per_tensor(DType::I8, (5, 5), 5), Err(Error::Codes { .. })));
        assert!(matches!(per_tensor(DType::F32, (0, 1), 0), Err(Error::NotQuantized { .. })));
    }

    #[test]
    fn channels_must_fit_the_axis() {
        let granularity = |scales, zero_points| Granularity::PerChannel { axis: 1, scales, zero_points };
        let params = QuantParams::new(DType::I8, (-127, 127), granularity(vec![Scale::ONE; 3], vec![0; 3]))
            .expect("three channels");
        assert!(params.check_shape(&[2, 3]).is_ok());
        assert!(params.check_shape(&[3, 2]).is_err());
        assert!(params.check_shape(&[3]).is_err());
        assert!(QuantParams::new(DType::I8, (-127, 127), granularity(vec![Scale::ONE; 3], vec![0; 2])).is_err());
    }
}

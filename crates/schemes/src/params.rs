//! The parameters that a quantized tensor carries.

use fourfold_tensor::DType;

use crate::quantizer::{Quantizer, Quotient};
use crate::{Error, QuantRange, QuantType, Scale};

/// Which elements share one scale and zero point.
#[derive(Clone, Debug, PartialEq)]
pub enum Granularity {
    /// All of them.
    PerTensor {
        /// The scale of every element.
        scale: Scale,
        /// The quantized value of 0.
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

/// What quantized values mean: their type, range, scales and zero points.
///
/// ```text
/// real = scale * (q - zero_point)      quant_min <= q <= quant_max      (1)
/// ```
///
/// The range may be that of any [`QuantType`]; [`QuantParams::dtype`] is the type of the tensors that hold the values.
/// Parameters of `i4 -8..=7` and of `i8 -8..=7` are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantParams {
    range: QuantRange,
    granularity: Granularity,
}

impl Default for QuantParams {
    /// All values of `i8`, which mean themselves: scale 1, zero point 0.
    fn default() -> Self {
        let granularity = Granularity::PerTensor { scale: Scale::ONE, zero_point: 0 };
        Self { range: QuantRange::full(QuantType::I8), granularity }
    }
}

impl QuantParams {
    /// Parameters of a whole tensor of `dtype` with values `quant_min..=quant_max`.
    ///
    /// # Errors
    ///
    /// [`Error::NotQuantized`] if `dtype` is not `i8`, `u8` or `i32`, [`Error::QuantRange`] if the range holds fewer
    /// than two values or does not fit it, [`Error::ZeroPoint`] if the zero point lies outside the range.
    pub fn per_tensor(
        dtype: DType,
        (quant_min, quant_max): (i32, i32),
        scale: Scale,
        zero_point: i32,
    ) -> Result<Self, Error> {
        Self::new(dtype, (quant_min, quant_max), Granularity::PerTensor { scale, zero_point })
    }

    /// Parameters of any granularity of a tensor of `dtype` with values `quant_min..=quant_max`.
    ///
    /// # Errors
    ///
    /// As [`QuantParams::per_tensor`], and [`Error::Channels`] if there are not as many scales as zero points.
    pub fn new(dtype: DType, (quant_min, quant_max): (i32, i32), granularity: Granularity) -> Result<Self, Error> {
        let ty = QuantType::of(dtype).ok_or(Error::NotQuantized { dtype })?;
        Self::of_range(QuantRange::new(ty, quant_min, quant_max)?, granularity)
    }

    /// Parameters of any granularity, for values of any type.
    ///
    /// # Errors
    ///
    /// [`Error::Channels`] if there are not as many scales as zero points, [`Error::ZeroPoint`] if a zero point lies
    /// outside the range.
    pub fn of_range(range: QuantRange, granularity: Granularity) -> Result<Self, Error> {
        let params = Self { range: range.held(), granularity };
        if let Granularity::PerChannel { axis, scales, zero_points } = &params.granularity
            && scales.len() != zero_points.len()
        {
            let shape = Vec::new();
            return Err(Error::Channels { axis: *axis, scales: scales.len(), zero_points: zero_points.len(), shape });
        }
        match params.zero_points().iter().find(|&&zero_point| !range.contains(zero_point)) {
            Some(&value) => Err(Error::ZeroPoint { value, quant_min: range.quant_min(), quant_max: range.quant_max() }),
            None => Ok(params),
        }
    }

    /// The same range with other scales and zero points.
    ///
    /// # Errors
    ///
    /// As [`QuantParams::of_range`].
    pub fn with_granularity(&self, granularity: Granularity) -> Result<Self, Error> {
        Self::of_range(self.range, granularity)
    }

    /// The element type of the tensors that hold the values: `i8`, `u8` or `i32`.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.range.dtype()
    }

    /// The range of the values, in the type of the tensors that hold them.
    #[must_use]
    pub fn range(&self) -> QuantRange {
        self.range
    }

    /// The smallest value.
    #[must_use]
    pub fn quant_min(&self) -> i32 {
        self.range.quant_min()
    }

    /// The largest value.
    #[must_use]
    pub fn quant_max(&self) -> i32 {
        self.range.quant_max()
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
            Granularity::PerTensor { .. } | Granularity::PerChannel { .. } => Ok(()),
        }
    }

    /// Checks the shape, and calls `f` with each contiguous run of elements that share parameters and with the index of
    /// their scale and zero point.
    pub(crate) fn for_each_run(
        &self,
        shape: &[usize],
        mut f: impl FnMut(core::ops::Range<usize>, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.check_shape(shape)?;
        let total = shape.iter().product::<usize>();
        let run = match self.granularity {
            Granularity::PerTensor { .. } => return f(0..total, 0),
            Granularity::PerChannel { axis, .. } => shape[axis + 1..].iter().product::<usize>(),
        };
        let mut starts = (0..total).step_by(run.max(1)).enumerate();
        starts.try_for_each(|(index, start)| f(start..start + run, index % self.scales().len()))
    }

    /// The arithmetic of the elements with the scale and zero point at `index`.
    pub(crate) fn quantizer(&self, index: usize, quotient: Quotient) -> Quantizer {
        let (scale, zero_point) = (self.scales()[index], self.zero_points()[index]);
        Quantizer { scale, zero_point, range: self.range, quotient }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_zero_points_are_checked() {
        let per_tensor = |dtype, range, zero_point| QuantParams::per_tensor(dtype, range, Scale::ONE, zero_point);
        assert!(per_tensor(DType::U8, (0, 255), 255).is_ok());
        assert!(matches!(per_tensor(DType::U8, (0, 127), 128), Err(Error::ZeroPoint { value: 128, .. })));
        assert!(matches!(per_tensor(DType::I8, (-129, 127), 0), Err(Error::QuantRange { .. })));
        assert!(matches!(per_tensor(DType::I8, (5, 5), 5), Err(Error::QuantRange { .. })));
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

    #[test]
    fn values_of_few_bits_are_held_in_wider_elements() {
        let granularity = || Granularity::PerTensor { scale: Scale::ONE, zero_point: 1 };
        for ty in QuantType::ALL {
            let params = QuantParams::of_range(QuantRange::full(ty), granularity()).expect("valid");
            assert_eq!(params, QuantParams::new(ty.dtype(), ty.range(), granularity()).expect("valid"), "{ty}");
            assert_eq!(params.with_granularity(granularity()), Ok(params.clone()));
        }
        let outside = Granularity::PerTensor { scale: Scale::ONE, zero_point: 8 };
        let refused = QuantParams::of_range(QuantRange::full(QuantType::I4), outside);
        assert_eq!(refused, Err(Error::ZeroPoint { value: 8, quant_min: -8, quant_max: 7 }));
    }

    /// The index of the scale of each element.
    fn indices(granularity: Granularity, shape: &[usize]) -> Vec<usize> {
        let params = QuantParams::new(DType::I8, (-127, 127), granularity).expect("valid");
        let mut indices = vec![usize::MAX; shape.iter().product()];
        let mark = |run: core::ops::Range<usize>, index| {
            indices[run].fill(index);
            Ok(())
        };
        params.for_each_run(shape, mark).expect("the shape fits");
        indices
    }

    #[test]
    fn every_element_finds_its_scale() {
        let channels = |axis, count| Granularity::PerChannel {
            axis,
            scales: vec![Scale::ONE; count],
            zero_points: vec![0; count],
        };
        let whole = Granularity::PerTensor { scale: Scale::ONE, zero_point: 0 };
        assert_eq!(indices(whole, &[2, 2]), [0; 4]);
        assert_eq!(indices(channels(0, 2), &[2, 3]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(indices(channels(1, 3), &[2, 3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(indices(channels(1, 2), &[2, 2, 2]), [0, 0, 1, 1, 0, 0, 1, 1]);
        for shape in [&[0, 3][..], &[2, 3, 0]] {
            assert!(indices(channels(1, 3), shape).is_empty(), "{shape:?}");
        }
        assert!(indices(channels(1, 0), &[3, 0]).is_empty());
    }
}

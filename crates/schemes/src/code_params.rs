//! Parameters of codes of any type and granularity.

use crate::step::{Quotient, Step, Zero};
use crate::{CodeRange, CodeType, Error, Granularity, QuantParams, Scale, Sharing};

/// The codes of the real number 0.
#[derive(Clone, Debug, PartialEq)]
pub enum ZeroPoints {
    /// Codes: 0 is represented exactly.
    Integer(Vec<i32>),
    /// Anywhere between codes: 0 may not be represented. PyTorch's `per_channel_affine_float_qparams`, for rows of
    /// embeddings.
    Float(Vec<f32>),
}

impl ZeroPoints {
    /// The number of zero points.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            ZeroPoints::Integer(zero_points) => zero_points.len(),
            ZeroPoints::Float(zero_points) => zero_points.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The meaning of codes of any type: which codes there are, which elements share parameters, and the parameters.
///
/// ```text
/// integer zero point:  real = scale * (q - zero_point)      float zero point:  real = (q - zero_point) * scale
/// ```
///
/// [`QuantParams`] is the part of these that a graph can hold and the kernels run; `From` and `TryFrom` lead from one
/// to the other.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeParams {
    codes: CodeRange,
    sharing: Sharing,
    scales: Vec<Scale>,
    zero_points: ZeroPoints,
}

impl CodeParams {
    /// Parameters in the order that [`Sharing`] describes.
    ///
    /// # Errors
    ///
    /// [`Error::Parameters`] if there are not as many scales as zero points, or not one for the whole tensor;
    /// [`Error::ZeroPoint`] if an integer zero point is not one of the codes, [`Error::FloatZeroPoint`] if another is
    /// not finite.
    pub fn new(codes: CodeRange, sharing: Sharing, scales: Vec<Scale>, zero_points: ZeroPoints) -> Result<Self, Error> {
        if scales.len() != zero_points.len() || (sharing == Sharing::PerTensor && scales.len() != 1) {
            return Err(Error::Parameters { sharing, scales: scales.len(), zero_points: zero_points.len() });
        }
        match &zero_points {
            ZeroPoints::Integer(integers) => {
                if let Some(&value) = integers.iter().find(|&&zero_point| !codes.contains(zero_point)) {
                    let (quant_min, quant_max) = (codes.quant_min(), codes.quant_max());
                    return Err(Error::ZeroPoint { value, quant_min, quant_max });
                }
            }
            ZeroPoints::Float(floats) => {
                if let Some(&value) = floats.iter().find(|zero_point| !zero_point.is_finite()) {
                    return Err(Error::FloatZeroPoint { value });
                }
            }
        }
        Ok(Self { codes, sharing, scales, zero_points })
    }

    /// Parameters of a whole tensor.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroPoint`] if the zero point is not one of the codes.
    pub fn per_tensor(codes: CodeRange, scale: Scale, zero_point: i32) -> Result<Self, Error> {
        Self::new(codes, Sharing::PerTensor, vec![scale], ZeroPoints::Integer(vec![zero_point]))
    }

    /// The codes.
    #[must_use]
    pub fn codes(&self) -> CodeRange {
        self.codes
    }

    /// Which elements share parameters.
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// The scales, in the order that [`Sharing`] describes.
    #[must_use]
    pub fn scales(&self) -> &[Scale] {
        &self.scales
    }

    /// The zero points, in the order of the scales.
    #[must_use]
    pub fn zero_points(&self) -> &ZeroPoints {
        &self.zero_points
    }

    /// Checks that the parameters fit a tensor of `shape`.
    ///
    /// # Errors
    ///
    /// [`Error::Sharing`] if the tensor has no such axis or needs another number of parameters.
    pub fn check_shape(&self, shape: &[usize]) -> Result<(), Error> {
        self.sharing.check(self.scales.len(), shape)
    }

    /// The arithmetic of the elements with the parameters at `index`.
    pub(crate) fn step(&self, index: usize, quotient: Quotient) -> Step {
        let zero = match &self.zero_points {
            ZeroPoints::Integer(zero_points) => Zero::Integer(zero_points[index]),
            ZeroPoints::Float(zero_points) => Zero::Float(zero_points[index]),
        };
        Step { scale: self.scales[index], zero, codes: self.codes, quotient }
    }
}

impl TryFrom<&QuantParams> for CodeParams {
    type Error = Error;

    /// The same parameters.
    ///
    /// # Errors
    ///
    /// None that parameters of a graph have: their codes and zero points were checked in the same way.
    fn try_from(params: &QuantParams) -> Result<Self, Error> {
        let dtype = params.dtype();
        let ty = CodeType::of(dtype).ok_or(Error::NotQuantized { dtype })?;
        let codes = CodeRange::new(ty, params.quant_min(), params.quant_max())?;
        let zero_points = ZeroPoints::Integer(params.zero_points().to_vec());
        Self::new(codes, params.sharing(), params.scales().to_vec(), zero_points)
    }
}

impl TryFrom<&CodeParams> for QuantParams {
    type Error = Error;

    /// The same parameters, for a graph.
    ///
    /// # Errors
    ///
    /// [`Error::NotForGraphs`] if they are of 4 or 16 bits, per group, or have zero points that are not integers.
    fn try_from(params: &CodeParams) -> Result<Self, Error> {
        let (codes, scales) = (params.codes, params.scales.clone());
        let ty = codes.code_type();
        if !matches!(ty, CodeType::I8 | CodeType::U8 | CodeType::I32) {
            return Err(Error::NotForGraphs { reason: "codes of 4 or 16 bits" });
        }
        let ZeroPoints::Integer(zero_points) = params.zero_points.clone() else {
            return Err(Error::NotForGraphs { reason: "zero points in floating point" });
        };
        let granularity = match params.sharing {
            Sharing::PerTensor => Granularity::PerTensor { scale: scales[0], zero_point: zero_points[0] },
            Sharing::PerChannel { axis } => Granularity::PerChannel { axis, scales, zero_points },
            Sharing::PerGroup { .. } => return Err(Error::NotForGraphs { reason: "parameters per group" }),
        };
        QuantParams::new(ty.unpacked(), (codes.quant_min(), codes.quant_max()), granularity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fourfold_tensor::DType;

    const U8: CodeRange = CodeRange::full(CodeType::U8);

    #[test]
    fn parameters_are_checked() {
        let integers = |zero_points: &[i32]| ZeroPoints::Integer(zero_points.to_vec());
        let channels = Sharing::PerChannel { axis: 0 };
        assert!(CodeParams::new(U8, channels, vec![Scale::ONE; 2], integers(&[0, 255])).is_ok());
        assert_eq!(
            CodeParams::new(U8, channels, vec![Scale::ONE; 2], integers(&[0])),
            Err(Error::Parameters { sharing: channels, scales: 2, zero_points: 1 })
        );
        assert!(CodeParams::new(U8, Sharing::PerTensor, vec![Scale::ONE; 2], integers(&[0, 0])).is_err());
        assert!(matches!(CodeParams::per_tensor(U8, Scale::ONE, 256), Err(Error::ZeroPoint { value: 256, .. })));
        let nan = ZeroPoints::Float(vec![f32::NAN]);
        assert!(matches!(CodeParams::new(U8, channels, vec![Scale::ONE], nan), Err(Error::FloatZeroPoint { .. })));
    }

    #[test]
    fn parameters_of_graphs_are_found_again() {
        for dtype in [DType::I8, DType::U8, DType::I32] {
            let granularity = Granularity::PerChannel { axis: 2, scales: vec![Scale::ONE; 2], zero_points: vec![5, 6] };
            for granularity in [granularity, Granularity::PerTensor { scale: Scale::ONE, zero_point: 7 }] {
                let params = QuantParams::new(dtype, (1, 100), granularity).expect("valid");
                let wide = CodeParams::try_from(&params).expect("every graph's parameters");
                assert_eq!(QuantParams::try_from(&wide), Ok(params));
            }
        }
    }

    #[test]
    fn what_no_graph_holds_is_refused() {
        let refused = |codes, sharing, zero_points| {
            let params = CodeParams::new(codes, sharing, vec![Scale::ONE], zero_points).expect("valid");
            assert!(matches!(QuantParams::try_from(&params), Err(Error::NotForGraphs { .. })));
        };
        let zero = || ZeroPoints::Integer(vec![0]);
        refused(CodeRange::full(CodeType::I4), Sharing::PerTensor, zero());
        refused(CodeRange::full(CodeType::U16), Sharing::PerTensor, zero());
        refused(U8, Sharing::PerGroup { axis: 0, size: 8 }, zero());
        refused(U8, Sharing::PerTensor, ZeroPoints::Float(vec![0.5]));
    }
}

//! [`ValueType`], the type of a value.

use core::fmt;

use fourfold_schemes::{Granularity, QuantParams};
use fourfold_tensor::{DType, Tensor};

use crate::Dim;

/// The type of a value: element type, shape and, if it is quantized, quantization parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueType {
    dtype: DType,
    dims: Vec<Dim>,
    params: Option<QuantParams>,
}

impl ValueType {
    /// The type of a value that is not quantized.
    #[must_use]
    pub fn plain(dtype: DType, dims: &[Dim]) -> Self {
        Self { dtype, dims: dims.to_vec(), params: None }
    }

    /// The type of `f32` values.
    #[must_use]
    pub fn f32(dims: &[Dim]) -> Self {
        Self::plain(DType::F32, dims)
    }

    /// The type of a quantized value, whose element type is that of the parameters.
    #[must_use]
    pub fn quantized(dims: &[Dim], params: QuantParams) -> Self {
        Self { dtype: params.dtype(), dims: dims.to_vec(), params: Some(params) }
    }

    /// The type of a tensor that is not quantized.
    #[must_use]
    pub fn of(tensor: &Tensor) -> Self {
        let dims: Vec<Dim> = tensor.shape().iter().map(|&size| Dim::Fixed(size)).collect();
        Self::plain(tensor.dtype(), &dims)
    }

    /// The same element type and parameters, with another shape.
    #[must_use]
    pub fn with_dims(&self, dims: Vec<Dim>) -> Self {
        Self { dims, ..self.clone() }
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The axes, outermost first.
    #[must_use]
    pub fn dims(&self) -> &[Dim] {
        &self.dims
    }

    /// The number of axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// The quantization parameters, `None` if the value is not quantized.
    #[must_use]
    pub fn params(&self) -> Option<&QuantParams> {
        self.params.as_ref()
    }

    /// Whether the elements are `f32`.
    #[must_use]
    pub fn is_f32(&self) -> bool {
        self.dtype == DType::F32
    }

    /// Whether the value is quantized to 8 bits. Biases, quantized to `i32`, do not count.
    #[must_use]
    pub fn is_quantized(&self) -> bool {
        self.params.is_some() && self.dtype.byte_range().is_some()
    }

    /// The sizes of all axes, `None` if one is symbolic.
    #[must_use]
    pub fn fixed_shape(&self) -> Option<Vec<usize>> {
        self.dims.iter().map(Dim::fixed).collect()
    }
}

impl fmt::Display for ValueType {
    /// `u8[batch, 16, 8, 8] scale 0.0123 zero point 3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.dtype, self.dims)?;
        match self.params.as_ref().map(QuantParams::granularity) {
            None => Ok(()),
            Some(Granularity::PerTensor { scale, zero_point }) => write!(f, " scale {scale} zero point {zero_point}"),
            Some(Granularity::PerChannel { axis, scales, .. }) => write!(f, " {} scales on axis {axis}", scales.len()),
        }
    }
}

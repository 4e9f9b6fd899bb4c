//! What the operations read: quantized values and their parameters.

/// 8-bit quantized values.
#[derive(Clone, Copy, Debug)]
pub enum QuantizedSlice<'a> {
    /// Signed.
    I8(&'a [i8]),
    /// Unsigned.
    U8(&'a [u8]),
}

impl QuantizedSlice<'_> {
    /// The number of quantized values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            QuantizedSlice::I8(values) => values.len(),
            QuantizedSlice::U8(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The quantized value at `index`.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn at(&self, index: usize) -> i32 {
        match self {
            QuantizedSlice::I8(values) => i32::from(values[index]),
            QuantizedSlice::U8(values) => i32::from(values[index]),
        }
    }

    /// The smallest and the largest value of the type.
    #[must_use]
    pub fn range(&self) -> (i32, i32) {
        match self {
            QuantizedSlice::I8(_) => (-128, 127),
            QuantizedSlice::U8(_) => (0, 255),
        }
    }

    pub(crate) fn is_signed(&self) -> bool {
        matches!(self, QuantizedSlice::I8(_))
    }
}

impl<'a> QuantizedSlice<'a> {
    /// The quantized values as bytes.
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        match self {
            // SAFETY: the slice, whose length and lifetime stay, is readable; `i8` and `u8` have one layout, and every
            // byte is valid for both.
            QuantizedSlice::I8(values) => unsafe { core::slice::from_raw_parts(values.as_ptr().cast(), values.len()) },
            QuantizedSlice::U8(values) => values,
        }
    }
}

/// 8-bit quantized values that a kernel writes.
#[derive(Debug)]
pub enum QuantizedSliceMut<'a> {
    /// Signed.
    I8(&'a mut [i8]),
    /// Unsigned.
    U8(&'a mut [u8]),
}

impl<'a> QuantizedSliceMut<'a> {
    /// The smallest and the largest value of the type.
    #[must_use]
    pub fn range(&self) -> (i32, i32) {
        match self {
            QuantizedSliceMut::I8(_) => (-128, 127),
            QuantizedSliceMut::U8(_) => (0, 255),
        }
    }

    /// The quantized values as bytes.
    pub(crate) fn into_bytes(self) -> &'a mut [u8] {
        match self {
            // SAFETY: the slice, whose length and lifetime stay, is borrowed for this one alone; `i8` and `u8` have one
            // layout, and every byte is valid for both.
            QuantizedSliceMut::I8(values) => unsafe {
                core::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len())
            },
            QuantizedSliceMut::U8(values) => values,
        }
    }
}

/// One zero point for all, or one for each row or column.
#[derive(Clone, Copy, Debug)]
pub enum ZeroPoints<'a> {
    /// The same for all.
    One(i32),
    /// One for each.
    Each(&'a [i32]),
}

impl ZeroPoints<'_> {
    /// The zero point of row or column `index`.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn at(&self, index: usize) -> i32 {
        match self {
            ZeroPoints::One(zero_point) => *zero_point,
            ZeroPoints::Each(zero_points) => zero_points[index],
        }
    }

    /// Checks that there are `count`, all values of the type.
    pub(crate) fn check(&self, what: &'static str, count: usize, range: (i32, i32)) -> Result<(), crate::Error> {
        match self {
            ZeroPoints::One(one) => crate::error::check_zero_point(what, *one, range),
            ZeroPoints::Each(each) => {
                crate::error::check_length(what, each.len(), count)?;
                each.iter().try_for_each(|&one| crate::error::check_zero_point(what, one, range))
            }
        }
    }
}

/// One scale for all, or one for each row or column.
#[derive(Clone, Copy, Debug)]
pub enum Scales<'a> {
    /// The same for all.
    One(f32),
    /// One for each.
    Each(&'a [f32]),
}

impl Scales<'_> {
    /// The scale of row or column `index`.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn at(&self, index: usize) -> f32 {
        match self {
            Scales::One(scale) => *scale,
            Scales::Each(scales) => scales[index],
        }
    }

    pub(crate) fn check(&self, what: &'static str, count: usize) -> Result<(), crate::Error> {
        match self {
            Scales::One(_) => Ok(()),
            Scales::Each(scales) => crate::error::check_length(what, scales.len(), count),
        }
    }
}

/// What quantized values mean: `real = scale * (q - zero_point)`, equation (1), and the bounds of `q`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// The real size of one step.
    pub scale: f32,
    /// The quantized value of 0.
    pub zero_point: i32,
    /// The smallest quantized value.
    pub q_min: i32,
    /// The largest quantized value.
    pub q_max: i32,
}

/// The left side of a product: `[m, k]` quantized values, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Lhs<'a> {
    /// The quantized values.
    pub values: QuantizedSlice<'a>,
    /// The number of rows.
    pub m: usize,
    /// Elements from one row to the next; at least `k`.
    pub row_stride: usize,
    /// One zero point, or one for each row.
    pub zero_points: ZeroPoints<'a>,
}

/// The right side of a product before packing: column `j`, depth `p` at `values[j * n_stride + p * k_stride]`.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// The quantized values.
    pub values: QuantizedSlice<'a>,
    /// The number of columns of the product.
    pub n: usize,
    /// The depth.
    pub k: usize,
    /// Elements from one column to the next.
    pub n_stride: usize,
    /// Elements from one depth to the next.
    pub k_stride: usize,
    /// One zero point, or one for each column.
    pub zero_points: ZeroPoints<'a>,
}

impl<'a> Weights<'a> {
    /// Weights `[n, k]`, row-major, as a linear layer has them.
    #[must_use]
    pub fn row_major(values: QuantizedSlice<'a>, n: usize, k: usize, zero_points: ZeroPoints<'a>) -> Self {
        Self { values, n, k, n_stride: k, k_stride: 1, zero_points }
    }

    /// A matrix `[k, n]`, row-major.
    #[must_use]
    pub fn column_major(values: QuantizedSlice<'a>, n: usize, k: usize, zero_points: ZeroPoints<'a>) -> Self {
        Self { values, n, k, n_stride: 1, k_stride: n, zero_points }
    }
}

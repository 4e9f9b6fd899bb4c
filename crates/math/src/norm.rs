//! Normalization of rows.

use crate::error::check_length;
use crate::float::known;
use crate::reduce::{count, mean, reduce};
use crate::rows::each_row;
use crate::{Error, sqrt};

/// What a layer normalization applies after it; `gamma.len()` is the width of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm<'a> {
    /// The factor of each column.
    pub gamma: &'a [f32],
    /// What is added to each column; nothing if absent.
    pub beta: Option<&'a [f32]>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl LayerNorm<'_> {
    /// Normalizes each row of `x: [rows, width]`.
    ///
    /// ```text
    /// mean = sum(x) / n     var = sum((x - mean)^2) / n          sums in 16 strided lanes, then a tree
    /// out[i] = (x[i] - mean) / sqrt(var + epsilon) * gamma[i] + beta[i]          each operation rounded
    /// ```
    ///
    /// A row with NaN or an infinity, or whose sum overflows, gives NaN everywhere. Where the variance alone overflows
    /// (differences above `2^63`) the quotients are 0.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `beta` is not as long as `gamma` or `out` not as long as `x`, [`Error::Rows`] if the last
    /// row is not whole.
    pub fn apply(&self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        let width = self.gamma.len();
        check_length("beta", self.beta.map_or(width, <[f32]>::len), width)?;
        each_row(
            x,
            width,
            out,
            #[inline(always)]
            |x, out| {
                let mean = mean(x);
                let deviation = deviation(x, mean, self.epsilon);
                let normal = |x: f32, gamma: f32| (x - mean) / deviation * gamma;
                let columns = out.iter_mut().zip(x).zip(self.gamma);
                match self.beta {
                    Some(beta) => columns.zip(beta).for_each(|(((out, &x), &gamma), &beta)| {
                        let y = normal(x, gamma) + beta;
                        *out = known(y, y);
                    }),
                    None => columns.for_each(|((out, &x), &gamma)| {
                        let y = normal(x, gamma);
                        *out = known(y, y);
                    }),
                }
            },
        )
    }
}

/// What a root mean square normalization applies after it; `gamma.len()` is the width of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsNorm<'a> {
    /// The factor of each column.
    pub gamma: &'a [f32],
    /// Added to the mean of the squares.
    pub epsilon: f32,
}

impl RmsNorm<'_> {
    /// Normalizes each row of `x: [rows, width]`.
    ///
    /// ```text
    /// out[i] = x[i] / sqrt(sum(x^2) / n + epsilon) * gamma[i]
    /// ```
    ///
    /// The sum is taken in 16 strided lanes, then in a tree; each operation is rounded.
    ///
    /// A row with NaN gives NaN everywhere. Where the sum of the squares overflows, finite numbers give 0 and
    /// infinities NaN.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if `out` is not as long as `x`, [`Error::Rows`] if the last row is not whole.
    pub fn apply(&self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        let width = self.gamma.len();
        each_row(
            x,
            width,
            out,
            #[inline(always)]
            |x, out| {
                let deviation = deviation(x, 0.0, self.epsilon);
                for ((out, x), gamma) in out.iter_mut().zip(x).zip(self.gamma) {
                    let y = x / deviation * gamma;
                    *out = known(y, y);
                }
            },
        )
    }
}

/// `sqrt(sum((x - center)^2) / n + epsilon)`.
#[inline(always)]
fn deviation(x: &[f32], center: f32, epsilon: f32) -> f32 {
    let square = |x: f32| (x - center) * (x - center);
    sqrt(reduce(x, 0.0, square, |a, b| a + b) / count(x) + epsilon)
}

//! What an epilogue needs for each column, padded to whole slabs.

use alloc::vec::Vec;

use crate::backend::epilogue::{Epilogue, RawOutput, RawResidual};
use crate::backend::isa::LANES;
use crate::backend::quantizer::Clamp;
use crate::memory::{fill, reserve};
use crate::{Error, F32Output, I32Output, Output, PackedWeights, Requantized, Scales};

/// What the memory here is for.
const WHAT: &str = "the parameters of the columns";

/// Buffers for the arrays over columns.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    sums: Vec<i32>,
    scales: Vec<f32>,
    bias: Vec<f32>,
}

/// The zero points of the rows, as activations are stored.
#[derive(Debug)]
pub(crate) struct RowTerms<'a> {
    /// The zero point of all rows; 0 if each has its own.
    pub(crate) zero_point: i32,
    /// Less the zero point of each row, empty if all have one.
    pub(crate) factors: &'a [i32],
    /// For each row `k` times its zero point less the sum of its activations, empty if no weight has a zero point.
    pub(crate) sums: &'a [i32],
}

impl Columns {
    /// The epilogue for `output` from column `first` of it on, as many columns as the weights have.
    ///
    /// It is valid for these columns and the rows that `output` was found to have, as long as the operands and these
    /// buffers live and are not touched.
    pub(crate) fn epilogue(
        &mut self,
        terms: &RowTerms<'_>,
        weights: &PackedWeights,
        output: Output<'_>,
        first: usize,
    ) -> Result<Epilogue, Error> {
        let or_null = |slice: &[i32]| if slice.is_empty() { core::ptr::null() } else { slice.as_ptr() };
        let columns = first..first + weights.n();
        let output = match output {
            Output::I32(I32Output { out, row_stride, bias }) => {
                self.set_sums(bias.map(|bias| &bias[columns]), weights, terms.zero_point)?;
                RawOutput::I32 { out: out[first..].as_mut_ptr(), row_stride }
            }
            Output::F32(F32Output { out, row_stride, row_scales, column_scales, bias, min, max }) => {
                self.set_sums(None, weights, terms.zero_point)?;
                self.set_scales(column_scales, first, weights.n())?;
                fill(WHAT, &mut self.bias, weights.slabs() * LANES, 0.0)?;
                if let Some(bias) = bias {
                    self.bias[..weights.n()].copy_from_slice(&bias[columns]);
                }
                // A single row scale is kept behind the column scales.
                let (row_scales, row_scale_step) = match row_scales {
                    Scales::Each(scales) => (scales.as_ptr(), 1),
                    Scales::One(scale) => {
                        self.scales.push(scale);
                        (self.scales[self.scales.len() - 1..].as_ptr(), 0)
                    }
                };
                let (column_scales, bias, out) = (self.scales.as_ptr(), self.bias.as_ptr(), out[first..].as_mut_ptr());
                RawOutput::F32 { out, row_stride, row_scales, row_scale_step, column_scales, bias, min, max }
            }
            Output::U8(output) => self.requantized(output, weights, (terms.zero_point, first))?,
            Output::I8(output) => self.requantized(output, weights, (terms.zero_point, first))?,
        };
        Ok(Epilogue {
            columns: self.sums.as_ptr(),
            row_factors: or_null(terms.factors),
            column_sums: weights.column_sums().as_ptr(),
            row_sums: or_null(terms.sums),
            column_zero_points: weights.zero_points().as_ptr(),
            output,
        })
    }

    fn requantized<T>(
        &mut self,
        output: Requantized<'_, T>,
        weights: &PackedWeights,
        (zero_point, first): (i32, usize),
    ) -> Result<RawOutput, Error> {
        self.set_sums(output.bias.map(|bias| &bias[first..first + weights.n()]), weights, zero_point)?;
        self.set_scales(output.multipliers, first, weights.n())?;
        let residual = output.residual.map(|residual| RawResidual {
            values: residual.values.as_bytes()[first..].as_ptr(),
            is_signed: residual.values.is_signed(),
            row_stride: residual.row_stride,
            zero_point: residual.zero_point,
            multiplier: residual.multiplier,
        });
        Ok(RawOutput::Bytes {
            out: output.out[first..].as_mut_ptr().cast(),
            row_stride: output.row_stride,
            multipliers: self.scales.as_ptr(),
            clamp: Clamp { zero_point: output.zero_point, q_min: output.q_min, q_max: output.q_max },
            residual,
        })
    }

    /// `bias[j] - zero_point * C[j]`.
    fn set_sums(&mut self, bias: Option<&[i32]>, weights: &PackedWeights, zero_point: i32) -> Result<(), Error> {
        fill(WHAT, &mut self.sums, weights.slabs() * LANES, 0)?;
        for (sum, of_column) in self.sums.iter_mut().zip(weights.column_sums()) {
            *sum = zero_point.wrapping_mul(*of_column).wrapping_neg();
        }
        for (sum, bias) in self.sums.iter_mut().zip(bias.unwrap_or_default()) {
            *sum = sum.wrapping_add(*bias);
        }
        Ok(())
    }

    fn set_scales(&mut self, scales: Scales<'_>, first: usize, n: usize) -> Result<(), Error> {
        let padded = n.next_multiple_of(LANES);
        // One more, for what is kept behind them.
        self.scales.clear();
        reserve(WHAT, &mut self.scales, padded + 1)?;
        match scales {
            Scales::One(scale) => self.scales.resize(padded, scale),
            Scales::Each(scales) => {
                self.scales.extend_from_slice(&scales[first..first + n]);
                self.scales.resize(padded, 0.0);
            }
        }
        Ok(())
    }
}

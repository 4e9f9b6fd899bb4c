//! Elements in another order.

use fourfold_tensor::{DType, MAX_RANK, permute_bytes};

use super::{Action, Call};
use crate::Error;
use crate::plan::Layout;

/// A permutation of the axes of memory.
#[derive(Debug)]
pub(crate) struct Permute {
    /// Axis `i` of the result's memory is axis `axes[i]` of the operand's.
    axes: Vec<usize>,
    /// The layout of the operand.
    from: Layout,
    dtype: DType,
}

impl Permute {
    /// A transpose of a row-major value.
    pub(crate) fn transpose(axes: &[usize], dtype: DType) -> Self {
        Self { axes: axes.to_vec(), from: Layout::RowMajor, dtype }
    }

    /// A change of the layout of a value with `rank` axes.
    pub(crate) fn relayout(from: Layout, rank: usize, dtype: DType) -> Self {
        let axes = match from {
            Layout::RowMajor => channels_last_axes(rank),
            Layout::ChannelsLast => [0, rank - 1].into_iter().chain(1..rank - 1).collect(),
        };
        Self { axes, from, dtype }
    }
}

impl Action for Permute {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let x = call.inputs[0];
        let (mut sizes, rank) = ([0; MAX_RANK], x.shape.len());
        sizes[..rank].copy_from_slice(&x.shape);
        if self.from == Layout::ChannelsLast {
            sizes[1..rank].rotate_left(1);
        }
        Ok(permute_bytes(self.dtype, x.bytes, &sizes[..rank], &self.axes, call.output)?)
    }
}

fn channels_last_axes(rank: usize) -> Vec<usize> {
    [0].into_iter().chain(2..rank).chain([1]).collect()
}

//! Which elements of a tensor share parameters.

use core::fmt;
use core::ops::Range;

use crate::Error;

/// Which elements of a tensor share one scale and zero point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// All of them.
    PerTensor,
    /// Those with the same index on one axis.
    PerChannel {
        /// The axis.
        axis: usize,
    },
    /// `size` neighbours on one axis; the last group of an axis may be smaller.
    ///
    /// The parameters are in the order of a row-major tensor of the same shape whose axis `axis` has `ceil(n / size)`
    /// elements instead of `n`: what ONNX calls blocked quantization, `block_size = size`.
    PerGroup {
        /// The axis on which groups lie.
        axis: usize,
        /// The number of elements in a group; 0 fits no tensor.
        size: usize,
    },
}

impl Sharing {
    /// The number of parameters for a tensor of `shape`: of scales, and of zero points. `None` if it has no such axis,
    /// the groups have no elements, or the number does not fit.
    #[must_use]
    pub fn count(self, shape: &[usize]) -> Option<usize> {
        match self {
            Sharing::PerTensor => Some(1),
            Sharing::PerChannel { axis } => shape.get(axis).copied(),
            Sharing::PerGroup { axis, size } => {
                let groups = shape.get(axis).filter(|_| size > 0)?.div_ceil(size);
                let others = shape[..axis].iter().chain(&shape[axis + 1..]);
                others.copied().try_fold(groups, usize::checked_mul)
            }
        }
    }

    /// Checks that `count` parameters fit a tensor of `shape`.
    ///
    /// # Errors
    ///
    /// [`Error::Sharing`] if they do not.
    pub fn check(self, count: usize, shape: &[usize]) -> Result<(), Error> {
        if self.count(shape) == Some(count) {
            return Ok(());
        }
        Err(Error::Sharing { sharing: self, count, shape: shape.to_vec() })
    }

    /// Calls `f` with each contiguous run of elements that share parameters, and with the index of their parameters.
    /// The shape must have passed [`Sharing::check`].
    pub(crate) fn for_each_run(
        self,
        shape: &[usize],
        mut f: impl FnMut(Range<usize>, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let total = shape.iter().product::<usize>();
        let (axis, size) = match self {
            Sharing::PerTensor => return f(0..total, 0),
            Sharing::PerChannel { axis } => {
                let (channels, run) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
                for (index, start) in (0..total).step_by(run.max(1)).enumerate() {
                    f(start..start + run, index % channels)?;
                }
                return Ok(());
            }
            Sharing::PerGroup { axis, size } => (axis, size),
        };
        if total == 0 {
            return Ok(());
        }
        let (length, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        let groups = length.div_ceil(size);
        let run = if inner == 1 { size } else { 1 };
        for row in 0..total / (length * inner) {
            for at in (0..length).step_by(run) {
                let start = (row * length + at) * inner;
                let first = (row * groups + at / size) * inner;
                if inner == 1 {
                    f(start..start + run.min(length - at), first)?;
                } else {
                    (0..inner).try_for_each(|column| f(start + column..start + column + 1, first + column))?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Sharing {
    /// `per tensor`, `per channel of axis 1` or `per group of 32 on axis 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sharing::PerTensor => f.write_str("per tensor"),
            Sharing::PerChannel { axis } => write!(f, "per channel of axis {axis}"),
            Sharing::PerGroup { axis, size } => write!(f, "per group of {size} on axis {axis}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The index of the parameters of each element.
    fn indices(sharing: Sharing, shape: &[usize]) -> Vec<usize> {
        let mut indices = vec![usize::MAX; shape.iter().product()];
        let mark = |run: Range<usize>, index| {
            indices[run].fill(index);
            Ok(())
        };
        sharing.for_each_run(shape, mark).expect("marking does not fail");
        indices
    }

    #[test]
    fn parameters_are_found_by_their_position() {
        assert_eq!(indices(Sharing::PerTensor, &[2, 2]), [0; 4]);
        assert_eq!(indices(Sharing::PerChannel { axis: 0 }, &[2, 3]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(indices(Sharing::PerChannel { axis: 1 }, &[2, 3]), [0, 1, 2, 0, 1, 2]);
        let group = |axis, size| Sharing::PerGroup { axis, size };
        assert_eq!(indices(group(1, 2), &[2, 3]), [0, 0, 1, 2, 2, 3]);
        assert_eq!(indices(group(0, 2), &[3, 2]), [0, 1, 0, 1, 2, 3]);
        assert_eq!(indices(group(1, 2), &[2, 3, 2]), [0, 1, 0, 1, 2, 3, 4, 5, 4, 5, 6, 7]);
        assert_eq!(indices(group(0, 9), &[3]), [0; 3]);
    }

    #[test]
    fn every_element_has_parameters_and_every_parameter_an_element() {
        for shape in [&[1][..], &[7], &[2, 5], &[3, 1, 4], &[2, 3, 4, 2]] {
            for axis in 0..shape.len() {
                let groups = (1..=6).map(|size| Sharing::PerGroup { axis, size });
                for sharing in groups.chain([Sharing::PerTensor, Sharing::PerChannel { axis }]) {
                    let mut indices = indices(sharing, shape);
                    indices.sort_unstable();
                    indices.dedup();
                    let count = sharing.count(shape).expect("the axis is there");
                    assert_eq!(indices, (0..count).collect::<Vec<_>>(), "{sharing} of {shape:?}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let group = |axis, size| Sharing::PerGroup { axis, size };
        assert_eq!(group(0, 0).count(&[4]), None);
        assert_eq!(group(1, 2).count(&[4]), None);
        assert_eq!(group(0, 2).check(3, &[4]), Err(Error::Sharing { sharing: group(0, 2), count: 3, shape: vec![4] }));
        assert_eq!(Sharing::PerChannel { axis: 1 }.count(&[4]), None);
    }

    #[test]
    fn empty_tensors_have_no_runs() {
        for sharing in [Sharing::PerChannel { axis: 1 }, Sharing::PerGroup { axis: 1, size: 2 }] {
            for shape in [&[0, 3][..], &[3, 0], &[2, 2, 0]] {
                assert!(indices(sharing, shape).is_empty(), "{sharing} of {shape:?}");
            }
        }
    }
}

//! Range: numbers at equal distances.

use fourfold_graph::{Cast, CastTo, CumSum, Dim, Expand, Op, Polynomial};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::emission::node::Entry;
use crate::import::emission::sizes::Sizes;

impl Entry<'_, '_> {
    /// Numbers from a start at equal distances: a constant, or sums of ones where the limit is not known.
    pub(crate) fn range(&mut self) -> Result<bool, Error> {
        // How floats are summed up, which integers are not.
        self.attributes(&["stash_type"])?;
        let [Some(start), Some(limit), Some(step)] = [0, 1, 2].map(|index| self.sizes(index)) else { return Ok(false) };
        let dtype = start.dtype;
        let one = |sizes: &Sizes| sizes.elements.first().cloned().unwrap_or_else(|| Polynomial::constant(0));
        let (start, limit, step) = (one(&start), one(&limit), one(&step));
        if let (Some(start), Some(limit), Some(step)) = (start.as_constant(), limit.as_constant(), step.as_constant()) {
            let numbers = self.numbers(dtype, [start, limit, step])?;
            return self.bind_constant(numbers).map(|()| true);
        }
        if step.as_constant() != Some(1) || start.as_constant() != Some(0) {
            return Err(self.unsupported(format!("numbers from {start} to {limit} in steps of {step}")));
        }
        let length = Dim::computed(limit).ok_or_else(|| self.invalid("has a negative limit"))?;
        let ones = Tensor::from_slice(&[1], &[1_i64]).map_err(fourfold_graph::Error::from)?;
        let name = self.importer.fresh_name(&format!("{}.one", self.name));
        let ones = self.importer.emission.constant(&name, ones)?;
        let ones = self.emit_before("ones", Op::Expand(Expand { dims: vec![length] }), &[ones])?;
        let count = Op::CumSum(CumSum { axis: 0, exclusive: true, reverse: false });
        if dtype == DType::I64 {
            return self.emit(count, &[ones]).map(|()| true);
        }
        let numbers = self.emit_before("numbers", count, &[ones])?;
        self.emit(Op::Cast(Cast { to: CastTo::of(dtype) }), &[numbers]).map(|()| true)
    }

    fn numbers(&self, dtype: DType, [start, limit, step]: [i64; 3]) -> Result<Tensor, Error> {
        let distance = i128::from(limit) - i128::from(start);
        let count = match i128::from(step) {
            0 => return Err(self.invalid("has a step of 0")),
            step => (distance + step - step.signum()).div_euclid(step).max(0),
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.importer.constants.check(count)?;
        let mut numbers = Tensor::zeros(dtype, &[count])?;
        // Only past the last number can this wrap.
        let all = core::iter::successors(Some(start), |number| Some(number.wrapping_add(step)));
        if dtype == DType::I32 {
            #[expect(clippy::cast_possible_truncation, reason = "integers of 32 bits wrap")]
            numbers.as_mut_slice::<i32>()?.iter_mut().zip(all).for_each(|(element, number)| *element = number as i32);
        } else {
            numbers.as_mut_slice::<i64>()?.iter_mut().zip(all).for_each(|(element, number)| *element = number);
        }
        Ok(numbers)
    }
}

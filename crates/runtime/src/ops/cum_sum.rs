//! Sums of all elements up to each, along one axis, row-major.

use fourfold_graph::Node;
use fourfold_tensor::{DType, Element};

use super::element::{Integer, by_integer};
use super::{Action, Call, Lower, line};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;

impl Lower for fourfold_graph::CumSum {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let dtype = lowering.dtype(node);
        lowering.add(node, Layout::RowMajor, 1, CumSum { attributes: *self, dtype });
        Ok(())
    }
}

/// Sums of all elements up to each, added one after another.
#[derive(Debug)]
struct CumSum {
    attributes: fourfold_graph::CumSum,
    dtype: DType,
}

impl CumSum {
    fn integers<T: Integer>(&self, call: Call<'_>) {
        self.sum(call, |a: T, b: T| T::narrow(a.into().wrapping_add(b.into())));
    }

    fn sum<T: Element>(&self, call: Call<'_>, add: impl Fn(T, T) -> T) {
        let fourfold_graph::CumSum { axis, exclusive, reverse } = self.attributes;
        let x = call.inputs[0];
        let (length, inner) = line(&x.shape, axis);
        let out = bytemuck::cast_slice_mut::<u8, T>(call.output);
        let blocks = x.elements::<T>().chunks_exact((length * inner).max(1));
        for (out, block) in out.chunks_exact_mut((length * inner).max(1)).zip(blocks) {
            for column in 0..inner {
                let mut sum = T::zeroed();
                for index in 0..length {
                    let position = if reverse { length - 1 - index } else { index } * inner + column;
                    let with = add(sum, block[position]);
                    out[position] = if exclusive { sum } else { with };
                    sum = with;
                }
            }
        }
    }
}

impl Action for CumSum {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        match self.dtype {
            DType::F32 => self.sum::<f32>(call, |a, b| a + b),
            _ => by_integer!(self.dtype, self.integers(call)),
        }
        Ok(())
    }
}

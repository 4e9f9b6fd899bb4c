//! Clip, whose bounds were attributes before they were inputs, and Dropout.

use fourfold_graph::{Binary, Clip, Dim, Op, Reshape, ValueId};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::constants::tensor::integers;
use crate::import::emission::node::Entry;
use crate::import::patterns::moved::Moved;

impl Entry<'_, '_> {
    pub(crate) fn clip(&mut self) -> Result<(), Error> {
        let x = self.clamped(0)?;
        if let Moved::Raw(id) = x {
            let (min, max) = self.quantized_bounds(id)?;
            return self.emit(Op::Clip(Clip { min, max }), &[id]);
        }
        if let Moved::Float(id) = x
            && self.dtype(id).is_integer()
        {
            return self.clip_integers(id);
        }
        let (min, max) = self.clip_bounds()?;
        self.emit_moved(Op::Clip(Clip { min, max }), x)
    }

    /// Negative numbers become 0.
    pub(crate) fn relu(&mut self) -> Result<(), Error> {
        self.attributes(&[])?;
        let x = self.clamped(0)?;
        match x {
            Moved::Float(id) if self.dtype(id).is_integer() => {
                let zero = Tensor::zeros(self.dtype(id), &[]).map_err(fourfold_graph::Error::from)?;
                let zero = self.filler(zero)?;
                self.emit(Op::Binary(Binary::Max), &[id, zero])
            }
            _ => self.emit_moved(Op::Relu, x),
        }
    }

    /// The larger of each integer and the lower bound, then the smaller of that and the upper.
    fn clip_integers(&mut self, x: ValueId) -> Result<(), Error> {
        self.attributes(&[])?;
        match (self.input(1).is_some(), self.input(2).is_some()) {
            (false, false) => self.emit(Op::Identity, &[x]),
            (true, false) => {
                let min = self.integer_bound(1)?;
                self.emit(Op::Binary(Binary::Max), &[x, min])
            }
            (has_min, true) => {
                let raised = if has_min {
                    let min = self.integer_bound(1)?;
                    self.emit_before("raised", Op::Binary(Binary::Max), &[x, min])?
                } else {
                    x
                };
                let max = self.integer_bound(2)?;
                self.emit(Op::Binary(Binary::Min), &[raised, max])
            }
        }
    }

    /// A bound, which has no axes.
    fn integer_bound(&mut self, index: usize) -> Result<ValueId, Error> {
        let bound = self.operand(index)?;
        match self.dims(bound).as_slice() {
            [] => Ok(bound),
            [Dim::Fixed(1)] => self.emit_before("bound", Op::Reshape(Reshape { dims: Vec::new() }), &[bound]),
            dims => Err(self.invalid(format!("input {index} has shape {dims:?}, expected one number"))),
        }
    }

    /// The floats that the bounds of a Clip of quantized values stand for; infinite at the bounds of the type.
    fn quantized_bounds(&mut self, id: ValueId) -> Result<(f32, f32), Error> {
        if self.importer.names.opset() < 12 {
            return Err(self.unsupported("a clamp of quantized values before opset 12"));
        }
        self.attributes(&[])?;
        let (low, high) = (self.optional_constant(1)?, self.optional_constant(2)?);
        let params = self.ty(id).params();
        let known = params.and_then(|params| Some((params.as_per_tensor()?, params.dtype().byte_range()?)));
        let Some(((scale, zero_point), (quant_min, quant_max))) = known else {
            return Err(self.unsupported("a clamp of quantized values with several scales"));
        };
        let dtype = self.ty(id).dtype();
        let code = |bound: Option<Tensor>, limit: i32| match bound {
            None => Ok(limit),
            Some(bound) => match integers(&bound).filter(|_| bound.dtype() == dtype).as_deref() {
                Some([code]) => Ok(*code),
                _ => Err(self.invalid(format!("clamps {dtype} values to {}{:?}", bound.dtype(), bound.shape()))),
            },
        };
        let (low, high) = (code(low, quant_min)?, code(high, quant_max)?);
        let low = low.min(high);
        #[expect(clippy::cast_precision_loss, reason = "quantized values have 8 bits")]
        let float = |code: i32| scale.get() * (code - zero_point) as f32;
        let min = if low == quant_min { f32::NEG_INFINITY } else { float(low) };
        Ok((min, if high == quant_max { f32::INFINITY } else { float(high) }))
    }

    pub(crate) fn dropout(&mut self) -> Result<(), Error> {
        self.attributes(&["ratio", "seed"])?;
        let trains = |tensor: Tensor| tensor.dtype() != DType::F32 && tensor.bytes().iter().any(|&byte| byte != 0);
        if self.optional_constant(2)?.is_some_and(trains) {
            return Err(self.unsupported("training mode"));
        }
        let x = self.moved(0)?;
        self.emit_moved(Op::Identity, x)
    }
}

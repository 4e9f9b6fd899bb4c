//! Comparisons, bools, changes of type, searches and running sums.

use fourfold_graph::{Cast, CastTo, CumSum, Op, TopK, TopKResult, ValueId};
use fourfold_schemes::{QuantParams, Scale};

use crate::Error;
use crate::import::emission::node::Entry;
use crate::import::patterns::moved::Moved;
use crate::proto::data_type;

impl<'a> Entry<'_, 'a> {
    pub(crate) fn choose(&mut self) -> Result<(), Error> {
        if self.chosen_sizes()? { Ok(()) } else { self.read_row(Op::Where) }
    }

    pub(crate) fn cast_to(&mut self, to: i64) -> Result<(), Error> {
        let number = i32::try_from(to).ok().filter(|&number| number > 0);
        let number = number.ok_or_else(|| self.invalid(format!("converts to {to}, which is no type")))?;
        let dtype = data_type::dtype(number);
        let dtype = dtype.ok_or_else(|| self.unsupported(format!("a conversion to {}", data_type::name(number))))?;
        let to = CastTo::of(dtype);
        let x = match self.clamped(0)? {
            Moved::Raw(id) if self.is_number(id) && to == CastTo::F32 => return self.emit(Op::Dequantize, &[id]),
            Moved::Raw(id) if self.is_number(id) => self.emit_before("number", Op::Dequantize, &[id])?,
            _ => self.operand(0)?,
        };
        self.emit(Op::Cast(Cast { to }), &[x])
    }

    /// Whether codes stand for themselves.
    fn is_number(&self, id: ValueId) -> bool {
        let params = self.ty(id).params();
        params.and_then(QuantParams::as_per_tensor) == Some((Scale::ONE, 0))
    }

    /// Values and places are a node each; both are in order, which ONNX leaves open for `sorted = 0`.
    pub(crate) fn top_k(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["axis", "k", "largest", "sorted"])?;
        let (axis, largest) = (attributes.int("axis", -1)?, attributes.int("largest", 1)? != 0);
        let given = attributes.int("k", 0)?;
        let count = match self.known_integers(1)?.as_deref() {
            Some([count]) => *count,
            Some(list) => return Err(self.invalid(format!("has {} numbers k, expected one", list.len()))),
            None => given,
        };
        let count = usize::try_from(count).map_err(|_| self.invalid(format!("k is {count}")))?;
        let x = self.operand(0)?;
        let axis = self.axis(axis, self.dims(x).len(), false)?;
        let name = self.name.clone();
        for (output, result) in self.proto.output.iter().zip([TopKResult::Values, TopKResult::Indices]) {
            if !output.is_empty() && self.importer.names.is_read(output.as_str()) {
                self.emit_as(output, Op::TopK(TopK { axis, count, largest, result }), &[x])?;
                self.name = self.importer.fresh_name(&format!("{name}.indices"));
            }
        }
        Ok(())
    }

    pub(crate) fn cum_sum(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["exclusive", "reverse"])?;
        let (exclusive, reverse) = (attributes.flag("exclusive")?, attributes.flag("reverse")?);
        let Some(&[axis]) = self.known_integers(1)?.as_deref() else {
            return Err(self.invalid("does not have one axis"));
        };
        let x = self.operand(0)?;
        let axis = self.axis(axis, self.dims(x).len(), false)?;
        self.emit(Op::CumSum(CumSum { axis, exclusive, reverse }), &[x])
    }
}

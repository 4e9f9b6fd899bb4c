//! Operators that move, choose or repeat elements.

use fourfold_graph::{
    Coordinates, Dim, Expand, Interpolation, Node, Op, Pad, PadMode, Polynomial, Reshape, Resize, Rounding, Slice,
};
use fourfold_tensor::{DType, Tensor};

use super::Exporter;
use super::attributes::Writer;
use super::message::{text, wide};
use super::sizes::Size;
use crate::Error;
use crate::operators::row;
use crate::proto::{AttributeProto, TensorProto};

/// Whether the operator is written by [`Exporter::movement`].
pub(super) fn is_movement(op: &Op) -> bool {
    matches!(op, Op::Reshape(_) | Op::Expand(_) | Op::Slice(_) | Op::Pad(_) | Op::Resize(_))
        || matches!(op, Op::Gather(_) | Op::GatherElements(_))
}

impl Exporter<'_> {
    /// Writes an operator for which [`is_movement`] holds.
    pub(super) fn movement(&mut self, node: &Node, x: &str, output: &str) -> Result<(), Error> {
        let name = node.name();
        let own = self.ty(node.inputs()[0]).dims();
        match node.op() {
            Op::Reshape(Reshape { dims }) => {
                let sizes = self.sizes(&format!("{name}.shape"), &reshaped(dims, own))?;
                self.push("Reshape", name, &[x, &sizes], output, Vec::new());
            }
            Op::Expand(Expand { dims }) => {
                let sizes = self.sizes(&format!("{name}.shape"), &expanded(dims, own))?;
                self.push("Expand", name, &[x, &sizes], output, Vec::new());
            }
            Op::Slice(Slice { axis, start, step, length }) => {
                let reason = "a slice whose end depends on the inputs cannot be written for these steps";
                let end = own.get(*axis).and_then(|size| end(*start, *step, length, size));
                let end = end.ok_or_else(|| Error::Export { value: output.to_owned(), reason })?;
                let starts = self.integers(&format!("{name}.starts"), &[*start])?;
                let ends = self.sizes(&format!("{name}.ends"), &[end])?;
                let axes = self.integers(&format!("{name}.axes"), &[wide(*axis)])?;
                let steps = self.integers(&format!("{name}.steps"), &[*step])?;
                self.push("Slice", name, &[x, &starts, &ends, &axes, &steps], output, Vec::new());
            }
            Op::Pad(pad) => {
                let dtype = self.ty(node.inputs()[0]).dtype();
                let is_float = self.ty(node.inputs()[0]).params().is_some() || dtype == DType::F32;
                self.pad(name, pad, x, if is_float { DType::F32 } else { dtype }, output)?;
            }
            Op::Resize(resize) => self.resize(name, resize, (x, own), output)?,
            Op::Gather(_) | Op::GatherElements(_) => {
                let mut attributes = Writer::default();
                if let Some(operator) = row(&mut node.op().clone(), &mut attributes)? {
                    let indices = self.float(node.inputs()[1])?;
                    self.push(operator, name, &[x, &indices], output, attributes.0);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn pad(&mut self, name: &str, pad: &Pad, x: &str, dtype: DType, output: &str) -> Result<(), Error> {
        let pads: Vec<i64> = pad.begin.iter().chain(&pad.end).map(|&count| wide(count)).collect();
        let pads = self.integers(&format!("{name}.pads"), &pads)?;
        let (mode, number) = match pad.mode {
            PadMode::Constant(number) => ("constant", Some(number)),
            PadMode::Edge => ("edge", None),
            PadMode::Reflect => ("reflect", None),
            PadMode::Wrap => ("wrap", None),
        };
        let mode = vec![text("mode", mode)];
        let Some(number) = number else {
            self.push("Pad", name, &[x, &pads], output, mode);
            return Ok(());
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, as the operator itself does"
        )]
        let value = match dtype {
            DType::I64 => Tensor::from_slice(&[], &[number.round_ties_even() as i64]),
            DType::I32 => Tensor::from_slice(&[], &[number.round_ties_even() as i32]),
            DType::I8 => Tensor::from_slice(&[], &[number.round_ties_even() as i8]),
            DType::U8 => Tensor::from_slice(&[], &[number.round_ties_even() as u8]),
            DType::Bool => Tensor::from_bools(&[], &[number != 0.0]),
            _ => Tensor::from_slice(&[], &[number]),
        };
        let value = value.map_err(fourfold_graph::Error::from)?;
        let number = self.fresh(&format!("{name}.value"));
        self.initializers.push(TensorProto::of(&number, &value));
        self.push("Pad", name, &[x, &pads, &number], output, mode);
        Ok(())
    }

    /// Resizes by factors, or to sizes if the graph gives any; ONNX has no form for both at once.
    fn resize(&mut self, name: &str, resize: &Resize, (x, own): (&str, &[Dim]), output: &str) -> Result<(), Error> {
        let attributes = resize_attributes(resize);
        if resize.sizes.iter().all(Option::is_none) {
            let scales = self.floats(&format!("{name}.scales"), &[resize.scales.len()], &resize.scales)?;
            self.push("Resize", name, &[x, "", &scales], output, attributes);
            return Ok(());
        }
        let axes = own.iter().zip(resize.scales.iter().zip(&resize.sizes));
        let sizes: Option<Vec<Size>> = axes
            .map(|(dim, (&scale, size))| match size {
                Some(size) => Some(Size::Number(wide(*size))),
                None => (scale == 1.0).then(|| dim.into()),
            })
            .collect();
        let reason = "ONNX resizes all axes by factors or all axes to sizes, not some of each";
        let sizes = sizes.ok_or_else(|| Error::Export { value: output.to_owned(), reason })?;
        let sizes = self.sizes(&format!("{name}.sizes"), &sizes)?;
        self.push("Resize", name, &[x, "", "", &sizes], output, attributes);
        Ok(())
    }
}

fn resize_attributes(resize: &Resize) -> Vec<AttributeProto> {
    let coordinates = match resize.coordinates {
        Coordinates::HalfPixel => "half_pixel",
        Coordinates::PytorchHalfPixel => "pytorch_half_pixel",
        Coordinates::AlignCorners => "align_corners",
        Coordinates::Asymmetric => "asymmetric",
    };
    let mut attributes = vec![text("coordinate_transformation_mode", coordinates)];
    match resize.interpolation {
        Interpolation::Linear => attributes.push(text("mode", "linear")),
        Interpolation::Nearest(rounding) => {
            let rounding = match rounding {
                Rounding::PreferFloor => "round_prefer_floor",
                Rounding::PreferCeil => "round_prefer_ceil",
                Rounding::Floor => "floor",
                Rounding::Ceil => "ceil",
            };
            attributes.extend([text("mode", "nearest"), text("nearest_mode", rounding)]);
        }
    }
    attributes
}

/// The sizes of a Reshape of `x`: 0 copies the size of `x`; -1 stands for the only other size that is not fixed.
fn reshaped(dims: &[Dim], x: &[Dim]) -> Vec<Size> {
    let is_copied = |axis: usize, dim: &Dim| dim.fixed().is_none() && x.get(axis) == Some(dim);
    let open = dims.iter().enumerate().filter(|(axis, dim)| dim.fixed().is_none() && !is_copied(*axis, dim)).count();
    let size = |(axis, dim): (usize, &Dim)| match dim.fixed() {
        None if is_copied(axis, dim) => Size::Number(0),
        None if open == 1 => Size::Number(-1),
        _ => dim.into(),
    };
    dims.iter().enumerate().map(size).collect()
}

/// The sizes of an Expand of `x`: 1 where a size of `x` that is not fixed stays.
fn expanded(dims: &[Dim], x: &[Dim]) -> Vec<Size> {
    let offset = dims.len().saturating_sub(x.len());
    let size = |(axis, dim): (usize, &Dim)| match axis.checked_sub(offset).and_then(|axis| x.get(axis)) {
        Some(own) if own == dim && dim.fixed().is_none() => Size::Number(1),
        _ => dim.into(),
    };
    dims.iter().enumerate().map(size).collect()
}

/// The `ends` of ONNX's Slice: one past the last element, counted from the end of the axis if negative; `None` if it
/// cannot be expressed.
fn end(start: i64, step: i64, length: &Dim, size: &Dim) -> Option<Size> {
    if let Some(length) = length.fixed() {
        if length == 0 {
            return Some(Size::Number(start));
        }
        let last = start.checked_add(step.checked_mul(wide(length) - 1)?)?;
        let end = last.checked_add(step.signum())?;
        // The position before the first element, or after the last, would be read as one from the other end.
        return Some(Size::Number(match step.signum() {
            1 if start < 0 && end >= 0 => i64::MAX,
            -1 if start >= 0 && end < 0 => -i64::MAX,
            _ => end,
        }));
    }
    if step == -1 && start == -1 && length == size {
        return Some(Size::Number(-i64::MAX));
    }
    let (length, size) = (length.polynomial()?, size.polynomial()?);
    let number = Polynomial::constant;
    let first = if start < 0 { size.add(&number(start))? } else { number(start) };
    let last = first.add(&length.sub(&number(1))?.mul(&number(step))?)?;
    let end = last.add(&number(1))?;
    let from_end = end.sub(&size)?.as_constant();
    match from_end {
        _ if step < 1 => None,
        Some(0) => Some(Size::Number(i64::MAX)),
        Some(before @ ..0) => Some(Size::Number(before)),
        _ => Some((&Dim::computed(end)?).into()),
    }
}

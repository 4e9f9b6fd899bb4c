//! Padding and resampling.

use fourfold_graph::{Coordinates, Interpolation, Op, Pad, PadMode, Resize, Rounding, Slice};
use fourfold_schemes::QuantParams;

use crate::Error;
use crate::import::emission::node::Entry;
use crate::import::operators::function::only_number;
use crate::import::patterns::moved::Moved;

impl<'a> Entry<'_, 'a> {
    /// Padding, of which negative numbers cut.
    pub(crate) fn pad(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["mode", "pads", "value"])?;
        let of_attribute = attributes.ints("pads")?.map(<[i64]>::to_vec);
        let mode = attributes.string("mode")?.unwrap_or(b"constant").to_vec();
        let number = attributes.float("value", 0.0)?;
        let (of_input, axes) = (self.known_integers(1)?, self.known_integers(3)?);
        let number = match self.optional_constant(2)? {
            None => number,
            Some(value) => {
                let wrong =
                    || self.invalid(format!("pads with {}{:?}, expected a number", value.dtype(), value.shape()));
                let number = only_number(&value).ok_or_else(wrong)?;
                // Above 2^24 not every integer is a number of 32 bits.
                if value.dtype().is_integer() && number.abs() > 16_777_216.0 {
                    return Err(self.unsupported(format!("padding with {number}, an integer of more than 24 bits,")));
                }
                number
            }
        };
        let x = self.clamped(0)?;
        let mode = match mode.as_slice() {
            b"constant" => PadMode::Constant(self.added(x, number)),
            b"edge" => PadMode::Edge,
            b"reflect" => PadMode::Reflect,
            b"wrap" => PadMode::Wrap,
            other => return Err(self.invalid(format!("mode is `{}`", String::from_utf8_lossy(other)))),
        };
        let pads = of_attribute.or(of_input).ok_or_else(|| self.invalid("lacks the pads"))?;
        let dims = self.dims(x.id());
        let axes = axes.unwrap_or_else(|| (0..).take(dims.len()).collect());
        if pads.len() != 2 * axes.len() {
            return Err(self.invalid(format!("has {} pads for {} axes", pads.len(), axes.len())));
        }
        let (mut begin, mut end) = (vec![0; dims.len()], vec![0; dims.len()]);
        let mut cuts = Vec::new();
        for (index, axis) in axes.iter().enumerate() {
            let axis = self.axis(*axis, dims.len(), false)?;
            let (before, after) = (pads[index], pads[axes.len() + index]);
            if before < 0 || after < 0 {
                cuts.push((axis, before.min(0).unsigned_abs(), after.min(0).unsigned_abs()));
            }
            begin[axis] = usize::try_from(before.max(0)).unwrap_or(usize::MAX);
            end[axis] = usize::try_from(after.max(0)).unwrap_or(usize::MAX);
        }
        let mut x = x;
        for (axis, before, after) in cuts {
            let size = dims[axis].fixed().map(|size| size as u64);
            let left = size.and_then(|size| size.checked_sub(before)?.checked_sub(after));
            let Some(length) = left.and_then(|left| usize::try_from(left).ok()) else {
                return Err(self.unsupported(format!("a cut of {before} and {after} from axis {axis} of {dims:?}")));
            };
            let start = i64::try_from(before).unwrap_or(i64::MAX);
            x = self.moved_before("cut", Op::Slice(Slice { axis, start, step: 1, length: length.into() }), x)?;
        }
        self.emit_moved(Op::Pad(Pad { begin, end, mode }), x)
    }

    /// Nearest and linear; opset 10 has factors only, and `Upsample` is the older name. What a number that is added
    /// stands for: among quantized values that the file takes for integers it is one too.
    fn added(&self, x: Moved, number: f32) -> f32 {
        let params = self.importer.emission.value(x.id()).ty().params().and_then(QuantParams::as_per_tensor);
        match (x, params) {
            #[expect(clippy::cast_precision_loss, reason = "a zero point has 8 bits")]
            (Moved::Raw(_), Some((scale, zero_point))) => scale.get() * (number - zero_point as f32),
            _ => number,
        }
    }

    pub(crate) fn resize(&mut self) -> Result<(), Error> {
        const KNOWN: [&str; 10] = [
            "mode",
            "nearest_mode",
            "coordinate_transformation_mode",
            "antialias",
            "axes",
            "cubic_coeff_a",
            "exclude_outside",
            "extrapolation_value",
            "keep_aspect_ratio_policy",
            "scales",
        ];
        let attributes = self.attributes(&KNOWN)?;
        let is_old = self.importer.names.opset() < 11;
        let string =
            |name: &str, default: &'static [u8]| Ok::<_, Error>(attributes.string(name)?.unwrap_or(default).to_vec());
        let mode = string("mode", b"nearest")?;
        let coordinates = string("coordinate_transformation_mode", if is_old { b"asymmetric" } else { b"half_pixel" })?;
        let nearest = string("nearest_mode", if is_old { b"floor" } else { b"round_prefer_floor" })?;
        if attributes.flag("antialias")? || attributes.flag("exclude_outside")? {
            return Err(self.unsupported("antialias or exclude_outside"));
        }
        if string("keep_aspect_ratio_policy", b"stretch")? != b"stretch" {
            return Err(self.unsupported("a policy that keeps the aspect ratio"));
        }
        let axes = attributes.ints("axes")?.map(<[i64]>::to_vec);
        let given = attributes.floats("scales")?.map(<[f32]>::to_vec);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let rounding = match nearest.as_slice() {
            b"round_prefer_floor" => Rounding::PreferFloor,
            b"round_prefer_ceil" => Rounding::PreferCeil,
            b"floor" => Rounding::Floor,
            b"ceil" => Rounding::Ceil,
            other => return Err(self.invalid(format!("nearest_mode is `{}`", text(other)))),
        };
        let interpolation = match mode.as_slice() {
            b"nearest" => Interpolation::Nearest(rounding),
            b"linear" => Interpolation::Linear,
            other => return Err(self.unsupported(format!("the mode `{}`", text(other)))),
        };
        let coordinates = match coordinates.as_slice() {
            b"half_pixel" => Coordinates::HalfPixel,
            b"pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            b"align_corners" => Coordinates::AlignCorners,
            b"asymmetric" => Coordinates::Asymmetric,
            other => return Err(self.unsupported(format!("the coordinates `{}`", text(other)))),
        };
        let index = if is_old { 1 } else { 2 };
        let scales = match self.optional_constant(index)? {
            Some(scales) => {
                scales.as_slice::<f32>().map_err(|_| self.invalid("has scales that are not float"))?.to_vec()
            }
            None => given.unwrap_or_default(),
        };
        let sizes = if self.input(3).is_some() { Some(self.expect_sizes(3)?) } else { None };
        let x = self.clamped(0)?;
        let dims = self.dims(x.id());
        let axes = axes.unwrap_or_else(|| (0..).take(dims.len()).collect());
        let axes = axes.into_iter().map(|axis| self.axis(axis, dims.len(), false)).collect::<Result<Vec<_>, _>>()?;
        let mut resize =
            Resize { scales: vec![1.0; dims.len()], sizes: vec![None; dims.len()], interpolation, coordinates };
        match sizes {
            Some(sizes) => {
                let Some(new) = sizes.dims().filter(|new| new.len() == axes.len()) else {
                    return Err(self.invalid(format!("has the sizes {sizes} for axes {axes:?}")));
                };
                for (axis, new) in axes.into_iter().zip(new).filter(|(axis, new)| dims[*axis] != *new) {
                    let unknown = || self.unsupported(format!("a new size {new} of axis {axis} of {dims:?}"));
                    resize.sizes[axis] =
                        Some(new.fixed().filter(|_| dims[axis].fixed().is_some()).ok_or_else(unknown)?);
                }
            }
            None if scales.len() == axes.len() => {
                axes.into_iter().zip(scales).for_each(|(axis, scale)| resize.scales[axis] = scale)
            }
            None => return Err(self.invalid(format!("has {} scales for axes {axes:?}", scales.len()))),
        }
        self.emit_moved(Op::Resize(resize), x)
    }
}

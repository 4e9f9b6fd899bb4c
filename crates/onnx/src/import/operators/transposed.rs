//! Transposed convolutions.

use fourfold_graph::{Activation, ConvTranspose, Dim, FIX_SIZES, Op, ValueId, Window};

use crate::Error;
use crate::import::attributes::Attributes;
use crate::import::emission::node::Entry;
use crate::import::weights::quantized::Channels;

/// The attributes that the operator has.
const ATTRIBUTES: [&str; 8] =
    ["kernel_shape", "strides", "dilations", "pads", "auto_pad", "group", "output_padding", "output_shape"];

impl Entry<'_, '_> {
    /// `(x, weight, [bias])`, `weight: [in, out / groups, kernel...]`.
    pub(crate) fn conv_transpose(&mut self) -> Result<(), Error> {
        self.attributes(&ATTRIBUTES)?;
        let target = self.target(true)?;
        let groups = usize::try_from(self.attributes(&ATTRIBUTES)?.int("group", 1)?).unwrap_or(0);
        let quantized = match target {
            Some(_) if groups > 0 => self.weighted(Channels::Second { groups }, self.input(2))?,
            _ => None,
        };
        if let Some((target, inputs)) = target.zip(quantized) {
            let op = self.conv_transpose_op(inputs[0], inputs[1])?;
            return self.emit_on_quantized(target, &op, &inputs);
        }
        self.constant(1)?;
        let mut inputs = vec![self.operand(0)?, self.operand(1)?];
        if !self.adds_nothing(2)? {
            inputs.push(self.operand(2)?);
        }
        let op = self.conv_transpose_op(inputs[0], inputs[1])?;
        self.emit(op, &inputs)
    }

    fn conv_transpose_op(&self, x: ValueId, weight: ValueId) -> Result<Op, Error> {
        let attributes = self.attributes(&ATTRIBUTES)?;
        let weight = self.ty(weight).fixed_shape().unwrap_or_default();
        let (kernel, dims) = (weight.get(2..).unwrap_or_default().to_vec(), self.dims(x));
        if kernel.is_empty() || dims.len() != weight.len() || kernel.contains(&0) {
            return Err(self.invalid(format!("a weight of shape {weight:?} for an input of shape {dims:?}")));
        }
        if attributes.sizes("kernel_shape")?.is_some_and(|given| given != kernel) {
            return Err(self.invalid(format!("kernel_shape does not fit the weight of shape {weight:?}")));
        }
        let groups = attributes.int("group", 1)?;
        let groups = usize::try_from(groups).map_err(|_| self.invalid(format!("group is {groups}")))?;
        let (window, output_padding) = placed(&attributes, kernel, &dims)?;
        Ok(Op::ConvTranspose(ConvTranspose { window, output_padding, groups, activation: Activation::None }))
    }
}

/// Where the result is cut, and how much is added behind it.
fn placed(attributes: &Attributes<'_>, kernel: Vec<usize>, dims: &[Dim]) -> Result<(Window, Vec<usize>), Error> {
    let rank = kernel.len();
    let list = |name: &str, default: usize, length: usize| {
        let sizes = attributes.sizes(name)?.unwrap_or_else(|| vec![default; length]);
        let wrong = sizes.len() != length || sizes.contains(&0) && default == 1;
        let message = || attributes.invalid(format!("the attribute `{name}` is {sizes:?} for a window of {rank} axes"));
        if wrong { Err(message()) } else { Ok(sizes) }
    };
    let (stride, dilation) = (list("strides", 1, rank)?, list("dilations", 1, rank)?);
    let (mut pads, mut more) = (list("pads", 0, 2 * rank)?, list("output_padding", 0, rank)?);
    let auto = attributes.string("auto_pad")?.unwrap_or(b"NOTSET");
    let wanted = match attributes.sizes("output_shape")? {
        Some(all) if all.len() == rank + 2 => Some(all[2..].to_vec()),
        Some(sizes) if sizes.len() == rank => Some(sizes),
        Some(sizes) => {
            return Err(attributes.invalid(format!("output_shape is {sizes:?} for a window of {rank} axes")));
        }
        None => None,
    };
    match auto {
        b"NOTSET" | b"VALID" | b"SAME_UPPER" | b"SAME_LOWER" => {}
        other => return Err(attributes.invalid(format!("auto_pad is `{}`", String::from_utf8_lossy(other)))),
    }
    if auto != b"NOTSET" && pads.iter().any(|&pad| pad > 0) {
        return Err(attributes.invalid("has both auto_pad and pads"));
    }
    for axis in 0..rank {
        let is_same = auto == b"SAME_UPPER" || auto == b"SAME_LOWER";
        if wanted.is_none() && !is_same {
            continue;
        }
        let Some(size) = dims[axis + 2].fixed() else {
            let what = format!("a size of the result on axis {}, whose size is not known ({FIX_SIZES}),", axis + 2);
            return Err(attributes.unsupported(what));
        };
        let target = wanted.as_ref().map_or(size.saturating_mul(stride[axis]), |sizes| sizes[axis]);
        let extent = dilation[axis].saturating_mul(kernel[axis] - 1).saturating_add(1);
        let reach = size.saturating_sub(1).saturating_mul(stride[axis]).saturating_add(extent);
        let full = reach.saturating_add(more[axis]);
        let total = full.saturating_sub(target);
        // As ONNX Runtime: a size that is asked for is reached by adding, that of automatic padding is not.
        if wanted.is_some() {
            more[axis] = more[axis].saturating_add(target.saturating_sub(full));
        }
        let (less, greater) = (total / 2, total - total / 2);
        // The odd one is cut off the end for SAME_UPPER, off the beginning otherwise.
        let is_upper = auto == b"SAME_UPPER";
        (pads[axis], pads[rank + axis]) = if is_upper { (less, greater) } else { (greater, less) };
    }
    let pad_end = pads.split_off(rank);
    Ok((Window { kernel, stride, dilation, pad_begin: pads, pad_end }, more))
}

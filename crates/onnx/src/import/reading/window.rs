//! Convolutions and poolings.

use fourfold_graph::{Conv, Dim, FIX_SIZES, Op, ValueId, Window};

use crate::Error;
use crate::import::attributes::Attributes;
use crate::import::emission::node::Entry;

/// Attributes of convolutions.
pub(crate) const CONV: [&str; 6] = ["kernel_shape", "strides", "dilations", "pads", "auto_pad", "group"];

/// Attributes that all poolings have.
pub(crate) const POOL: [&str; 6] = ["kernel_shape", "strides", "dilations", "pads", "auto_pad", "ceil_mode"];

/// How a window is placed.
pub(crate) struct Placement {
    pub(crate) window: Window,
    /// Whether padding was added so that the last, incomplete window counts.
    is_enlarged: bool,
}

impl Entry<'_, '_> {
    /// The convolution of `x` with a weight.
    pub(crate) fn conv_op(&self, x: ValueId, weight: ValueId) -> Result<Op, Error> {
        let weight = self.ty(weight).fixed_shape().unwrap_or_default();
        let dims = self.dims(x);
        let attributes = self.attributes(&CONV)?;
        let kernel = weight.get(2..).unwrap_or_default().to_vec();
        if attributes.sizes("kernel_shape")?.is_some_and(|given| given != kernel) {
            return Err(self.invalid(format!("kernel_shape does not fit the weight of shape {weight:?}")));
        }
        let window = placement(&attributes, kernel, &dims, false)?.window;
        let groups = attributes.int("group", 1)?;
        let groups = usize::try_from(groups).map_err(|_| self.invalid(format!("group is {groups}")))?;
        Ok(Op::Conv(Conv::new(window, groups)))
    }

    /// The window of an average of `x`, and whether padding counts; `more` are the attributes that only some averages
    /// have.
    pub(crate) fn average_window(&self, x: ValueId, more: &[&str]) -> Result<(Window, bool), Error> {
        let attributes = self.attributes(&[&POOL[..], &["count_include_pad"], more].concat())?;
        let count_include_pad = attributes.flag("count_include_pad")?;
        let Placement { window, is_enlarged } = pool(&attributes, &self.dims(x))?;
        if is_enlarged && count_include_pad {
            return Err(self.unsupported("ceil_mode with count_include_pad, where windows reach past the padding,"));
        }
        Ok((window, count_include_pad))
    }
}

/// The window of a pooling.
pub(crate) fn pool(attributes: &Attributes<'_>, dims: &[Dim]) -> Result<Placement, Error> {
    let kernel = attributes.sizes("kernel_shape")?.ok_or_else(|| attributes.invalid("lacks kernel_shape"))?;
    placement(attributes, kernel, dims, attributes.flag("ceil_mode")?)
}

/// Reads strides, dilations and padding; `dims` are those of the input.
fn placement(attributes: &Attributes<'_>, kernel: Vec<usize>, dims: &[Dim], ceil: bool) -> Result<Placement, Error> {
    let rank = kernel.len();
    if dims.len() != rank + 2 {
        return Err(attributes.invalid(format!("a window of {rank} axes over an input of shape {dims:?}")));
    }
    let list = |name: &str, default: usize, length: usize| {
        let sizes = attributes.sizes(name)?.unwrap_or_else(|| vec![default; length]);
        let wrong = sizes.len() != length || sizes.contains(&0) && default == 1;
        let message = || attributes.invalid(format!("the attribute `{name}` is {sizes:?} for a window of {rank} axes"));
        if wrong { Err(message()) } else { Ok(sizes) }
    };
    let (stride, dilation) = (list("strides", 1, rank)?, list("dilations", 1, rank)?);
    let mut pads = list("pads", 0, 2 * rank)?;
    if kernel.contains(&0) {
        return Err(attributes.invalid(format!("the kernel has shape {kernel:?}")));
    }
    let extent = |axis: usize| dilation[axis].saturating_mul(kernel[axis] - 1).saturating_add(1);
    let size = |axis: usize| {
        let unknown = || {
            attributes.unsupported(format!(
                "auto_pad or ceil_mode in steps along axis {}, whose size is not known ({FIX_SIZES}),",
                axis + 2
            ))
        };
        dims[axis + 2].fixed().ok_or_else(unknown)
    };
    let auto = attributes.string("auto_pad")?.unwrap_or(b"NOTSET");
    match auto {
        b"NOTSET" => {}
        b"VALID" | b"SAME_UPPER" | b"SAME_LOWER" if pads.iter().any(|&pad| pad > 0) => {
            return Err(attributes.invalid("has both auto_pad and pads"));
        }
        b"VALID" => {}
        b"SAME_UPPER" | b"SAME_LOWER" => {
            for axis in 0..rank {
                // In steps of one the result has the size of the operand, whatever that is.
                let total = if stride[axis] == 1 {
                    extent(axis) - 1
                } else {
                    let size = size(axis)?;
                    let out = size.div_ceil(stride[axis]);
                    let reach = out.saturating_sub(1).saturating_mul(stride[axis]).saturating_add(extent(axis));
                    reach.saturating_sub(size)
                };
                let (less, more) = (total / 2, total - total / 2);
                let is_upper = auto == b"SAME_UPPER";
                (pads[axis], pads[rank + axis]) = if is_upper { (less, more) } else { (more, less) };
            }
        }
        other => {
            let other = String::from_utf8_lossy(other);
            return Err(attributes.invalid(format!("auto_pad is `{other}`")));
        }
    }
    let pad_end = pads.split_off(rank);
    let mut window = Window { kernel, stride, dilation, pad_begin: pads, pad_end };
    let mut is_enlarged = false;
    for axis in 0..rank {
        // In steps of one nothing is left over.
        if ceil && window.stride[axis] != 1 {
            is_enlarged |= window.round_up(axis, size(axis)?);
        }
    }
    Ok(Placement { window, is_enlarged })
}

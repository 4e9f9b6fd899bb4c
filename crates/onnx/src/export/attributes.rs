//! Attributes in a file: those of a row of [`crate::operators`], and those of windows.

use fourfold_graph::Window;

use super::message::{float, int, ints};
use crate::Error;
use crate::operators::{Attribute, Attributes};
use crate::proto::{AttributeProto, data_type};

/// Collects attributes, including those that have their default.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<AttributeProto>);

impl Attributes for Writer {
    fn attribute(&mut self, name: &'static str, attribute: Attribute<'_>) -> Result<(), Error> {
        self.0.push(match attribute {
            Attribute::Float(_, value) => float(name, *value),
            Attribute::Size(_, value) | Attribute::Axis(_, value) | Attribute::SplitAxis(_, value) => int(name, *value),
            Attribute::Flag(_, value) => int(name, usize::from(*value)),
            Attribute::Sizes(values) => ints(name, values),
            Attribute::ElementType(to) => int(name, usize::try_from(data_type::of(to.dtype())).unwrap_or_default()),
        });
        Ok(())
    }
}

/// The attributes of a window.
pub(super) fn window_attributes(window: &Window) -> Vec<AttributeProto> {
    let pads = [window.pad_begin.as_slice(), &window.pad_end].concat();
    vec![
        ints("kernel_shape", &window.kernel),
        ints("strides", &window.stride),
        ints("dilations", &window.dilation),
        ints("pads", &pads),
    ]
}

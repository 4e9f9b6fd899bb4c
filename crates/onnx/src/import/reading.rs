//! What attributes and constant operands of a node say.

pub(crate) mod bounds;
pub(crate) mod window;

//! Constants in the forms in which operators of the graph hold them.

pub(crate) mod codes;
pub(crate) mod computed;
pub(crate) mod parameters;

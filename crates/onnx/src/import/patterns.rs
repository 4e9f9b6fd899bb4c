//! What several nodes of the file say together.

pub(crate) mod blocked;
pub(crate) mod coded;
pub(crate) mod dynamic;
pub(crate) mod groups;
pub(crate) mod inputs;
pub(crate) mod parts;
pub(crate) mod qdq;
pub(crate) mod table;
pub(crate) mod target;

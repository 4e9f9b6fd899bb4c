//! Passes over the decoded messages of a model, before the importer builds a graph from them.
//!
//! Each pass simplifies the model in place. It inlines functions or external data, drops nodes that no output depends
//! on, fixes sizes and inputs, or replaces other float types by `float`.

pub(crate) mod defaults;
pub(crate) mod external;
pub(crate) mod fixed;
pub(crate) mod floats;
pub(crate) mod functions;
pub(crate) mod names;
pub(crate) mod needed;

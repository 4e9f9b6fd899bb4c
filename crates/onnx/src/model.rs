//! What is done with the messages of a model before a graph is made of them.
//!
//! Each pass takes the model and leaves a simpler one: functions are put in the place of their calls, nodes that no
//! output needs are left out, tensor data is brought in from other files, sizes and inputs are fixed, real numbers
//! become `float`.

pub(crate) mod defaults;
pub(crate) mod external;
pub(crate) mod fixed;
pub(crate) mod floats;
pub(crate) mod functions;
pub(crate) mod names;
pub(crate) mod needed;

//! The tensors of the file.

pub(crate) mod tensor;

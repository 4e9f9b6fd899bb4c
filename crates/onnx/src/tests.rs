//! Import of the digits models and of broken files.

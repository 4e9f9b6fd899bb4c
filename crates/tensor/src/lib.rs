//! N-dimensional tensor storage: dtype, shape, 64-byte aligned bytes.

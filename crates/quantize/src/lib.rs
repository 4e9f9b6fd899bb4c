//! The quantization workflow: fuse, prepare, observe, convert; dynamic.

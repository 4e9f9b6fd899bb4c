//! Quantized operators on codes.

//! Quantization schemes: what a quantized number means.

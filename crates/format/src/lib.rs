//! The .fourfold container, safetensors and .npy.

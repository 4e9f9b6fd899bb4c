//! Inputs shared by the benchmarks.

pub mod networks;
pub mod stages;

/// `(m, n, k)` of products in real networks: transformers, convolutions as products, single rows, and one so small that
/// it measures the cost of a call.
pub const SHAPES: [(usize, usize, usize); 22] = [
    (64, 768, 768),
    (64, 768, 3072),
    (128, 768, 768),
    (128, 3072, 768),
    (256, 1024, 1024),
    (512, 512, 512),
    (1024, 1024, 1024),
    (196, 256, 2304),
    (784, 128, 1152),
    (49, 512, 4608),
    (3136, 64, 576),
    (196, 1024, 256),
    (12544, 32, 27),
    (16, 768, 768),
    (8, 1024, 1024),
    (4, 1024, 1024),
    (2, 1024, 1024),
    (1, 1024, 1024),
    (1, 4096, 4096),
    (1, 8192, 8192),
    (7, 100, 333),
    (1, 16, 16),
];

/// Unsigned quantized values with no short period.
#[must_use]
pub fn unsigned(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index * 7 % 251).to_le_bytes()[0]).collect()
}

/// Signed quantized values with no short period.
#[must_use]
pub fn signed(count: usize) -> Vec<i8> {
    (0..count).map(|index| (index * 11 % 253).to_le_bytes()[0].cast_signed()).collect()
}

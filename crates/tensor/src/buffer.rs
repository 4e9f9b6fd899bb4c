//! Bytes whose first one lies on a 64-byte boundary, so that vector loads never cross a cache line.

use crate::{Error, memory};

/// One cache line.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A fixed number of zero-initialized bytes, 64-byte aligned.
pub(crate) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// Allocates `len` zero bytes.
    pub(crate) fn zeroed(len: usize) -> Result<Self, Error> {
        Ok(Self { lines: memory::filled(Line([0; 64]), len.div_ceil(size_of::<Line>()))?, len })
    }

    /// The same bytes in memory of their own.
    pub(crate) fn copied(&self) -> Result<Self, Error> {
        Ok(Self { lines: memory::copied(&self.lines)?, len: self.len })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

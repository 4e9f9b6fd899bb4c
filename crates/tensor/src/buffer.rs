//! Bytes whose first one lies on a 64-byte boundary, so that vector loads never cross a cache line.

use crate::Error;

/// One cache line.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A fixed number of zero-initialized bytes, 64-byte aligned.
#[derive(Clone)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// Allocates `len` zero bytes.
    pub(crate) fn zeroed(len: usize) -> Result<Self, Error> {
        let count = len.div_ceil(size_of::<Line>());
        let mut lines = Vec::new();
        lines.try_reserve_exact(count).map_err(|_| Error::OutOfMemory { bytes: len })?;
        lines.resize(count, Line([0; 64]));
        Ok(Self { lines, len })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

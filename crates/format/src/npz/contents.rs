//! The bytes of a member: read in place, or decompressed from its beginning.

use std::io::{Read, Seek};

use flate2::{Decompress, FlushDecompress, Status};

use super::directory::{Entry, Method};
use crate::Error;
use crate::npy::read_at;

/// Bytes that are read or skipped at once.
pub(super) const PIECE: usize = 1 << 15;

/// A member's bytes, and how many of them are hashed.
#[derive(Debug)]
pub(super) struct Contents {
    entry: Entry,
    /// Offset in the file.
    data: u64,
    /// The checksum of the first `hashed` bytes.
    hasher: crc32fast::Hasher,
    hashed: u64,
    /// Whether all are hashed and the checksum is right.
    is_checked: bool,
    inflate: Option<Inflate>,
}

/// Decompression that has given the first `hashed` bytes.
#[derive(Debug)]
struct Inflate {
    state: Decompress,
    input: Vec<u8>,
    /// How much of `input` is used up.
    used: usize,
    /// How much of the member was put into `input`.
    fetched: u64,
    /// Whether the compressed stream has ended.
    is_done: bool,
}

impl Contents {
    pub(super) fn new(entry: Entry, data: u64) -> Self {
        Self { entry, data, hasher: crc32fast::Hasher::new(), hashed: 0, is_checked: false, inflate: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.entry.name
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.entry.method == Method::Deflated
    }

    /// Whether memory is held for decompression.
    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.inflate.is_some()
    }

    /// Gives back the memory that decompression takes.
    pub(super) fn close(&mut self) {
        if self.inflate.take().is_some() {
            self.restart();
        }
    }

    /// Fills `bytes` with those from `offset` on.
    pub(super) fn read_at(
        &mut self,
        source: &mut (impl Read + Seek),
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<(), Error> {
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.entry.size) {
            return Err(Error::corrupt("data", format!("the member ends before offset {offset} and {}", bytes.len())));
        }
        if bytes.is_empty() && (offset < self.entry.size || self.is_checked) {
            return Ok(());
        }
        if self.is_compressed() && (offset < self.hashed || self.inflate.is_none()) {
            self.restart();
            self.inflate = Some(Inflate::new());
        }
        let mut skipped = [0; PIECE];
        while self.hashed < offset {
            let count = usize::try_from(offset - self.hashed).unwrap_or(PIECE).min(PIECE);
            self.next(source, &mut skipped[..count])?;
        }
        // What was hashed before is stored, and is read again.
        let known = usize::try_from(self.hashed - offset).unwrap_or(usize::MAX).min(bytes.len());
        let (again, new) = bytes.split_at_mut(known);
        if !again.is_empty() {
            read_at(source, self.data + offset, again)?;
        }
        self.next(source, new)
    }

    /// Fills `bytes` with those behind what is hashed, and hashes them.
    fn next(&mut self, source: &mut (impl Read + Seek), bytes: &mut [u8]) -> Result<(), Error> {
        match &mut self.inflate {
            Some(inflate) => inflate.fill(source, &self.entry, self.data, bytes)?,
            None => read_at(source, self.data + self.hashed, bytes)?,
        }
        self.hasher.update(bytes);
        self.hashed += bytes.len() as u64;
        if self.hashed < self.entry.size || self.is_checked {
            return Ok(());
        }
        if let Some(mut inflate) = self.inflate.take() {
            inflate.finish(source, &self.entry, self.data)?;
        }
        if self.hasher.clone().finalize() != self.entry.checksum {
            self.restart();
            return Err(Error::Checksum { part: "data".to_owned() });
        }
        self.is_checked = true;
        Ok(())
    }

    fn restart(&mut self) {
        self.hasher.reset();
        self.hashed = 0;
        self.is_checked = false;
        self.inflate = None;
    }
}

impl Inflate {
    fn new() -> Self {
        Self { state: Decompress::new(false), input: Vec::new(), used: 0, fetched: 0, is_done: false }
    }

    /// Decompresses as many bytes as there is room for.
    fn fill(
        &mut self,
        source: &mut (impl Read + Seek),
        entry: &Entry,
        data: u64,
        mut bytes: &mut [u8],
    ) -> Result<(), Error> {
        while !bytes.is_empty() {
            if self.is_done {
                let out = self.state.total_out();
                return Err(Error::corrupt("data", format!("{out} bytes are compressed, not {}", entry.size)));
            }
            let count = self.step(source, entry, data, bytes)?;
            bytes = &mut bytes[count..];
        }
        Ok(())
    }

    /// Checks that the compressed bytes end where the others do.
    fn finish(&mut self, source: &mut (impl Read + Seek), entry: &Entry, data: u64) -> Result<(), Error> {
        while !self.is_done {
            if self.step(source, entry, data, &mut [0])? > 0 {
                return Err(Error::corrupt("data", format!("more than {} bytes are compressed", entry.size)));
            }
        }
        match entry.packed - self.state.total_in() {
            0 => Ok(()),
            rest => Err(Error::corrupt("data", format!("{rest} bytes behind those that are compressed"))),
        }
    }

    /// Decompresses a piece; gives its length, which is 0 only where more input is to be fetched or nothing follows.
    fn step(
        &mut self,
        source: &mut (impl Read + Seek),
        entry: &Entry,
        data: u64,
        bytes: &mut [u8],
    ) -> Result<usize, Error> {
        if self.used == self.input.len() && self.fetched < entry.packed {
            let count = (entry.packed - self.fetched).min(PIECE as u64);
            self.input.resize(usize::try_from(count).unwrap_or(PIECE), 0);
            read_at(source, data + self.fetched, &mut self.input)?;
            self.used = 0;
            self.fetched += count;
        }
        let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
        let status = self.state.decompress(&self.input[self.used..], bytes, FlushDecompress::None);
        let status = status.map_err(|_| {
            Error::corrupt("data", format!("the compressed bytes are invalid behind the first {before_in} of them"))
        })?;
        let (read, written) = (self.state.total_in() - before_in, self.state.total_out() - before_out);
        self.used += usize::try_from(read).unwrap_or(usize::MAX);
        self.is_done = status == Status::StreamEnd;
        if read == 0 && written == 0 && !self.is_done {
            return Err(Error::corrupt("data", "the compressed bytes are cut off"));
        }
        Ok(usize::try_from(written).unwrap_or(usize::MAX))
    }
}

//! The layout that our formats share: a prefix, a header, and sections of raw bytes.

use std::io::{ErrorKind, Read};

use fourfold_error::Limits;
use fourfold_tensor::memory;

use crate::Error;

/// Bytes before the header.
const PREFIX: usize = 32;

/// Sections begin at multiples of this.
pub(crate) const ALIGNMENT: usize = 64;

/// Bytes read at a time, so that a checksum finds them in the cache.
const PIECE: usize = 1 << 16;

/// One of our formats.
pub(crate) struct Format {
    /// What its files are called.
    pub(crate) name: &'static str,
    /// Their first bytes; of two formats the first four differ.
    pub(crate) magic: [u8; 8],
    /// The version that is read and written.
    pub(crate) major: u16,
}

impl Format {
    /// Whether the bytes begin as a file of the format does; the rest may be damaged.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(&self.magic[..4])
    }

    /// Checks the first bytes of a file; returns the minor version, the length of the header and its checksum.
    fn check_prefix(&self, bytes: &[u8]) -> Result<(u16, u64, u32), Error> {
        if !self.is(bytes) {
            return Err(Error::Foreign { format: self.name, reason: "it does not begin with the magic number" });
        }
        let Some(prefix) = bytes.first_chunk::<PREFIX>() else {
            return Err(Error::corrupt("prefix", format!("{} bytes, but the prefix alone has {PREFIX}", bytes.len())));
        };
        if prefix[..8] != self.magic {
            // `\r\n` became `\n`, or `\n` became `\r\n`.
            let is_translated = prefix[4..].starts_with(b"\n\x1a\n") || prefix[4..].starts_with(b"\r\r\n\x1a\r\n");
            let reason = match is_translated {
                true => "line ends were translated on the way; transfer the file as binary",
                false => "is damaged; get the file again",
            };
            return Err(Error::corrupt("magic number", reason));
        }
        let two = |at: usize| u16::from_le_bytes([prefix[at], prefix[at + 1]]);
        let four = |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
        if crc32fast::hash(&prefix[..28]) != four(28) {
            return Err(Error::Checksum { part: "the prefix".to_owned() });
        }
        let (major, minor, flags) = (two(8), two(10), four(12));
        match major {
            _ if major == self.major => {}
            0 => return Err(Error::corrupt("prefix", "there is no format version 0")),
            _ => return Err(Error::Version { major, minor }),
        }
        if flags != 0 {
            return Err(Error::Flags { flags });
        }
        Ok((minor, u64::from(four(16)) | u64::from(four(20)) << 32, four(24)))
    }
}

/// A file of a minor version with a header and sections; empty sections take no bytes.
pub(crate) fn write(
    format: &Format,
    minor: u16,
    header: &[u8],
    sections: impl Iterator<Item = impl AsRef<[u8]>>,
) -> Result<Vec<u8>, Error> {
    let mut bytes = format.magic.to_vec();
    bytes.extend(format.major.to_le_bytes());
    bytes.extend(minor.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(crc32fast::hash(header).to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    append(&mut bytes, 0, header)?;
    for section in sections {
        let section = section.as_ref();
        if !section.is_empty() {
            let padding = bytes.len().next_multiple_of(ALIGNMENT) - bytes.len();
            append(&mut bytes, padding, section)?;
        }
    }
    Ok(bytes)
}

/// Appends padding and a section.
fn append(bytes: &mut Vec<u8>, zeros: usize, part: &[u8]) -> Result<(), Error> {
    let missing = zeros + part.len();
    let out_of_memory = |_| fourfold_tensor::Error::OutOfMemory { bytes: missing };
    bytes.try_reserve(missing).map_err(out_of_memory)?;
    bytes.resize(bytes.len() + zeros, 0);
    bytes.extend_from_slice(part);
    Ok(())
}

/// The header of a file, which its checksum covers.
pub(crate) struct Header {
    /// The minor version of the format.
    pub(crate) minor: u16,
    /// What the format says of its sections.
    pub(crate) bytes: Vec<u8>,
}

/// A file that is read from its beginning to its end, and of which only one section at a time is in memory.
pub(crate) struct Source<R> {
    reader: R,
    /// Bytes read so far.
    offset: u64,
    /// Bytes of the whole file.
    length: u64,
}

impl<R: Read> Source<R> {
    pub(crate) fn new(reader: R, length: u64) -> Self {
        Self { reader, offset: 0, length }
    }

    /// Reads and checks the prefix and the header.
    pub(crate) fn header(&mut self, format: &Format, limits: &Limits) -> Result<Header, Error> {
        let mut prefix = [0; PREFIX];
        let there = usize::try_from(self.length).unwrap_or(PREFIX).min(PREFIX);
        self.read(&mut prefix[..there])?;
        let (minor, header_bytes, header_crc) = format.check_prefix(&prefix[..there])?;
        Limits::check("header-bytes", header_bytes, limits.header_bytes)?;
        let rest = self.length - self.offset;
        if header_bytes > rest {
            let reason = format!("{header_bytes} bytes, but only {rest} follow the prefix");
            return Err(Error::corrupt("header", reason));
        }
        let header_bytes = usize::try_from(header_bytes).unwrap_or(usize::MAX);
        let mut bytes = memory::filled(0, header_bytes)?;
        self.fill("the header", header_crc, &mut bytes)?;
        Ok(Header { minor, bytes })
    }

    /// Goes to the next section, named `part` in errors, and checks that the file is long enough.
    pub(crate) fn section(&mut self, part: &str, length: usize) -> Result<(), Error> {
        if length == 0 {
            return Ok(());
        }
        let start = self.offset.next_multiple_of(ALIGNMENT as u64);
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(Error::corrupt(part, format!("{length} bytes at offset {start}, but the file ends before")));
        }
        let mut padding = [0; ALIGNMENT];
        let padding = &mut padding[..usize::try_from(start - self.offset).unwrap_or(0)];
        self.read(padding)?;
        if padding.iter().any(|&byte| byte != 0) {
            let offset = start - padding.len() as u64;
            return Err(Error::corrupt(part, format!("the padding at offset {offset} is not zero")));
        }
        Ok(())
    }

    /// Reads the whole section, and compares its checksum.
    pub(crate) fn fill(&mut self, part: &str, crc: u32, bytes: &mut [u8]) -> Result<(), Error> {
        let mut hasher = crc32fast::Hasher::new();
        for piece in bytes.chunks_mut(PIECE) {
            self.read(piece)?;
            hasher.update(piece);
        }
        if hasher.finalize() == crc { Ok(()) } else { Err(Error::Checksum { part: part.to_owned() }) }
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        match self.length - self.offset {
            0 => Ok(()),
            count => Err(Error::corrupt("end", format!("{count} bytes too many at offset {}", self.offset))),
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let offset = self.offset;
        self.reader.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Error::corrupt("file", "it became shorter while it was read"),
            kind => Error::Read { offset, kind, reason: error.to_string() },
        })?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

//! Where the parts of a file of ours are: a prefix, a header, and sections of raw bytes.

use fourfold_graph::Limits;

use crate::Error;

/// Bytes before the header.
const PREFIX: usize = 32;

/// Sections begin at multiples of this.
pub(crate) const ALIGNMENT: usize = 64;

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
    /// Whether bytes are, or once were, a file of the format: what follows may still be damaged.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(&self.magic[..4])
    }
}

/// The fixed part at the beginning.
pub(crate) struct Prefix {
    minor: u16,
    header_bytes: usize,
    header_crc: u32,
}

impl Prefix {
    /// Reads and checks the fixed part.
    pub(crate) fn read(format: &Format, bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        if !format.is(bytes) {
            return Err(Error::Foreign { format: format.name, reason: "it does not begin with the magic number" });
        }
        let Some(prefix) = bytes.first_chunk::<PREFIX>() else {
            return Err(Error::corrupt("prefix", format!("{} bytes, but the prefix alone has {PREFIX}", bytes.len())));
        };
        if prefix[..8] != format.magic {
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
            _ if major == format.major => {}
            0 => return Err(Error::corrupt("prefix", "there is no format version 0")),
            _ => return Err(Error::Version { major, minor }),
        }
        if flags != 0 {
            return Err(Error::Flags { flags });
        }
        let header_bytes = u64::from(four(16)) | u64::from(four(20)) << 32;
        Limits::check("header-bytes", header_bytes, limits.header_bytes)?;
        let header_bytes = usize::try_from(header_bytes).unwrap_or(usize::MAX);
        if header_bytes > bytes.len() - PREFIX {
            let reason = format!("{header_bytes} bytes, but only {} follow the prefix", bytes.len() - PREFIX);
            return Err(Error::corrupt("header", reason));
        }
        Ok(Self { minor, header_bytes, header_crc: four(24) })
    }

    /// The minor version.
    pub(crate) fn minor(&self) -> u16 {
        self.minor
    }

    /// The header, checked against its checksum.
    pub(crate) fn header<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        let header = &bytes[PREFIX..self.end()];
        if crc32fast::hash(header) != self.header_crc {
            return Err(Error::Checksum { part: "the header".to_owned() });
        }
        Ok(header)
    }

    /// The offset behind the header.
    pub(crate) fn end(&self) -> usize {
        PREFIX + self.header_bytes
    }
}

/// A file of a minor version with a header and sections; empty sections take no place.
pub(crate) fn write(format: &Format, minor: u16, header: &[u8], sections: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = format.magic.to_vec();
    bytes.extend(format.major.to_le_bytes());
    bytes.extend(minor.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(crc32fast::hash(header).to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend(header);
    for section in sections.filter(|section| !section.is_empty()) {
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        bytes.extend(section);
    }
    bytes
}

/// The bytes behind the header, taken one section after the other.
pub(crate) struct Data<'a> {
    rest: &'a [u8],
    /// Offset of `rest` in the file.
    offset: usize,
}

impl<'a> Data<'a> {
    pub(crate) fn new(rest: &'a [u8], offset: usize) -> Self {
        Self { rest, offset }
    }

    /// The bytes of the next section, which `part` is called in errors.
    pub(crate) fn take(&mut self, part: &str, length: usize) -> Result<&'a [u8], Error> {
        if length == 0 {
            return Ok(&[]);
        }
        let padding = self.offset.next_multiple_of(ALIGNMENT) - self.offset;
        let corrupt = |reason: String| Error::corrupt(part, reason);
        if self.rest.len() < padding || self.rest.len() - padding < length {
            let reason = format!("{length} bytes at offset {}, but the file ends before", self.offset + padding);
            return Err(corrupt(reason));
        }
        let (zeros, rest) = self.rest.split_at(padding);
        if zeros.iter().any(|&byte| byte != 0) {
            return Err(corrupt(format!("the padding at offset {} is not zero", self.offset)));
        }
        let (bytes, rest) = rest.split_at(length);
        (self.rest, self.offset) = (rest, self.offset + padding + length);
        Ok(bytes)
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(Error::corrupt("end", format!("{count} bytes too many at offset {}", self.offset))),
        }
    }
}

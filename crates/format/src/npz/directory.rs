//! The directory of an archive, which stands at its end and names its members.

use std::io::{Read, Seek};

use fourfold_error::Limits;
use fourfold_tensor::memory;

use super::end::Place;
use super::part;
use crate::Error;
use crate::npy::read_at;

/// A member, as the directory describes it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Without `.npy`.
    pub(super) name: String,
    pub(super) flags: u16,
    pub(super) method: Method,
    pub(super) checksum: u32,
    /// Bytes in the file.
    pub(super) packed: u64,
    /// Bytes when decompressed.
    pub(super) size: u64,
    /// Offset of the header in front of the member.
    pub(super) header: u64,
}

/// How a member is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

impl Method {
    /// The number of the method in headers.
    pub(super) fn number(self) -> u16 {
        match self {
            Method::Stored => 0,
            Method::Deflated => 8,
        }
    }
}

/// All members, and where the directory begins.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) entries: Vec<Entry>,
    /// Entries in the order of their names.
    pub(super) by_name: Vec<usize>,
    pub(super) offset: u64,
}

/// The flag of members whose size stands behind them too.
pub(super) const HAS_DESCRIPTOR: u16 = 1 << 3;
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const PATCH: u16 = 1 << 5;
const IS_UTF8: u16 = 1 << 11;
/// The flags that decide how a member is read.
pub(super) const MATTERS: u16 = ENCRYPTED | PATCH | HAS_DESCRIPTOR | IS_UTF8;

const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_LEN: usize = 46;

/// Any file may decompress to a mebibyte.
const FREE_BYTES: u64 = 1 << 20;

/// Reads the directory of a file of `length` bytes.
pub(super) fn read(source: &mut (impl Read + Seek), length: u64, limits: &Limits) -> Result<Directory, Error> {
    let place = Place::find(source, length)?;
    if place.count == 0 {
        return Err(corrupt("has no arrays"));
    }
    Limits::check("archive-entries", place.count, limits.archive_entries)?;
    Limits::check("header-bytes", place.size, limits.header_bytes)?;
    if place.size / (ENTRY_LEN as u64) < place.count {
        return Err(corrupt(format!("{} bytes hold no {} members", place.size, place.count)));
    }
    let size = usize::try_from(place.size).unwrap_or(usize::MAX);
    let mut bytes = memory::filled(0, size)?;
    read_at(source, place.offset, &mut bytes)?;
    let mut rest = &bytes[..];
    let mut entries = memory::room(usize::try_from(place.count).unwrap_or(usize::MAX))?;
    for _ in 0..place.count {
        let (entry, after) = entry(rest, place.offset, limits)?;
        entries.push(entry);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(corrupt(format!("{} bytes behind the last member", rest.len())));
    }
    let by_name = ordered(&entries)?;
    let total = entries.iter().try_fold(0_u64, |total, entry| total.checked_add(entry.size)).unwrap_or(u64::MAX);
    Limits::check("archive-bytes", total, limits.archive_bytes)?;
    if total > FREE_BYTES {
        Limits::check("archive-ratio", total.div_ceil(length), limits.archive_ratio)?;
    }
    Ok(Directory { entries, by_name, offset: place.offset })
}

/// The entry at the beginning of `bytes`, and what follows it. The directory begins at `end`.
fn entry<'a>(bytes: &'a [u8], end: u64, limits: &Limits) -> Result<(Entry, &'a [u8]), Error> {
    let cut_off = || corrupt("has fewer members than it says");
    let (fixed, rest) = bytes.split_at_checked(ENTRY_LEN).ok_or_else(cut_off)?;
    if !fixed.starts_with(ENTRY) {
        return Err(cut_off());
    }
    let (name, rest) = rest.split_at_checked(u16_at(fixed, 28).into()).ok_or_else(cut_off)?;
    let (extra, rest) = rest.split_at_checked(u16_at(fixed, 30).into()).ok_or_else(cut_off)?;
    let (_, rest) = rest.split_at_checked(u16_at(fixed, 32).into()).ok_or_else(cut_off)?;
    Limits::check("name-bytes", name.len() as u64, limits.name_bytes)?;
    let flags = u16_at(fixed, 8);
    let name = label(name, flags & IS_UTF8 != 0)?;
    let part = || part(&name);
    let unsupported = |what: String| Error::Unsupported { part: part(), what };
    if flags & ENCRYPTED != 0 {
        return Err(unsupported("encryption".to_owned()));
    }
    if flags & PATCH != 0 {
        return Err(unsupported("a patch of another file".to_owned()));
    }
    let method = match u16_at(fixed, 10) {
        0 => Method::Stored,
        8 => Method::Deflated,
        number => return Err(unsupported(format!("compression by method {number}{}", method_name(number)))),
    };
    let mut sizes = [u32_at(fixed, 24), u32_at(fixed, 20), u32_at(fixed, 42)].map(u64::from);
    wide(&mut sizes, u32::MAX.into(), extra).ok_or_else(|| Error::corrupt(part(), "its ZIP64 field is not whole"))?;
    let [size, packed, header] = sizes;
    if u16_at(fixed, 34) != 0 {
        return Err(several_files());
    }
    if header.checked_add(packed).is_none_or(|packed| packed > end) {
        return Err(Error::corrupt(part(), format!("{packed} bytes behind offset {header} reach into the directory")));
    }
    if method == Method::Stored && packed != size {
        return Err(Error::corrupt(part(), format!("is {size} bytes stored in {packed}")));
    }
    Ok((Entry { name, flags, method, checksum: u32_at(fixed, 16), packed, size, header }, rest))
}

/// Replaces sizes that are `most` by those of the ZIP64 field, in this order; `None` if it does not have them.
pub(super) fn wide(sizes: &mut [u64], most: u64, mut extra: &[u8]) -> Option<()> {
    let mut field = None;
    while !extra.is_empty() {
        let (head, rest) = extra.split_at_checked(4)?;
        let (data, rest) = rest.split_at_checked(u16_at(head, 2).into())?;
        if u16_at(head, 0) == 1 && field.replace(data).is_some() {
            return None;
        }
        extra = rest;
    }
    for size in sizes.iter_mut().filter(|size| **size == most) {
        let (first, rest) = field?.split_first_chunk::<8>()?;
        *size = u64::from_le_bytes(*first);
        field = Some(rest);
    }
    Some(())
}

/// The name of an array: that of its file without `.npy`.
fn label(name: &[u8], is_utf8: bool) -> Result<String, Error> {
    let shown = || format!("member `{}`", String::from_utf8_lossy(name).escape_debug());
    if !is_utf8 && !name.is_ascii() {
        return Err(Error::Unsupported { part: shown(), what: "a name that is not said to be UTF-8".to_owned() });
    }
    let text = str::from_utf8(name).map_err(|_| Error::corrupt(shown(), "its name is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(Error::corrupt(shown(), "its name has control characters"));
    }
    let is_drive = |piece: &str| piece.len() == 2 && piece.ends_with(':');
    if text.contains('\\') || text.split('/').any(|piece| matches!(piece, "" | "." | "..") || is_drive(piece)) {
        return Err(Error::corrupt(shown(), "its name is a path that leads elsewhere"));
    }
    let label = text.strip_suffix(".npy");
    let label =
        label.ok_or_else(|| Error::Unsupported { part: shown(), what: "a file that is not .npy".to_owned() })?;
    Ok(label.to_owned())
}

/// Entries in the order of their names, of which no two are equal.
fn ordered(entries: &[Entry]) -> Result<Vec<usize>, Error> {
    let mut order = memory::collected(0..entries.len())?;
    order.sort_by(|&left, &right| entries[left].name.cmp(&entries[right].name));
    match order.windows(2).find(|pair| entries[pair[0]].name == entries[pair[1]].name) {
        Some(pair) => Err(Error::corrupt(part(&entries[pair[0]].name), "is there twice")),
        None => Ok(order),
    }
}

/// The common name of a method that is not supported.
fn method_name(number: u16) -> &'static str {
    match number {
        9 => " (deflate64)",
        12 => " (bzip2)",
        14 => " (lzma)",
        93 => " (zstandard)",
        95 => " (xz)",
        _ => "",
    }
}

/// The archive is split over several files.
pub(super) fn several_files() -> Error {
    Error::Unsupported { part: "directory".to_owned(), what: "an archive in several files".to_owned() }
}

/// An error of the directory.
pub(super) fn corrupt(reason: impl Into<String>) -> Error {
    Error::corrupt("directory", reason)
}

/// The number at an offset; `bytes` must reach that far.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// As [`u16_at`].
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// As [`u16_at`].
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

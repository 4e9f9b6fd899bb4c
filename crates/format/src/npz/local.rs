//! The header in front of a member, which repeats what the directory says.

use std::io::{Read, Seek};

use super::directory::{Entry, HAS_DESCRIPTOR, MATTERS, u16_at, u32_at, wide};
use crate::Error;
use crate::npy::read_at;

const LEN: usize = 30;

/// Checks the header, and gives the offset of what follows it: the bytes of the member, which end before `end`.
pub(super) fn data(source: &mut (impl Read + Seek), entry: &Entry, end: u64) -> Result<u64, Error> {
    let corrupt = |reason: String| Error::corrupt("local header", reason);
    let overlaps = || corrupt(format!("the member goes past offset {end}, where something else begins"));
    let rest = entry.header.checked_add(LEN as u64).filter(|&rest| rest <= end).ok_or_else(overlaps)?;
    let mut fixed = [0; LEN];
    read_at(source, entry.header, &mut fixed)?;
    if !fixed.starts_with(b"PK\x03\x04") {
        return Err(corrupt(format!("there is none at offset {}", entry.header)));
    }
    let (name_len, extra_len) = (usize::from(u16_at(&fixed, 26)), usize::from(u16_at(&fixed, 28)));
    let data = rest + (name_len + extra_len) as u64;
    if data.checked_add(entry.packed).is_none_or(|packed| packed > end) {
        return Err(overlaps());
    }
    let mut text = vec![0; name_len + extra_len];
    read_at(source, rest, &mut text)?;
    let (name, extra) = text.split_at(name_len);
    let differs = |what: &str| corrupt(format!("another {what} than in the directory"));
    if name.strip_suffix(b".npy") != Some(entry.name.as_bytes()) {
        return Err(differs("name"));
    }
    if u16_at(&fixed, 8) != entry.method.number() || (u16_at(&fixed, 6) ^ entry.flags) & MATTERS != 0 {
        return Err(differs("method"));
    }
    if entry.flags & HAS_DESCRIPTOR == 0 {
        let mut sizes = [u32_at(&fixed, 22), u32_at(&fixed, 18)].map(u64::from);
        wide(&mut sizes, u32::MAX.into(), extra).ok_or_else(|| corrupt("its ZIP64 field is not whole".to_owned()))?;
        if sizes != [entry.size, entry.packed] {
            return Err(differs("size"));
        }
        if u32_at(&fixed, 14) != entry.checksum {
            return Err(differs("checksum"));
        }
    }
    Ok(data)
}

//! The end record of an archive, which says where its directory is.

use std::io::{Read, Seek};

use super::directory::{corrupt, several_files, u16_at, u32_at, u64_at};
use crate::Error;
use crate::npy::{MAGIC, read_at};

/// Where the directory is, and how many members it names.
pub(super) struct Place {
    pub(super) count: u64,
    pub(super) size: u64,
    pub(super) offset: u64,
}

const LOCAL: &[u8] = b"PK\x03\x04";
const END: &[u8] = b"PK\x05\x06";
const END_LEN: usize = 22;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_LEN: usize = 20;
const END64: &[u8] = b"PK\x06\x06";
const END64_LEN: usize = 56;

impl Place {
    /// Reads the end record of a file of `length` bytes.
    pub(super) fn find(source: &mut (impl Read + Seek), length: u64) -> Result<Self, Error> {
        check_start(source, length)?;
        // The end of the directory, and a comment that goes to the end of the file.
        let tail_length = length.min(END_LEN as u64 + u64::from(u16::MAX));
        let mut tail = vec![0; usize::try_from(tail_length).unwrap_or(0)];
        read_at(source, length - tail_length, &mut tail)?;
        let is_end = |at: &usize| {
            let end = &tail[*at..];
            end.starts_with(END) && end.len() == END_LEN + usize::from(u16_at(end, 20))
        };
        let Some(at) = (0..(tail.len() + 1).saturating_sub(END_LEN)).rev().find(is_end) else {
            return Err(corrupt("is not at the end of the file, which was cut off"));
        };
        let end = Numbers::short(&tail[at..]);
        let offset = length - tail_length + at as u64;
        match offset.checked_sub(LOCATOR_LEN as u64) {
            Some(before) => match Numbers::long(source, before)? {
                Some((long, offset)) if end.agrees(&long) => Self::new(&long, offset),
                Some(_) => Err(corrupt("has a ZIP64 end that says something else")),
                None => Self::new(&end, offset),
            },
            None => Self::new(&end, offset),
        }
    }

    /// Checks the end record at an offset.
    fn new(end: &Numbers, at: u64) -> Result<Self, Error> {
        let [disk, first_disk, on_disk, count, size, offset] = end.0;
        if disk != 0 || first_disk != 0 || on_disk != count {
            return Err(several_files());
        }
        if offset.checked_add(size) != Some(at) {
            return Err(corrupt(format!("of {size} bytes at {offset} does not end at {at}")));
        }
        Ok(Self { count, size, offset })
    }
}

/// The numbers of an end record: this file, that of the directory's start, members in this file, members, bytes of the
/// directory, and its offset.
struct Numbers([u64; 6]);

impl Numbers {
    /// Those of 16 and 32 bits.
    fn short(end: &[u8]) -> Self {
        let [disk, first_disk, on_disk, count] = [4, 6, 8, 10].map(|at| u64::from(u16_at(end, at)));
        Self([disk, first_disk, on_disk, count, u32_at(end, 12).into(), u32_at(end, 16).into()])
    }

    /// Those of 32 and 64 bits, and where they begin, if a locator at `offset` says so.
    fn long(source: &mut (impl Read + Seek), offset: u64) -> Result<Option<(Self, u64)>, Error> {
        let mut locator = [0; LOCATOR_LEN];
        read_at(source, offset, &mut locator)?;
        if !locator.starts_with(LOCATOR) {
            return Ok(None);
        }
        if u32_at(&locator, 4) != 0 || u32_at(&locator, 16) > 1 {
            return Err(several_files());
        }
        let (at, mut end) = (u64_at(&locator, 8), [0; END64_LEN]);
        if at.checked_add(END64_LEN as u64).is_some_and(|end| end <= offset) {
            read_at(source, at, &mut end)?;
        }
        // Its length does not count what stands before it, nor itself.
        if !end.starts_with(END64) || u64_at(&end, 4).checked_add(at + 12) != Some(offset) {
            return Err(corrupt("has no ZIP64 end where one must be"));
        }
        let [on_disk, count, size, start] = [24, 32, 40, 48].map(|at| u64_at(&end, at));
        Ok(Some((Self([u32_at(&end, 16).into(), u32_at(&end, 20).into(), on_disk, count, size, start]), at)))
    }

    /// Whether the longer numbers agree with these. A number here that has its maximum does not count.
    fn agrees(&self, long: &Self) -> bool {
        let most = [u16::MAX.into(); 4].into_iter().chain([u32::MAX.into(); 2]);
        self.0.iter().zip(long.0).zip(most).all(|((&short, long), most): (_, u64)| short == most || short == long)
    }
}

/// The error of a file that does not begin as an archive does.
fn check_start(source: &mut (impl Read + Seek), length: u64) -> Result<(), Error> {
    let mut start = [0; 6];
    let known = usize::try_from(length).unwrap_or(usize::MAX).min(start.len());
    read_at(source, 0, &mut start[..known])?;
    if start.starts_with(LOCAL) || start.starts_with(END) {
        return Ok(());
    }
    let reason = match known {
        0 => "it is empty",
        _ if start.starts_with(MAGIC) => "it is a .npy file",
        _ => "it does not begin with PK",
    };
    Err(Error::Foreign { format: ".npz", reason })
}

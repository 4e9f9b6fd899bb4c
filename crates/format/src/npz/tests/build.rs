//! Archives, right and wrong, byte by byte.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use fourfold_tensor::Tensor;

use crate::npy;

/// A member, and what headers say of it.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) checksum: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) bytes: Vec<u8>,
    /// What the directory has behind the name.
    pub(super) extra: Vec<u8>,
    /// Where the directory says that the member is; where it is, if `None`.
    pub(super) header: Option<u32>,
}

/// A member as NumPy writes it.
pub(super) fn member(name: &str, tensor: &Tensor, is_deflated: bool) -> Member {
    of_bytes(&format!("{name}.npy"), &npy::write(tensor), is_deflated)
}

/// A file of these bytes.
pub(super) fn of_bytes(name: &str, file: &[u8], is_deflated: bool) -> Member {
    let bytes = if is_deflated { deflated(file) } else { file.to_vec() };
    Member {
        name: name.into(),
        flags: if name.is_ascii() { 0 } else { 1 << 11 },
        method: if is_deflated { 8 } else { 0 },
        checksum: crc32fast::hash(file),
        packed: bytes.len() as u64,
        size: file.len() as u64,
        bytes,
        extra: Vec::new(),
        header: None,
    }
}

pub(super) fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// A file of these members.
pub(super) fn archive(members: &[Member]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let offset = u32::try_from(file.len()).expect("small");
        file.extend(local(member));
        directory.extend(entry(member, member.header.unwrap_or(offset)));
    }
    let offset = u32::try_from(file.len()).expect("small");
    let count = u16::try_from(members.len()).expect("few");
    let size = u32::try_from(directory.len()).expect("small");
    [file, directory, end(count, size, offset)].concat()
}

/// A member with its header.
pub(super) fn local(member: &Member) -> Vec<u8> {
    let name = u16::try_from(member.name.len()).expect("short");
    let head = [b"PK\x03\x04\x14\0", &shared(member)[..], &name.to_le_bytes(), &[0, 0], &member.name].concat();
    [head, member.bytes.clone()].concat()
}

/// What the directory says of a member at an offset.
pub(super) fn entry(member: &Member, offset: u32) -> Vec<u8> {
    let lengths = [member.name.len(), member.extra.len(), 0, 0, 0, 0, 0];
    let lengths = lengths.map(|length| u16::try_from(length).expect("short").to_le_bytes());
    let head = [b"PK\x01\x02\x14\0\x14\0", &shared(member)[..], lengths.as_flattened()].concat();
    [head, offset.to_le_bytes().to_vec(), member.name.clone(), member.extra.clone()].concat()
}

/// Flags, method, time, date, checksum and sizes.
fn shared(member: &Member) -> Vec<u8> {
    let [packed, size] = [member.packed, member.size].map(|size| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
    let head = [member.flags.to_le_bytes(), member.method.to_le_bytes(), [0, 0], [0x21, 0]].concat();
    [&head[..], &member.checksum.to_le_bytes(), &packed, &size].concat()
}

/// The end of a directory.
pub(super) fn end(count: u16, size: u32, offset: u32) -> Vec<u8> {
    let count = count.to_le_bytes();
    [b"PK\x05\x06\0\0\0\0", &[count, count].concat()[..], &size.to_le_bytes(), &offset.to_le_bytes(), &[0, 0]].concat()
}

/// The ZIP64 end of a directory, its locator, and an end that points to it.
pub(super) fn end64(count: u64, size: u64, offset: u64, at: u64) -> Vec<u8> {
    let versions = [45_u16.to_le_bytes(), 45_u16.to_le_bytes()].concat();
    let numbers = [count, count, size, offset].map(u64::to_le_bytes);
    let record = [b"PK\x06\x06", &44_u64.to_le_bytes()[..], &versions, &[0; 8], numbers.as_flattened()].concat();
    let locator = [b"PK\x06\x07\0\0\0\0", &at.to_le_bytes()[..], &1_u32.to_le_bytes()].concat();
    [record, locator, end(u16::MAX, u32::MAX, u32::MAX)].concat()
}

//! Files that are no archives, lie, or want too much.

use proptest::prelude::*;

use fourfold_error::ErrorKind;

use super::build::{Member, archive, deflated, end, end64, entry, local, member, of_bytes};
use super::*;
use crate::npy;

fn tensor() -> Tensor {
    Tensor::from_vec(&[3, 2], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]).expect("six")
}

fn x() -> Member {
    member("x", &tensor(), true)
}

fn all(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, Error> {
    read(bytes, &Limits::default())
}

fn of_one(member: Member) -> Result<BTreeMap<String, Tensor>, Error> {
    all(&archive(&[member]))
}

fn corrupt(result: Result<BTreeMap<String, Tensor>, Error>, words: &str) {
    let error = result.expect_err(words);
    assert!(matches!(error, Error::Corrupt { .. }) && error.to_string().contains(words), "{words}: {error}");
}

fn unsupported(result: Result<BTreeMap<String, Tensor>, Error>, words: &str) {
    let error = result.expect_err(words);
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains(words), "{words}: {error}");
}

#[test]
fn what_is_built_here_is_read() {
    let expected = BTreeMap::from([("x".to_owned(), tensor())]);
    assert_eq!(of_one(x()), Ok(expected.clone()));
    assert_eq!(of_one(member("x", &tensor(), false)), Ok(expected.clone()));
    let with_comment = [&archive(&[x()])[..archive(&[x()]).len() - 2], b"\x05\0hello"].concat();
    assert_eq!(all(&with_comment), Ok(expected.clone()));
    let (front, directory) = (local(&x()), entry(&x(), 0));
    let (size, offset) = (directory.len() as u64, front.len() as u64);
    let zip64 = [front, directory, end64(1, size, offset, offset + size)].concat();
    assert_eq!(all(&zip64), Ok(expected.clone()));
    let field = [&[1, 0, 16, 0][..], &x().size.to_le_bytes(), &x().packed.to_le_bytes()].concat();
    let wide = entry(&Member { extra: field, size: u64::MAX, packed: u64::MAX, ..x() }, 0);
    let size = u32::try_from(wide.len()).expect("small");
    let file = [local(&x()), wide, end(1, size, u32::try_from(offset).expect("small"))].concat();
    assert_eq!(all(&file), Ok(expected));
}

#[test]
fn other_files_are_named() {
    let foreign = |bytes: &[u8], words: &str| {
        let error = all(bytes).expect_err("no archive");
        assert!(matches!(error, Error::Foreign { .. }) && error.to_string().contains(words), "{error}");
    };
    foreign(b"", "it is empty");
    foreign(b"P", "does not begin with PK");
    foreign(b"<!DOCTYPE html>", "does not begin with PK");
    foreign(&npy::write(&tensor()), "it is a .npy file");
    foreign(&[&b"#!/bin/sh\n"[..], &archive(&[x()])].concat(), "does not begin with PK");
    corrupt(all(b"PK\x03\x04"), "cut off");
    corrupt(all(&end(0, 0, 0)), "has no arrays");
    corrupt(of_one(of_bytes("x.npy", b"nothing", true)), "array `x`: not a .npy file");
    unsupported(of_one(of_bytes("x.txt", b"text", false)), "member `x.txt`: a file that is not .npy");
    unsupported(of_one(of_bytes("x.npy.bak", b"text", false)), "not .npy");
    for descr in ["'|O'", "[('a', '<f4')]"] {
        let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}\n");
        let length = u16::try_from(header.len()).expect("short").to_le_bytes();
        let file = [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), &[0; 8]].concat();
        unsupported(of_one(of_bytes("x.npy", &file, true)), "array `x`, header: ");
    }
}

#[test]
fn files_cut_off_or_longer_are_refused() {
    for is_deflated in [false, true] {
        let file = archive(&[member("x", &tensor(), is_deflated), member("y", &tensor(), is_deflated)]);
        for length in 0..file.len() {
            assert!(all(&file[..length]).is_err(), "{length}");
        }
        assert!(all(&[&file[..], b"\0"].concat()).is_err());
        assert!(all(&[&file[..], &file].concat()).is_err());
    }
}

#[test]
fn every_flipped_bit_of_a_member_is_noticed() {
    for is_deflated in [false, true] {
        let whole = member("x", &tensor(), is_deflated);
        let file = archive(std::slice::from_ref(&whole));
        let start = local(&whole).len() - whole.bytes.len();
        for bit in 0..whole.bytes.len() * 8 {
            let mut flipped = file.clone();
            flipped[start + bit / 8] ^= 1 << (bit % 8);
            assert!(all(&flipped).is_err(), "bit {bit}");
        }
        let by_rows = |bytes: &[u8]| {
            let mut archive = open(bytes)?;
            (0..3).try_for_each(|row| archive.rows("x", row..row + 1).map(drop))
        };
        let mut flipped = file.clone();
        flipped[start + whole.bytes.len() - 20] ^= 1;
        assert!(by_rows(&file).is_ok() && by_rows(&flipped).is_err());
    }
    let error = of_one(Member { checksum: 1, ..x() }).expect_err("another checksum");
    assert!(matches!(&error, Error::Checksum { .. }) && error.to_string().contains("array `x`"), "{error}");
}

#[test]
fn sizes_that_lie_are_refused() {
    let more = deflated(&[npy::write(&tensor()), vec![0]].concat());
    corrupt(of_one(Member { packed: more.len() as u64, bytes: more, ..x() }), "more than 152 bytes are compressed");
    let less = deflated(&npy::write(&tensor())[..140]);
    corrupt(of_one(Member { packed: less.len() as u64, bytes: less, ..x() }), "140 bytes are compressed, not 152");
    let behind = [x().bytes, vec![7]].concat();
    corrupt(of_one(Member { packed: behind.len() as u64, bytes: behind, ..x() }), "1 bytes behind");
    let short = Member { packed: x().packed - 1, bytes: x().bytes[..x().bytes.len() - 1].to_vec(), ..x() };
    corrupt(of_one(short), "cut off");
    corrupt(of_one(Member { size: 151, ..member("x", &tensor(), false) }), "stored in");
    corrupt(of_one(Member { size: 1 << 20, ..x() }), "1048576");
    corrupt(of_one(Member { packed: 1 << 20, ..x() }), "reach into the directory");
    corrupt(of_one(Member { header: Some(u32::MAX - 1), ..x() }), "reach into the directory");
    corrupt(of_one(Member { header: Some(u32::MAX), ..x() }), "ZIP64 field is not whole");
    corrupt(of_one(Member { header: Some(4), ..x() }), "there is none at offset 4");
    corrupt(of_one(Member { extra: vec![1, 0, 9, 0, 0], ..x() }), "ZIP64 field is not whole");
    let twice = [1, 0, 0, 0, 1, 0, 0, 0];
    corrupt(of_one(Member { extra: twice.to_vec(), ..x() }), "ZIP64 field is not whole");
    // The directory says one thing, the header in front of the member another.
    for (other, words) in [
        (Member { name: b"y.npy".to_vec(), ..x() }, "another name"),
        (Member { checksum: 1, ..x() }, "another checksum"),
        (Member { size: 3, ..x() }, "another size"),
        (Member { method: 0, ..x() }, "another method"),
        (Member { flags: 1, ..x() }, "another method"),
    ] {
        let (front, directory) = (local(&other), entry(&x(), 0));
        let size = [directory.len(), front.len()].map(|size| u32::try_from(size).expect("small"));
        corrupt(all(&[front, directory, end(1, size[0], size[1])].concat()), words);
    }
}

#[test]
fn directories_that_lie_are_refused() {
    let (front, directory) = (local(&x()), entry(&x(), 0));
    let with_end = |end: Vec<u8>| all(&[front.clone(), directory.clone(), end].concat());
    let [size, offset] = [directory.len(), front.len()].map(|size| u32::try_from(size).expect("small"));
    assert!(with_end(end(1, size, offset)).is_ok());
    corrupt(with_end(end(2, size, offset)), "no 2 members");
    corrupt(with_end(end(1, size - 1, offset)), "does not end at");
    corrupt(with_end(end(1, size, offset + 1)), "does not end at");
    corrupt(with_end(end(1, size + offset, 0)), "fewer members");
    corrupt(with_end(end(0, size, offset)), "has no arrays");
    let mut on_disk = end(1, size, offset);
    on_disk[4] = 1;
    unsupported(with_end(on_disk), "several files");
    let [size, offset] = [size, offset].map(u64::from);
    let at = size + offset;
    assert!(with_end(end64(1, size, offset, at)).is_ok());
    corrupt(with_end(end64(1, size, offset, at + 1)), "no ZIP64 end");
    corrupt(with_end(end64(1, size, offset, u64::MAX - 11)), "no ZIP64 end");
    corrupt(with_end(end64(1, u64::MAX, offset, at)), "does not end at");
    let error = with_end(end64(u64::MAX, size, offset, at)).expect_err("so many");
    assert!(error.kind() == ErrorKind::Limit && error.to_string().contains("archive-entries"), "{error}");
    corrupt(with_end(end64(60_000, size, offset, at)), "no 60000 members");
    let mut disagrees = end64(1, size, offset, at);
    let short = disagrees.len() - 12;
    disagrees[short..short + 2].copy_from_slice(&[2, 0]);
    corrupt(with_end(disagrees), "says something else");
}

#[test]
fn names_are_only_labels() {
    for name in ["../../x.npy", "/etc/x.npy", "a/../x.npy", "a//x.npy", "./x.npy", "C:/x.npy", "C:\\x.npy", "..", "/"] {
        corrupt(of_one(of_bytes(name, &npy::write(&tensor()), false)), "a path that leads elsewhere");
    }
    for name in ["a\n.npy", "\u{1b}[31mx.npy", "x\0.npy", "\u{85}.npy"] {
        corrupt(of_one(of_bytes(name, &npy::write(&tensor()), false)), "control characters");
    }
    let unmarked = Member { flags: 0, ..member("é", &tensor(), false) };
    unsupported(of_one(unmarked), "not said to be UTF-8");
    corrupt(of_one(Member { name: b"\xff.npy".to_vec(), flags: 1 << 11, ..x() }), "not UTF-8");
    corrupt(all(&archive(&[x(), member("y", &tensor(), false), x()])), "array `x`: is there twice");
    for name in ["layer.1/weight", "input:0", "a b", "é", "x.npy", ""] {
        let result = of_one(member(name, &tensor(), true)).map(|all| all.into_keys().collect::<Vec<_>>());
        assert_eq!(result, Ok(vec![name.to_owned()]));
    }
}

#[test]
fn what_is_not_read_is_unsupported() {
    for flags in [1, 1 << 6, 1 << 13] {
        unsupported(of_one(Member { flags, ..x() }), "array `x`: encryption");
    }
    unsupported(of_one(Member { flags: 1 << 5, ..x() }), "a patch");
    for (method, words) in [(9, "deflate64"), (12, "bzip2"), (14, "lzma"), (93, "zstandard"), (99, "method 99")] {
        unsupported(of_one(Member { method, ..x() }), words);
    }
}

#[test]
fn bombs_are_limits() {
    let limit = |result: Result<BTreeMap<String, Tensor>, Error>, name: &str| match result {
        Err(Error::Limit(limit)) => assert_eq!(limit.name, name),
        other => panic!("{name}: {other:?}"),
    };
    let zeros = member("x", &Tensor::from_vec(&[8 << 20], vec![0_u8; 8 << 20]).expect("as many"), true);
    limit(of_one(zeros.clone()), "archive-ratio");
    let limits = Limits { archive_ratio: 2000, ..Limits::default() };
    assert!(read(&archive(std::slice::from_ref(&zeros)), &limits).is_ok());
    limit(of_one(Member { size: u32::MAX.into(), extra: wide_size(5 << 30), ..x() }), "archive-bytes");
    limit(of_one(Member { size: u32::MAX.into(), extra: wide_size(u64::MAX), ..x() }), "archive-bytes");
    // Many members of the same bytes.
    let mut names = Vec::new();
    for index in 0..100_u8 {
        names.push(Member { name: format!("{index}.npy").into(), header: Some(0), ..zeros.clone() });
    }
    let directory: Vec<u8> = names.iter().flat_map(|member| entry(member, 0)).collect();
    let front = local(&names[0]);
    let [size, offset] = [directory.len(), front.len()].map(|size| u32::try_from(size).expect("small"));
    let file = [front, directory, end(100, size, offset)].concat();
    limit(all(&file), "archive-ratio");
    let limits = Limits { archive_ratio: u64::MAX, ..Limits::default() };
    corrupt(read(&file, &limits), "something else begins");
    // Constants of up to a mebibyte are no bombs.
    let ones = Tensor::from_vec(&[1000, 1000], vec![1_u8; 1_000_000]).expect("as many");
    assert_eq!(of_one(member("x", &ones, true)).map(|all| all["x"] == ones), Ok(true));
}

/// A ZIP64 field of one size.
fn wide_size(size: u64) -> Vec<u8> {
    [&[1, 0, 8, 0][..], &size.to_le_bytes()].concat()
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = all(&bytes);
        let _ = all(&[b"PK\x03\x04", &bytes[..]].concat());
        let _ = all(&[b"PK\x05\x06", &bytes[..]].concat());
    }

    #[test]
    fn no_change_panics(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        is_deflated in any::<bool>(),
        is_wide in any::<bool>(),
    ) {
        let members = [member("x", &tensor(), is_deflated), member("y", &tensor(), !is_deflated)];
        let mut file = archive(&members);
        if is_wide {
            let size = members.iter().map(|member| entry(member, 0).len() as u64).sum::<u64>();
            let at = file.len() as u64 - 22;
            file.truncate(file.len() - 22);
            file.extend(end64(2, size, at - size, at));
            prop_assert!(all(&file).is_ok());
        }
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if let Ok(read) = all(&file) {
            prop_assert!(read.values().all(|tensor| tensor.len() <= 1000));
        }
    }
}

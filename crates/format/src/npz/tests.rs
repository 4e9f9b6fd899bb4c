//! Archives of NumPy.

use std::cell::Cell;
use std::io::{Read, Seek, SeekFrom};

use super::*;
use crate::safetensors;

mod build;
mod hostile;

const STORED: &[u8] = include_bytes!("../../tests/data/arrays.npz");
const DEFLATED: &[u8] = include_bytes!("../../tests/data/arrays_compressed.npz");

/// What the archives must be read as.
fn expected() -> BTreeMap<String, Tensor> {
    let file = include_bytes!("../../tests/data/arrays.safetensors");
    safetensors::read(file, &Limits::default()).expect("valid")
}

fn open(bytes: &[u8]) -> Result<Archive<Cursor<&[u8]>>, Error> {
    Archive::new(Cursor::new(bytes), &Limits::default())
}

#[test]
fn archives_of_numpy_are_read() {
    for (file, is_compressed) in [(STORED, false), (DEFLATED, true)] {
        assert_eq!(read(file, &Limits::default()), Ok(expected()));
        let archive = open(file).expect("valid");
        assert_eq!(archive.members().len(), expected().len());
        let first: Vec<&str> = archive.members().iter().map(Member::name).take(4).collect();
        assert_eq!(first, ["f4/rows", "f4/big", "f4/fortran", "i1/rows"], "the archive's order");
        for (name, tensor) in expected() {
            let member = archive.member(&name).expect("there");
            assert_eq!((member.name(), member.dtype(), member.shape()), (&*name, tensor.dtype(), tensor.shape()));
            assert_eq!(member.is_compressed(), is_compressed);
        }
        assert!(archive.member("f4").is_none());
    }
    let streamed = BTreeMap::from([("f4/rows".to_owned(), expected()["f4/rows"].clone())]);
    let (stored, deflated) =
        (include_bytes!("../../tests/data/streamed.npz"), include_bytes!("../../tests/data/streamed_compressed.npz"));
    assert_eq!(read(stored, &Limits::default()).as_ref(), Ok(&streamed));
    assert_eq!(read(deflated, &Limits::default()).as_ref(), Ok(&streamed));
}

#[test]
fn rows_are_read_in_any_order_and_side_by_side() {
    for file in [STORED, DEFLATED] {
        let mut archive = open(file).expect("valid");
        let all = expected();
        for range in [0..1, 1..3, 3..3, 3..5, 0..2, 4..5, 0..0, 2..5, 5..5] {
            for name in ["f4/fortran", "u2/rows", "u8/fortran", "long", "i2/rows"] {
                assert_eq!(
                    archive.rows(name, range.clone()).ok(),
                    all[name].rows(range.clone()).ok(),
                    "{name} {range:?}"
                );
            }
        }
        assert!(matches!(archive.rows("i2/rows", 6..8), Err(Error::Tensor(_))));
        assert!(matches!(archive.rows("x", 0..1), Err(Error::Missing { name, .. }) if name == "x"));
        assert_eq!(archive.tensor("scalar").as_ref(), Ok(&all["scalar"]));
    }
}

/// A source that knows how much of it was read.
struct Counted<'a>(Cursor<&'a [u8]>, &'a Cell<usize>);

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.set(self.1.get() + count);
        Ok(count)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn going_forward_reads_everything_once() {
    let numbers: Vec<i32> = (0..300_000).map(|index: i32| index.wrapping_mul(0x9E37_79B9_u32.cast_signed())).collect();
    let tensor = Tensor::from_vec(&[5000, 60], numbers).expect("as many");
    for is_deflated in [false, true] {
        let file = build::archive(&[build::member("x", &tensor, is_deflated)]);
        let count = Cell::new(0);
        let mut archive = Archive::new(Counted(Cursor::new(&file), &count), &Limits::default()).expect("valid");
        count.set(0);
        for start in (0..5000).step_by(100) {
            assert_eq!(archive.rows("x", start..start + 100).ok(), tensor.rows(start..start + 100).ok());
        }
        assert!(count.get() <= file.len(), "{} of {}", count.get(), file.len());
        count.set(0);
        assert_eq!(archive.rows("x", 10..12).ok(), tensor.rows(10..12).ok());
        let most = if is_deflated { super::contents::PIECE } else { 2 * 60 * 4 };
        assert!(count.get() <= most, "{} for earlier rows", count.get());
    }
}

#[test]
fn limits_hold() {
    let check = |limits: Limits, name: &str| match Archive::new(Cursor::new(DEFLATED), &limits) {
        Err(Error::Limit(limit)) => assert_eq!(limit.name, name),
        other => panic!("{name}: {other:?}"),
    };
    let defaults = Limits::default;
    check(Limits { archive_entries: 34, ..defaults() }, "archive-entries");
    check(Limits { archive_bytes: 20_000, ..defaults() }, "archive-bytes");
    check(Limits { header_bytes: 1000, ..defaults() }, "header-bytes");
    check(Limits { name_bytes: 10, ..defaults() }, "name-bytes");
    let mut archive = Archive::new(Cursor::new(STORED), &Limits { elements: 40, ..defaults() }).expect("headers");
    assert!(matches!(archive.tensor("i2/rows"), Err(Error::Limit(limit)) if limit.name == "elements"));
    assert!(archive.rows("i2/rows", 0..6).is_ok());
}

#[test]
fn memory_is_given_back() {
    let tensor = Tensor::from_vec(&[2, 8], vec![1_u8; 16]).expect("as many");
    let names: Vec<String> = (0..200).map(|index| format!("x{index}")).collect();
    let members: Vec<build::Member> = names.iter().map(|name| build::member(name, &tensor, true)).collect();
    let file = build::archive(&members);
    let mut archive = open(&file).expect("valid");
    for name in &names {
        assert_eq!(archive.rows(name, 0..1).ok(), tensor.rows(0..1).ok());
    }
    assert_eq!(archive.open.len(), OPEN);
    assert_eq!(archive.members.iter().filter(|member| member.contents.is_open()).count(), OPEN);
    for name in &names {
        assert_eq!(archive.rows(name, 1..2).ok(), tensor.rows(1..2).ok());
    }
}

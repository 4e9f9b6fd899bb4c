//! Files that are cut off, changed or forged are refused.

use fourfold_graph::Graph;
use fourfold_tensor::Tensor;
use proptest::prelude::*;

use super::super::{FORMAT, build, record, to_bytes};
use super::{read, small};
use crate::{Error, codec, layout};

#[test]
fn files_cut_off_anywhere_are_refused() {
    let bytes = to_bytes(&small()).expect("a known graph");
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length}");
    }
    assert!(matches!(read(&[&bytes[..], &[0]].concat()), Err(Error::Corrupt { .. })));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut bytes = to_bytes(&small()).expect("a known graph");
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&bytes).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(read(&bytes), Ok(small()));
}

#[test]
fn damage_is_called_by_its_name() {
    let bytes = to_bytes(&small()).expect("a known graph");
    let translated: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != b'\r').collect();
    assert!(matches!(read(&translated), Err(Error::Corrupt { reason, .. }) if reason.contains("line ends")));
    assert!(matches!(read(b"<html>"), Err(Error::Foreign { .. })));
    let with = |at: usize, new: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        let crc = crc32fast::hash(&bytes[..28]).to_le_bytes();
        bytes[28..32].copy_from_slice(&crc);
        read(&bytes)
    };
    assert_eq!(with(8, &[2, 0]), Err(Error::Version { major: 2, minor: 0 }));
    assert!(matches!(with(8, &[0, 0]), Err(Error::Corrupt { .. })), "there never was a version 0");
    assert_eq!(with(10, &[7, 0]), Ok(small()), "a newer minor version");
    assert_eq!(with(12, &[4, 0, 0, 0]), Err(Error::Flags { flags: 4 }));
    assert!(matches!(with(16, &[255; 8]), Err(Error::Limit(limit)) if limit.name == "header-bytes"));
    assert!(matches!(with(16, &[0, 0, 1, 0]), Err(Error::Corrupt { .. })));
}

/// A file of a header and data with checksums that are right.
pub(super) fn forged(change: impl FnOnce(&mut record::Header)) -> Result<Graph, Error> {
    let graph = small();
    let mut header = build::record(&graph).expect("a known graph");
    change(&mut header);
    let header = codec::encode(&header).expect("small");
    let constants = graph.values().iter().filter_map(|value| value.constant()).map(Tensor::to_le_bytes);
    read(&layout::write(&FORMAT, 0, &header, constants).expect("small"))
}

#[test]
fn headers_with_right_checksums_are_still_checked() {
    let constant = |header: &mut record::Header, change: fn(&mut u8, &mut Vec<u64>, &mut u32)| {
        if let record::Item::Constant { dtype, shape, crc, .. } = &mut header.items[1] {
            change(dtype, shape, crc);
        }
    };
    let node = |header: &mut record::Header, change: fn(&mut String, &mut Vec<u32>)| {
        let items = header.items.iter_mut();
        items.for_each(|item| {
            if let record::Item::Node { name, inputs, .. } = item {
                change(name, inputs);
            }
        });
    };
    assert_eq!(forged(|_| {}), Ok(small()));
    assert!(forged(|header| header.outputs = vec![9]).is_err());
    assert!(forged(|header| header.outputs.clear()).is_err());
    assert!(forged(|header| node(header, |_, inputs| inputs[0] = 3)).is_err(), "its own result");
    assert!(forged(|header| node(header, |_, inputs| inputs[0] = u32::MAX)).is_err());
    assert!(forged(|header| node(header, |_, inputs| inputs.truncate(1))).is_err());
    assert!(forged(|header| node(header, |name, _| *name = "\u{1b}[31m".to_owned())).is_err());
    assert!(forged(|header| constant(header, |dtype, _, _| *dtype = 5)).is_err());
    assert!(forged(|header| constant(header, |_, shape, _| *shape = vec![u64::MAX, 2])).is_err());
    assert!(forged(|header| constant(header, |_, shape, _| *shape = vec![1, 3])).is_err(), "beyond the file");
    assert!(forged(|header| constant(header, |_, shape, _| *shape = vec![1, 1])).is_err(), "a hole");
    assert!(forged(|header| constant(header, |_, _, crc| *crc ^= 1)).is_err());
    assert!(forged(|header| header.items.swap(1, 2)).is_err(), "the wrong data");
    assert!(forged(|header| header.items.swap(0, 3)).is_err(), "used before it is made");
    let long = forged(|header| node(header, |_, inputs| inputs.resize(1 << 20, 0))).expect_err("too many operands");
    assert!(long.to_string().len() < 200, "no message repeats a long list");
    let symbol = |header: &mut record::Header, name: String| {
        if let record::Item::Input { ty, .. } = &mut header.items[0] {
            ty.dims[0] = record::Dim::Symbol(name);
        }
    };
    assert!(forged(|header| symbol(header, "\u{1b}[2J".to_owned())).is_err());
    assert!(forged(|header| symbol(header, "n".repeat(1 << 20))).is_err());
    assert!(forged(|header| header.name = "n".repeat(1 << 20)).is_err());
    let control = forged(|header| {
        if let record::Item::Constant { name, shape, .. } = &mut header.items[2] {
            (*name, *shape) = ("\u{1b}[2J".to_owned(), vec![1 << 20]);
        }
    });
    assert!(!control.expect_err("beyond the file").to_string().contains('\u{1b}'));
    let duplicate = forged(|header| {
        if let record::Item::Constant { name, .. } = &mut header.items[2] {
            "x".clone_into(name);
        }
    });
    assert!(matches!(duplicate, Err(Error::Graph(fourfold_graph::Error::DuplicateName { .. }))));
}

proptest! {
    #[test]
    fn damaged_files_are_refused_without_a_panic(
        at in 0_usize..400,
        bytes in proptest::collection::vec(any::<u8>(), 1..20),
    ) {
        let mut file = to_bytes(&small()).expect("a known graph");
        let at = at % file.len();
        let end = file.len().min(at + bytes.len());
        let is_changed = file[at..end] != bytes[..end - at];
        file[at..end].copy_from_slice(&bytes[..end - at]);
        prop_assert_eq!(read(&file).is_err(), is_changed);
    }

    #[test]
    fn no_header_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&layout::write(&FORMAT, 0, &bytes, std::iter::empty::<Vec<u8>>()).expect("small"));
    }
}

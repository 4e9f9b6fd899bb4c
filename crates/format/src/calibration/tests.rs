//! Calibrations that come back, and files that do not.

use fourfold_observers::{Channels, Extent, ObserverKind, Shards, State, Watched};
use fourfold_tensor::Tensor;
use proptest::prelude::*;

use super::*;

fn read(bytes: &[u8]) -> Result<States, Error> {
    from_bytes(bytes, &Limits::default())
}

fn write(states: &States) -> Vec<u8> {
    to_bytes(states).expect("known observers")
}

/// One observer of every kind that is written, after two batches.
fn everything() -> States {
    let watched = |(index, observer): (usize, ObserverKind)| {
        let mut watching = observer.observer();
        for scale in [1.0_f32, 3.0] {
            let values = (0_u8..12).map(|at| scale * (f32::from(at) - 4.5)).collect();
            watching.observe(&Tensor::from_vec(&[3, 4], values).expect("twelve")).expect("finite");
        }
        Watched { value: format!("value {index}"), observer, state: watching.state() }
    };
    let written = ObserverKind::ALL.into_iter().filter(|&observer| observer != ObserverKind::Recording);
    let watched = written.enumerate().map(watched).collect();
    States { model: [9; 32], batches: 2, parts: [[1; 16], [2; 16]].into(), shards: None, watched }
}

/// A small file, of which every bit can be tried.
fn small() -> States {
    let state = State::MinMax(Some(Extent { min: -1.0, max: 2.0 }));
    let watched = vec![
        Watched { value: "x".to_owned(), observer: ObserverKind::MinMax, state },
        Watched { value: "y".to_owned(), observer: ObserverKind::Mse, state: ObserverKind::Mse.observer().state() },
    ];
    States { model: [9; 32], batches: 3, parts: [[1; 16], [2; 16]].into(), shards: None, watched }
}

#[test]
fn every_observer_comes_back_with_the_same_bits() {
    for states in [everything(), small(), States { batches: 0, parts: [].into(), watched: vec![], ..small() }] {
        let bytes = write(&states);
        assert!(is_calibration(&bytes) && !crate::container::is_container(&bytes));
        assert_eq!(read(&bytes).as_ref(), Ok(&states));
        assert_eq!(write(&states), bytes);
    }
    let recording =
        Watched { value: "x".to_owned(), observer: ObserverKind::Recording, state: State::Recording(vec![]) };
    let recording = to_bytes(&States { watched: vec![recording], ..small() });
    assert!(matches!(recording, Err(Error::Unsupported { what, .. }) if what == "recording"));
}

/// One observer of every kind, one of each form of counts with counts.
fn golden() -> States {
    let mut states = everything();
    for Watched { observer, state, .. } in &mut states.watched {
        if matches!(observer, ObserverKind::Percentile { .. } | ObserverKind::Entropy) {
            *state = observer.observer().state();
        }
    }
    states
}

#[test]
fn the_first_version_is_read_for_ever() {
    let file = include_bytes!("../../tests/data/version_1.calibration");
    assert_eq!(read(file), Ok(golden()));
    assert_eq!(write(&golden()), file, "what is written today");
}

/// A calibration of some of the shards.
fn of_shards() -> States {
    States { shards: Shards::new(5, [2, 4].into()).expect("in bounds"), ..small() }
}

#[test]
fn shards_come_back_and_states_without_them_stay_as_they_were() {
    let bytes = write(&of_shards());
    assert_eq!((bytes[10], write(&small())[10]), (1, 0), "minor versions");
    assert_eq!(read(&bytes), Ok(of_shards()));
    let forged = |count: u64, finished: &[u64]| {
        let (header, sections) = build::record(&small()).expect("known observers");
        let shards = record::Shards { count, finished: finished.to_vec() };
        let header = codec::encode(&(header, shards)).expect("small");
        read(&layout::write(&FORMAT, 1, &header, sections.iter()).expect("small"))
    };
    assert_eq!(forged(5, &[2, 4]), Ok(of_shards()));
    for (count, finished) in [(5, &[4, 2][..]), (5, &[2, 2]), (5, &[0]), (5, &[6]), (0, &[]), (2, &[1, 2])] {
        let result = forged(count, finished);
        assert!(matches!(&result, Err(Error::Corrupt { part, .. }) if part == "shards"), "{finished:?}: {result:?}");
    }
}

#[test]
fn every_cut_and_every_flipped_bit_is_noticed() {
    [small(), of_shards()].iter().for_each(damaged);
}

fn damaged(states: &States) {
    let good = write(states);
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_err(), "{length}");
    }
    assert!(matches!(read(&[&good[..], &[0]].concat()), Err(Error::Corrupt { .. })));
    let mut bytes = good.clone();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&bytes).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    let container = [0x89, b'F', b'4', b'F', b'\r', b'\n', 0x1a, b'\n'];
    assert!(matches!(read(&container), Err(Error::Foreign { format: "calibration", .. })));
    let mut newer = good;
    newer[8] = 2;
    let crc = crc32fast::hash(&newer[..28]).to_le_bytes();
    newer[28..32].copy_from_slice(&crc);
    assert!(matches!(read(&newer), Err(Error::Version { major: 2, .. })));
}

/// A file with a changed header and checksums that are right.
fn forged(change: impl FnOnce(&mut record::Header, &mut Vec<Vec<u8>>)) -> Result<States, Error> {
    let (mut header, mut sections) = build::record(&everything()).expect("known observers");
    change(&mut header, &mut sections);
    read(&layout::write(&FORMAT, 0, &codec::encode(&header).expect("small"), sections.iter()).expect("small"))
}

/// The first state for which `found` is true, and the bins and the checksum of its section.
fn histogram(header: &mut record::Header, of_u64: bool) -> (&mut u64, &mut u32, &mut Option<record::Extent>) {
    let states = header.watched.iter_mut().map(|watched| &mut watched.state);
    let found = states.filter_map(|state| match state {
        record::State::Histogram { bins, crc, extent, .. } if !of_u64 => Some((bins, crc, extent)),
        record::State::DyadicHistogram { bins, crc, extent, .. } if of_u64 => Some((bins, crc, extent)),
        _ => None,
    });
    found.into_iter().next().expect("a histogram")
}

#[test]
fn states_with_right_checksums_are_still_checked() {
    assert_eq!(forged(|_, _| {}), Ok(everything()));
    let corrupt = |result: Result<States, Error>, word: &str| {
        assert!(matches!(&result, Err(Error::Corrupt { .. })) && format!("{result:?}").contains(word), "{result:?}");
    };
    corrupt(forged(|header, _| header.batches = 1), "identities");
    corrupt(forged(|header, _| header.parts = u64::MAX), "do not fit this machine");
    corrupt(forged(|header, _| header.parts = 1 << 40), "file ends before");
    assert!(matches!(forged(|header, _| header.watched.swap(0, 3)), Err(Error::Checksum { .. })));
    corrupt(forged(|header, _| header.watched[1].value = "value 0".to_owned()), "two states");
    corrupt(forged(|header, _| *histogram(header, true).0 = u64::MAX / 8), "file ends before");
    corrupt(forged(|header, _| *histogram(header, true).2 = None), "counts but no");
    let reversed = Some(record::Extent { min: 1.0, max: -1.0 });
    corrupt(forged(|header, _| *histogram(header, true).2 = reversed), "in order");
    let nan = Some(record::Extent { min: f32::NAN, max: 1.0 });
    corrupt(forged(|header, _| *histogram(header, false).2 = nan), "in order");
    let parts = |order: [[u8; 16]; 2]| {
        forged(|header, sections| {
            sections[0] = order.concat();
            header.crc = crc32fast::hash(&sections[0]);
        })
    };
    corrupt(parts([[2; 16], [1; 16]]), "ascending");
    corrupt(parts([[1; 16], [1; 16]]), "ascending");
    assert!(matches!(forged(|_, sections| sections[1][0] ^= 1), Err(Error::Checksum { .. })));
    let setting = record::Observer::MovingAverageMinMax { averaging_constant: f32::NAN };
    let state = record::State::MovingAverageMinMax { extent: None };
    corrupt(
        forged(|header, _| (header.watched[9].observer, header.watched[9].state) = (setting, state)),
        "averaging_constant",
    );
    let many = forged(|header, _| header.watched[9].value = "n".repeat(1 << 16));
    assert!(matches!(many, Err(Error::Limit(limit)) if limit.name == "name-bytes"));
    let channels = Channels { axis: 1, extents: vec![] };
    let mut other_axis = everything();
    let per_channel = other_axis.watched.iter_mut().find(|watched| watched.observer == ObserverKind::PerChannelMinMax);
    per_channel.expect("one").state = State::PerChannelMinMax(channels);
    corrupt(read(&write(&other_axis)), "another axis");
}

proptest! {
    #[test]
    fn no_header_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&layout::write(&FORMAT, 0, &bytes, std::iter::empty::<Vec<u8>>()).expect("small"));
    }
}

//! Calibrations that are saved, resumed and merged.

use fourfold_observers::{ObserverKind, Shards, States};
use fourfold_schemes::Scheme;
use fourfold_tensor::Tensor;
use fourfold_testing::noise;
use proptest::prelude::*;

use super::network;
use crate::{Calibration, Error, Observed, QConfig, QConfigMapping, fuse, prepare};

fn prepared(mapping: impl Into<QConfigMapping>) -> Calibration {
    prepare(&fuse(&network()).expect("a float graph"), mapping).expect("a configuration")
}

fn batch(number: u64) -> Vec<Tensor> {
    vec![noise(&[2, 2, 6, 6], u32::try_from(number).expect("small"))]
}

fn observed(mut calibration: Calibration, numbers: impl IntoIterator<Item = u64>) -> Calibration {
    for number in numbers {
        calibration.observe_numbered(number, &batch(number)).expect("a batch");
    }
    calibration
}

fn with_observer(observer: ObserverKind) -> QConfig {
    QConfig { activation: Observed::new(observer, Scheme::U8_AFFINE), ..QConfig::fourfold() }
}

/// The bits: two states are the same file if this is the same.
fn bytes(states: &States) -> String {
    serde_json::to_string(states).expect("text")
}

#[test]
fn interrupted_and_resumed_is_the_same_as_uninterrupted() {
    let observers = ObserverKind::ALL.into_iter().filter(|observer| observer.is_per_tensor());
    for qconfig in observers.map(with_observer) {
        let whole = observed(prepared(qconfig), 0..6);
        let (saved, converted) = (bytes(&whole.save()), whole.convert());
        for cut in 0..6 {
            let first = observed(prepared(qconfig), 0..cut).save();
            let mut second = prepared(qconfig);
            second.load(&serde_json::from_str(&bytes(&first)).expect("what was saved")).expect("its own");
            assert!((0..6).all(|number| second.has_observed(number, &batch(number)) == (number < cut)));
            let second = observed(second, cut..6);
            assert_eq!(bytes(&second.save()), saved, "{:?} {cut}", qconfig.activation.observer);
            assert_eq!(second.convert(), converted);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// One process or seven, whatever they take and in whatever order they are merged.
    #[test]
    fn parts_make_the_whole(seed in any::<[u8; 14]>(), observer in 0..3_usize) {
        let mapping = with_observer([ObserverKind::Mse, ObserverKind::MinMax, ObserverKind::Entropy][observer]);
        let whole = observed(prepared(mapping), 0..14).save();
        let mut parts: Vec<States> = (0..7_u8)
            .map(|part| {
                let numbers = (0..14_u64).zip(seed).filter(|(_, owner)| owner % 7 == part).map(|(number, _)| number);
                observed(prepared(mapping), numbers).save()
            })
            .collect();
        parts.sort_by_key(|part| part.parts.first().map(|first| first[0] ^ seed[0]));
        let mut merged = prepared(mapping);
        for part in &parts {
            merged.merge(part).expect("its own");
        }
        prop_assert_eq!(bytes(&merged.save()), bytes(&whole));
        let pairs = parts[1..].iter().fold(parts[0].clone(), |mut all, part| {
            all.merge(part).expect("of one model");
            all
        });
        prop_assert_eq!(pairs, whole);
    }
}

#[test]
fn what_does_not_belong_is_refused_and_changes_nothing() {
    let mut calibration = observed(prepared(QConfig::fourfold()), 0..3);
    let before = calibration.save();
    let mut refused = |states: &States, word: &str| {
        let merged = calibration.merge(states).expect_err("does not belong");
        assert!(merged.to_string().contains(word), "{merged}");
        assert_eq!(calibration.save(), before);
    };
    refused(&before, "3 of 3 batches");
    refused(&observed(prepared(QConfig::fourfold()), 2..5).save(), "1 of 3 batches");
    refused(&observed(prepared(with_observer(ObserverKind::MinMax)), 3..5).save(), "by min_max there");
    let some = QConfigMapping::new(QConfig::fourfold()).set_module_name("fc", None);
    refused(&observed(prepared(some), 3..5).save(), "not watched");
    let unfused = prepare(&network(), QConfig::fourfold()).expect("a float graph").save();
    refused(&unfused, "another model");
    let mut forged = observed(prepared(QConfig::fourfold()), 3..5).save();
    forged.watched[1].state = fourfold_observers::State::Stateless;
    refused(&forged, "stateless");
    let mut histogram = observed(prepared(QConfig::fbgemm()), 0..2);
    let error = histogram.merge(&observed(prepared(QConfig::fbgemm()), 2..4).save()).expect_err("depends on the order");
    assert!(error.to_string().contains("order of the batches"), "{error}");
    assert!(matches!(prepared(QConfig::fourfold()).load(&States { batches: 9, ..before.clone() }), Ok(())));
    assert!(matches!(prepared(QConfig::fourfold()).load(&States { batches: 1, ..before }), Err(Error::Saved { .. })));
}

#[test]
fn a_part_of_the_samples_is_not_taken_for_all() {
    let shards = |finished: &[u64]| Shards::new(2, finished.iter().copied().collect()).expect("in bounds");
    let shard = |index: u64| {
        let mut calibration = observed(prepared(QConfig::fourfold()), (0..4).filter(|number| number % 2 == index - 1));
        calibration.set_shards(shards(&[index]));
        calibration
    };
    let (mut first, second) = (shard(1), shard(2));
    assert!(matches!(first.convert(), Err(Error::Partial { shards }) if shards.to_string() == "shard 1 of 2"));
    let mut loaded = prepared(QConfig::fourfold());
    loaded.load(&first.save()).expect("its own");
    assert!(matches!(loaded.convert(), Err(Error::Partial { .. })));
    loaded.allow_partial();
    assert!(loaded.convert().is_ok());
    assert!(first.merge(&first.save()).expect_err("twice").to_string().contains("shard 1/2"));
    first.merge(&second.save()).expect("the other shard");
    assert_eq!(first.save(), observed(prepared(QConfig::fourfold()), 0..4).save());
    assert!(first.convert().is_ok());
}

#[test]
fn a_calibration_of_all_layers_is_one_of_some() {
    let all = observed(prepared(QConfig::fourfold()), 0..3).save();
    let some = QConfigMapping::new(QConfig::fourfold()).set_module_name("fc", None);
    let mut loaded = prepared(&some);
    loaded.load(&all).expect("every value is watched");
    assert_eq!(loaded.convert(), observed(prepared(some), 0..3).convert());
}

#[test]
fn a_batch_that_is_refused_leaves_no_trace() {
    let mut calibration = observed(prepared(QConfig::fourfold()), 0..2);
    let before = calibration.save();
    // Finite, and too large for the sums of the second convolution.
    let large = noise(&[2, 2, 6, 6], 1).as_slice::<f32>().expect("f32").iter().map(|x| x * 3e38).collect::<Vec<f32>>();
    let large = Tensor::from_vec(&[2, 2, 6, 6], large).expect("as many");
    let error = calibration.observe(&[large]).expect_err("infinite sums");
    assert!(matches!(error, Error::Observe { .. }), "{error}");
    assert!(matches!(calibration.observe(&[noise(&[2, 2, 5, 5], 1)]), Err(Error::Runtime(_))));
    assert_eq!(calibration.save(), before);
}

#[test]
fn nothing_is_taken_in_while_observers_are_off() {
    let mut calibration = observed(prepared(QConfig::fourfold()), 0..2);
    let before = calibration.save();
    calibration.disable_observer();
    assert!(!calibration.is_observer_enabled());
    calibration = observed(calibration, 2..4);
    assert_eq!(calibration.save(), before);
    calibration.convert().expect("calibrated before");
    calibration.enable_observer();
    assert_eq!(observed(calibration, 2..4).save(), observed(prepared(QConfig::fourfold()), 0..4).save());
}

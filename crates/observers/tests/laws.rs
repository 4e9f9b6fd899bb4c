//! What holds for states whatever was observed.

#![expect(clippy::cast_possible_truncation, reason = "numbers of tests are known to fit")]

use fourfold_observers::{Error, Observer, ObserverKind, State, Switched};
use fourfold_schemes::Scheme;
use fourfold_tensor::Tensor;
use proptest::prelude::*;

fn vector(elements: &[f32]) -> Tensor {
    Tensor::from_slice(&[elements.len()], elements).expect("a vector")
}

/// A state as it is written.
fn bytes(observer: &dyn Observer) -> String {
    serde_json::to_string(&observer.state()).expect("a state has no maps")
}

fn merged(kind: ObserverKind, states: &[State]) -> Box<dyn Observer> {
    let mut observer = kind.observer();
    states.iter().for_each(|state| observer.merge(state).expect("states of one kind"));
    observer
}

/// Finite values of all magnitudes, zeros of both signs, and values near each other.
fn finite() -> impl Strategy<Value = f32> {
    prop_oneof![
        2 => prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
        4 => -4.0_f32..4.0,
        1 => Just(0.0_f32),
        1 => Just(-0.0_f32),
        1 => (-149_i32..=127).prop_map(|e| f64::from(e).exp2() as f32),
    ]
}

/// The same for histograms, which leave infinities out.
fn values(kind: ObserverKind) -> BoxedStrategy<f32> {
    match kind {
        ObserverKind::Mse => prop_oneof![9 => finite(), 1 => Just(f32::INFINITY), 1 => Just(f32::NEG_INFINITY)].boxed(),
        _ => finite().boxed(),
    }
}

/// Merges a list of states pairwise, in an order that `choices` picks, until one is left.
fn by_tree(kind: ObserverKind, mut states: Vec<State>, choices: &[usize]) -> Box<dyn Observer> {
    let mut choices = choices.iter().copied().cycle();
    while states.len() > 1 {
        let mut pick = || choices.next().expect("a cycle");
        let first = states.swap_remove(pick() % states.len());
        let second = states.swap_remove(pick() % states.len());
        states.push(merged(kind, &[first, second]).state());
    }
    merged(kind, &states)
}

fn mergeable() -> impl Strategy<Value = (ObserverKind, Vec<f32>)> {
    prop_oneof![Just(ObserverKind::Mse), Just(ObserverKind::MinMax)]
        .prop_flat_map(|kind| (Just(kind), prop::collection::vec(values(kind), 1..60)))
}

proptest! {
    /// Any order, any split into batches and observers, any tree of merges: the same bytes.
    #[test]
    fn the_state_depends_on_the_multiset_only(
        (kind, elements) in mergeable(),
        keys in prop::collection::vec(any::<u32>(), 60),
        owners in prop::collection::vec(0_usize..5, 60),
        choices in prop::collection::vec(any::<usize>(), 16),
    ) {
        let mut once = kind.observer();
        once.observe(&vector(&elements)).expect("no NaN");

        let mut order: Vec<usize> = (0..elements.len()).collect();
        order.sort_by_key(|&at| keys[at]);
        let mut observers: Vec<_> = (0..5).map(|_| kind.observer()).collect();
        for run in order.chunk_by(|&a, &b| owners[a] == owners[b]) {
            let batch: Vec<f32> = run.iter().map(|&at| elements[at]).collect();
            observers[owners[run[0]]].observe(&vector(&batch)).expect("no NaN");
        }
        let states: Vec<State> = observers.iter().map(|observer| observer.state()).collect();
        prop_assert_eq!(bytes(&*merged(kind, &states)), bytes(&*once));
        prop_assert_eq!(bytes(&*by_tree(kind, states, &choices)), bytes(&*once));
    }

    #[test]
    fn channels_merge_in_any_order(
        batches in prop::collection::vec(prop::collection::vec(finite(), 6), 1..6),
        first in 0_usize..6,
    ) {
        let kind = ObserverKind::PerChannelMinMax;
        let tensor = |elements: &Vec<f32>| Tensor::from_slice(&[3, 2], elements).expect("six");
        let mut once = kind.observer();
        batches.iter().for_each(|batch| once.observe(&tensor(batch)).expect("finite"));
        let mut states: Vec<State> = batches.iter().map(|batch| {
            let mut observer = kind.observer();
            observer.observe(&tensor(batch)).expect("finite");
            observer.state()
        }).collect();
        states.push(kind.observer().state());
        let count = states.len();
        states.rotate_left(first % count);
        prop_assert_eq!(bytes(&*merged(kind, &states)), bytes(&*once));
        states.reverse();
        prop_assert_eq!(bytes(&*merged(kind, &states)), bytes(&*once));
    }

}

proptest! {
    // The search of the entropy is slow.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A saved and loaded observer has the same bits, and goes on as if nothing had happened.
    #[test]
    fn saved_states_come_back(
        before in prop::collection::vec(finite(), 0..40),
        after in prop::collection::vec(finite(), 0..40),
    ) {
        for kind in ObserverKind::ALL {
            let tensor = |elements: &[f32]| Tensor::from_slice(&[1, elements.len()], elements).expect("a row");
            let mut observer = Switched::new(kind.observer());
            observer.observe(&tensor(&before)).expect("finite");
            let saved = bytes(&observer);
            let state: State = serde_json::from_str(&saved).expect("a state");
            let mut loaded = kind.observer();
            loaded.load(&state).expect("a state of this kind");
            prop_assert_eq!(bytes(&*loaded), saved);
            observer.observe(&tensor(&after)).expect("finite");
            loaded.observe(&tensor(&after)).expect("finite");
            prop_assert_eq!(bytes(&*loaded), bytes(&observer), "{}", kind.name());
            prop_assert_eq!(loaded.params(&Scheme::U8_AFFINE).ok(), observer.params(&Scheme::U8_AFFINE).ok());
            loaded.reset();
            prop_assert_eq!(bytes(&*loaded), bytes(&*kind.observer()));
        }
    }
}

#[test]
fn a_state_of_another_kind_is_refused() {
    for kind in ObserverKind::ALL {
        for other in ObserverKind::ALL {
            let (mut observer, state) = (kind.observer(), other.observer().state());
            let fits = observer.state().name() == state.name();
            assert_eq!(observer.load(&state).is_ok(), fits, "{} of {}", state.name(), kind.name());
            let merges = !matches!(observer.merge(&observer.state()), Err(Error::Merge { .. }));
            assert_eq!(observer.merge(&state).is_ok(), fits && merges, "{} into {}", state.name(), kind.name());
        }
    }
}

#[test]
fn large_tensors_in_parts_have_the_state_of_small_ones() {
    let elements: Vec<f32> =
        (0..(5 << 19) + 7).map(|at: u32| (at.wrapping_mul(2_654_435_761) as f32).sqrt() - 3e4).collect();
    for kind in [ObserverKind::Mse, ObserverKind::Histogram, ObserverKind::MinMax] {
        let (mut whole, mut parts) = (kind.observer(), kind.observer());
        whole.observe(&vector(&elements)).expect("finite");
        if kind == ObserverKind::Histogram {
            // Its state depends on the batches; the counts of one batch are those of its elements.
            let State::Histogram { counts, .. } = whole.state() else { panic!("a histogram") };
            assert_eq!(counts.iter().map(|&count| f64::from(count)).sum::<f64>(), elements.len() as f64);
            continue;
        }
        elements.chunks(1 << 16).for_each(|part| parts.observe(&vector(part)).expect("finite"));
        assert_eq!(bytes(&*whole), bytes(&*parts), "{}", kind.name());
    }
}

#[test]
fn kinds_have_names_and_settings() {
    for kind in ObserverKind::ALL {
        assert_eq!(ObserverKind::by_name(kind.name()), Some(kind));
        assert_eq!(kind.check(), Ok(()));
        let text = serde_json::to_string(&kind).expect("data");
        assert_eq!(serde_json::from_str::<ObserverKind>(&text).ok(), Some(kind));
        let mut observer = kind.observer();
        assert_eq!(observer.name(), kind.name());
        observer.observe(&Tensor::from_slice(&[2, 1], &[0.5_f32, -1.0]).expect("two")).expect("finite");
        let per_tensor = observer.params(&Scheme::U8_AFFINE).is_ok_and(|params| params.as_per_tensor().is_some());
        assert_eq!(per_tensor, kind.is_per_tensor(), "{}", kind.name());
    }
    for wrong in [
        ObserverKind::MovingAverageMinMax { averaging_constant: 0.0 },
        ObserverKind::MovingAveragePerChannelMinMax { averaging_constant: f32::NAN },
        ObserverKind::Percentile { percent: 101.0 },
        ObserverKind::FixedParams { scale: -1.0, zero_point: 0 },
    ] {
        assert!(wrong.check().is_err(), "{wrong:?}");
    }
}

//! States and ranges against those of PyTorch.

use std::fs;
use std::path::Path;

use fourfold_schemes::Scheme;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use super::*;

const CONFIGS: [(&str, Scheme); 4] = [
    ("u8_affine", Scheme::U8_AFFINE),
    ("u8_affine_0_127", Scheme::U8_AFFINE_REDUCED),
    ("u8_affine_rr", Scheme::U8_AFFINE_REDUCED),
    ("s8_sym", Scheme::I8_SYMMETRIC_FULL),
];

fn with_vectors(test: impl Fn(&SafeTensors<'_>)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/histogram.safetensors");
    let bytes = fs::read(path).expect("the vectors");
    test(&SafeTensors::deserialize(&bytes).expect("valid safetensors"));
}

fn floats(view: &TensorView<'_>) -> Vec<f32> {
    view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes"))).collect()
}

fn state(vectors: &SafeTensors<'_>, group: &str) -> Seen {
    let read = |part: &str| floats(&vectors.tensor(&format!("{group}/{part}")).expect("a part of a state"));
    Seen { counts: read("histogram"), range: Range { min: read("min_val")[0], max: read("max_val")[0] } }
}

/// Checks the searched range of `seen` and the parameters made from it; returns the number of configurations.
fn check_search(vectors: &SafeTensors<'_>, case: &str, seen: Seen) -> usize {
    let observer = Histogram { seen: Some(seen), infinite: 0 };
    let ranges = observer.ranges().expect("a state");
    for (config, scheme) in CONFIGS {
        let read = |part: &str| vectors.tensor(&format!("{case}.{config}/{part}")).expect("a result");
        let (min, max) = (floats(&read("new_min"))[0], floats(&read("new_max"))[0]);
        assert_eq!(ranges, Ranges::PerTensor(Range { min, max }), "{case}.{config}");
        let params = ranges.params(&scheme).expect("a finite range");
        assert_eq!(params.scales()[0].get(), floats(&read("scale"))[0], "{case}.{config}");
        let zero_point = i32::from_le_bytes(read("zero_point").data()[..4].try_into().expect("four bytes"));
        assert_eq!(params.zero_points(), [zero_point], "{case}.{config}");
    }
    CONFIGS.len()
}

#[test]
fn states_after_every_batch_are_those_of_pytorch() {
    with_vectors(|vectors| {
        let names = vectors.names();
        let sets = names.iter().filter_map(|name| name.strip_prefix("data.")?.strip_suffix("/x0"));
        let mut checked = (0, 0);
        for set in sets {
            let mut observer = Histogram::new();
            let mut last = 0;
            for batch in 0.. {
                let Ok(view) = vectors.tensor(&format!("data.{set}/x{batch}")) else { break };
                last = batch + 1;
                observer.observe(&Tensor::from_vec(view.shape(), floats(&view)).expect("a batch")).expect("no NaN");
                let expected = state(vectors, &format!("state.{set}.after{last}"));
                assert_eq!(observer.seen.as_ref(), Some(&expected), "{set} after {last}");
                checked.0 += 1;
            }
            let end = state(vectors, &format!("state.{set}.after{last}"));
            checked.1 += check_search(vectors, &format!("batches.{set}"), end);
        }
        assert_eq!(checked, (47, 17 * 4));
    });
}

#[test]
fn searched_ranges_of_large_sets_are_those_of_pytorch() {
    with_vectors(|vectors| {
        let names = vectors.names();
        let sets = names.iter().filter_map(|name| name.strip_prefix("data.large.")?.strip_suffix("/histogram"));
        let checked = sets
            .map(|set| check_search(vectors, &format!("large.{set}"), state(vectors, &format!("data.large.{set}"))))
            .sum::<usize>();
        assert_eq!(checked, 15 * 4);
    });
}

#[test]
fn nothing_but_infinities_is_nothing() {
    let mut observer = Histogram::new();
    observer.observe(&Tensor::from_slice(&[2], &[f32::INFINITY, f32::NEG_INFINITY]).expect("two")).expect("no NaN");
    assert_eq!((observer.ranges(), observer.left_out()), (Err(Error::Nothing), 2));
}

#[test]
fn nan_is_refused_and_changes_nothing() {
    let mut observer = Histogram::new();
    observer.observe(&Tensor::from_slice(&[2], &[1.0_f32, 2.0]).expect("two")).expect("finite");
    let before = observer.state();
    let error = observer.observe(&Tensor::from_slice(&[3], &[9.0, f32::NAN, f32::INFINITY]).expect("three"));
    assert_eq!(error, Err(Error::NotFinite { nan: 1, infinite: 1, elements: 3, first: 1 }));
    assert_eq!(observer.state(), before);
}

#[test]
fn hostile_states_are_refused() {
    let extent = |min, max| Some(crate::Extent { min, max });
    let state = |extent, counts| State::Histogram { extent, counts, infinite: 0 };
    let mut observer = Histogram::new();
    observer.load(&state(extent(0.0, 1.0), vec![1.0; BINS])).expect("a state");
    let before = observer.state();
    for hostile in [
        state(None, vec![1.0; BINS]),
        state(extent(1.0, 0.0), vec![1.0; BINS]),
        state(extent(f32::NAN, 0.0), vec![1.0; BINS]),
        state(extent(0.0, 1.0), vec![1.0; BINS - 1]),
        state(extent(0.0, 1.0), vec![-1.0; BINS]),
        state(extent(0.0, 1.0), vec![f32::NAN; BINS]),
        State::Stateless,
    ] {
        assert!(matches!(observer.load(&hostile), Err(Error::State { .. })));
        assert_eq!(observer.state(), before);
    }
    assert!(matches!(observer.merge(&before), Err(Error::Merge { .. })));
}

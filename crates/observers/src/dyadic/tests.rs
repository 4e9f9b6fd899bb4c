//! Counts against the definition, and ranges against those of ONNX Runtime and against a search of everything.

#![expect(clippy::cast_possible_truncation, reason = "numbers of tests are known to fit")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use safetensors::{Dtype, SafeTensors};

use super::bins::Bins;
use super::counts::SIDE;
use super::{entropy, percentile};
use crate::extremes::Extremes;
use crate::{DyadicHistogram, Error, Extent, Observer, RangeRule, Ranges, State};
use fourfold_schemes::{Range, Scheme};
use fourfold_tensor::Tensor;

fn observed(elements: &[f32]) -> DyadicHistogram {
    let mut observer = DyadicHistogram::new(RangeRule::Mse);
    observer.observe(&Tensor::from_slice(&[elements.len()], elements).expect("a vector")).expect("no NaN");
    observer
}

fn counts(observer: &DyadicHistogram) -> Vec<u64> {
    match observer.state() {
        State::DyadicHistogram { counts, .. } => counts,
        state => panic!("{state:?}"),
    }
}

/// The vectors of ONNX Runtime.
struct Vectors<'a>(SafeTensors<'a>);

impl Vectors<'_> {
    fn with(test: impl Fn(&Vectors<'_>)) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/calibration.safetensors");
        let bytes = fs::read(path).expect("the vectors");
        test(&Vectors(SafeTensors::deserialize(&bytes).expect("valid safetensors")));
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        let view = self.0.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let bytes = view.data();
        match view.dtype() {
            Dtype::F64 => bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("eight"))).collect(),
            Dtype::F32 => {
                bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().expect("four")).into()).collect()
            }
            _ => bytes.chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().expect("four")).into()).collect(),
        }
    }

    fn data_sets(&self) -> Vec<String> {
        let names = self.0.names().into_iter();
        names.filter_map(|name| Some(name.strip_prefix("data.")?.strip_suffix("/x0")?.to_owned())).collect()
    }

    fn elements(&self, set: &str) -> Vec<f32> {
        let batches = (0..).map(|batch| format!("data.{set}/x{batch}"));
        let present = batches.take_while(|name| self.0.tensor(name).is_ok());
        present.flat_map(|name| self.numbers(&name)).map(|value| value as f32).collect()
    }

    fn bins(&self, set: &str, of: &str) -> Bins {
        let part = |part: &str| self.numbers(&format!("histogram.{set}.{of}/{part}"));
        let counts = part("histogram").into_iter().map(|count| count as u64).collect();
        Bins { counts, first: part("first_edge")[0], last: part("last_edge")[0] }
    }

    /// Low and high of a case.
    fn ends(&self, case: &str) -> (f64, f64) {
        (self.numbers(&format!("{case}/low"))[0], self.numbers(&format!("{case}/high"))[0])
    }
}

/// Whether two edges are equal but for the rounding of edges to `f32`, which is absolute near 0.
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * b.abs().max(1.0)
}

const PERCENTS: [&str; 5] = ["95.0", "99.9", "99.99", "99.999", "100.0"];

/// In a symmetric histogram of several batches ONNX Runtime's edges are sums of `f32` widths, which the vectors do not
/// hold, so there the threshold may be off by a quarter of a bin: the bin is the same.
#[test]
fn percentiles_of_a_histogram_are_those_of_onnx_runtime() {
    Vectors::with(|vectors| {
        let mut checked = 0;
        for set in vectors.data_sets() {
            let seen = Extremes::of(&vectors.elements(&set)).range();
            for text in PERCENTS {
                let percent: f64 = text.parse().expect("a number");
                let mut check = |case: &str, low: f64, high: f64, slack: f64| {
                    let (low, high) = (low.max(seen.min.into()), high.min(seen.max.into()));
                    let (expected_low, expected_high) = vectors.ends(&format!("percentile{text}.{set}.{case}"));
                    let same = |a: f64, b: f64| near(a, b) || (a - b).abs() < slack;
                    let message = format!("{text} {set} {case}: {low} {high} is not {expected_low} {expected_high}");
                    assert!(same(low, expected_low) && same(high, expected_high), "{message}");
                    checked += 1;
                };
                let (low, high) = percentile::between(&vectors.bins(&set, "values"), percent);
                check("affine", low, high, 0.0);
                let magnitudes = vectors.bins(&set, "abs");
                let high = percentile::below(&magnitudes, percent);
                let batches = if vectors.0.tensor(&format!("data.{set}/x1")).is_ok() { 0.25 } else { 0.0 };
                check("symmetric", -high, high, batches * magnitudes.width());
            }
        }
        assert_eq!(checked, 110);
    });
}

#[test]
fn entropy_of_a_histogram_is_that_of_onnx_runtime() {
    Vectors::with(|vectors| {
        let sets = vectors.data_sets();
        for set in &sets {
            let seen = Extremes::of(&vectors.elements(set)).range();
            let bins = vectors.bins(set, "values");
            let (start, end) = entropy::window(&bins.counts, entropy::LEVELS).expect("values");
            let (low, high) = (bins.edge(start).max(seen.min.into()), bins.edge(end).min(seen.max.into()));
            let (expected_low, expected_high) = vectors.ends(&format!("entropy.{set}"));
            assert!(
                near(low, expected_low) && near(high, expected_high),
                "{set}: {low} {high} is not {expected_low} {expected_high}"
            );
        }
        assert_eq!(sets.len(), 11);
    });
}

/// The histogram differs on purpose: its edges are multiples of a power of two, where ONNX Runtime's bins are parts of
/// the first batch's range, so its thresholds lie within a bin of each other. All 100 percent are the range itself;
/// ONNX Runtime loses the last bin where the fractions sum up to less than 1.
#[test]
fn thresholds_of_the_same_data_differ_by_the_width_of_bins() {
    Vectors::with(|vectors| {
        for set in vectors.data_sets() {
            let elements = vectors.elements(&set);
            let (observer, seen) = (observed(&elements), Extremes::of(&elements).range());
            let theirs = vectors.bins(&set, "values");
            let whole = observer.range(RangeRule::Percentile { percent: 100.0 }, &Scheme::U8_AFFINE);
            assert_eq!(whole, Ok(seen), "{set}");
            for text in &PERCENTS[..4] {
                let percent = text.parse().expect("a number");
                let range = observer.range(RangeRule::Percentile { percent }, &Scheme::U8_AFFINE).expect("values");
                // An empty bin between two values is as good a threshold as its neighbour: the values next to it
                // decide.
                let count = |low: f64, high: f64| {
                    elements.iter().filter(|&&x| f64::from(x) < low || f64::from(x) > high).count()
                };
                let (low, high) = vectors.ends(&format!("percentile{text}.{set}.affine"));
                let (wide, narrow) = (theirs.width() * 2.0, -theirs.width() * 2.0);
                let (min, max) = (f64::from(range.min), f64::from(range.max));
                assert!(count(min - wide, max + wide) <= count(low, high), "{text} {set}: {range:?}");
                assert!(count(min - narrow, max + narrow) >= count(low, high), "{text} {set}: {range:?}");
            }
        }
    });
}

/// Half of what a ReLU makes is 0. ONNX Runtime counts zeros as other values, and cuts off most of the others for them;
/// here they are left out of the distributions, as NVIDIA's calibrators disregard the first bin, because 0 has a code
/// of its own whatever the range is.
#[test]
fn zeros_do_not_move_the_entropy() {
    Vectors::with(|vectors| {
        let elements = vectors.elements("relu");
        let others: Vec<f32> = elements.iter().copied().filter(|&x| x != 0.0).collect();
        assert!(others.len() < elements.len() * 2 / 3);
        let range = |elements| observed(elements).range(RangeRule::Entropy, &Scheme::U8_AFFINE).expect("values").max;
        let (_, theirs) = vectors.ends("entropy.relu");
        assert_eq!(range(&elements), range(&others));
        assert!(f64::from(range(&elements)) > 1.2 * theirs, "{} {theirs}", range(&elements));
    });
}

/// The bins of values, each by itself and by the definition, in `f64`.
fn counts_by_definition(values: &[f32]) -> Vec<u64> {
    let largest = values.iter().fold(0.0_f64, |largest, &x| largest.max(f64::from(x).abs()));
    let exponent = (-114..=128).find(|&e| f64::from(e).exp2() > largest).expect("finite values");
    let mut counts = vec![0; 2 * SIDE];
    for &value in values {
        let bin = (f64::from(value).abs() * 4096.0 / f64::from(exponent).exp2()).floor() as usize;
        counts[if value < 0.0 { SIDE - 1 - bin } else { SIDE + bin }] += 1;
    }
    counts
}

/// The least error of all pairs of edges, by the formula of the documentation.
fn least_error(values: &[f32], range: Range, steps: f64) -> f64 {
    let (low, high) = (f64::from(range.min).min(0.0), f64::from(range.max).max(0.0));
    let rounding = (high - low) * (high - low) / (12.0 * steps * steps);
    let lost = |&x: &f32| match f64::from(x) {
        0.0 => 0.0,
        x if x < low => (x - low) * (x - low),
        x if x > high => (x - high) * (x - high),
        _ => rounding,
    };
    values.iter().map(lost).sum()
}

proptest! {
    #[test]
    fn counts_are_those_of_the_definition(
        values in prop::collection::vec(
            prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
            1..100,
        ),
        scale in -140_i32..=0,
    ) {
        let near: Vec<f32> = values.iter().map(|x| x * f64::from(scale).exp2() as f32).collect();
        for values in [&values, &near] {
            let observer = observed(values);
            prop_assert_eq!(counts(&observer), counts_by_definition(values));
            prop_assert_eq!(observer.zeros(), values.iter().filter(|&&x| x == 0.0).count() as u64);
            prop_assert_eq!(observer.values(), values.len() as u64);
        }
    }

    /// No range of a grid of all ends has a smaller error than the one that was searched, but for the width of a bin.
    #[test]
    fn the_searched_range_has_the_least_error(
        values in prop::collection::vec(
            prop_oneof![4 => -1.0_f32..1.0, 2 => Just(0.0_f32), 2 => -0.1_f32..0.1, 1 => -30.0_f32..30.0],
            1..400,
        ),
    ) {
        let observer = observed(&values);
        for scheme in [Scheme::U8_AFFINE, Scheme::I8_SYMMETRIC] {
            let steps = f64::from(scheme.quant_max - scheme.quant_min);
            let both = |range: Range| match scheme {
                Scheme::U8_AFFINE => range,
                _ => { let most = range.max.max(-range.min); Range { min: -most, max: most } },
            };
            let seen = observer.range(RangeRule::MinMax, &scheme).expect("values");
            let found = both(observer.range(RangeRule::Mse, &scheme).expect("values"));
            let error = least_error(&values, found, steps);
            for low in 0..=40_u8 {
                for high in 0..=40_u8 {
                    let part = |end: f32, of: u8| end * f32::from(of) / 40.0;
                    let range = both(Range { min: part(seen.min.min(0.0), low), max: part(seen.max.max(0.0), high) });
                    let other = least_error(&values, range, steps);
                    let bin = f64::from(seen.max.max(-seen.min)) / 2048.0;
                    let slack = values.len() as f64 * bin * bin + 2.0 * bin * (other * values.len() as f64).sqrt();
                    prop_assert!(error <= other + slack, "{found:?} loses {error}, {range:?} {other}");
                }
            }
        }
    }
}

#[test]
fn a_range_of_everything_that_can_be_observed() {
    let scheme = Scheme::U8_AFFINE;
    for elements in [
        vec![0.0],
        vec![-0.0, 0.0],
        vec![5.0; 10],
        vec![-5.0; 10],
        vec![1e-45],
        vec![-1e-45, 1e-40],
        vec![f32::MAX],
        vec![1e38, -1e38],
        vec![1.0, 2.0, 3.0],
        vec![f32::INFINITY, 1.0],
    ] {
        let observer = observed(&elements);
        let seen = observer.range(RangeRule::MinMax, &scheme).expect("values");
        for rule in [
            RangeRule::MinMax,
            RangeRule::PERCENTILE,
            RangeRule::Percentile { percent: 50.0 },
            RangeRule::Entropy,
            RangeRule::Mse,
        ] {
            for scheme in [Scheme::U8_AFFINE, Scheme::I8_SYMMETRIC] {
                let range = observer.range(rule, &scheme).expect("values");
                assert!(range.min <= range.max, "{rule:?} {elements:?}: {range:?}");
                assert!(
                    range.min >= seen.min.min(0.0) && range.max <= seen.max.max(0.0),
                    "{rule:?} {elements:?}: {range:?}"
                );
                Ranges::PerTensor(range).params(&scheme).expect("a finite range");
            }
        }
    }
    let nothing = observed(&[]);
    assert_eq!(nothing.range(RangeRule::Mse, &scheme), Err(Error::Nothing));
    let percent = |percent| nothing.range(RangeRule::Percentile { percent }, &scheme);
    for none in [0.0, -1.0, 100.1, f64::NAN] {
        assert!(matches!(percent(none), Err(Error::Setting { .. })), "{none}");
    }
}

#[test]
fn hostile_states_are_refused() {
    let extent = |min, max| Some(Extent { min, max });
    let state = |extent, counts, zeros| State::DyadicHistogram { extent, counts, zeros, infinite: 0 };
    let mut one = vec![0; 2 * SIDE];
    one[SIDE + SIDE / 2] = u64::MAX;
    let mut observer = observed(&[1.0]);
    let good = state(extent(1.0, 1.0), one.clone(), 0);
    observer.merge(&good).expect("counts saturate");
    assert_eq!(observer.state(), good);
    observer.load(&good).expect("values can have made it");
    for hostile in [
        state(None, one.clone(), 0),
        state(None, Vec::new(), 1),
        state(extent(2.0, 1.0), one.clone(), 0),
        state(extent(f32::NAN, 1.0), one.clone(), 0),
        state(extent(1.0, f32::INFINITY), one.clone(), 0),
        state(extent(1.0, 1.9), one.clone(), 0),
        state(extent(0.0, 1.0), one.clone(), 0),
        state(extent(1.0, 1.0), one.clone(), 1),
        state(extent(1.0, 1.0), one[1..].to_vec(), 0),
        State::MinMax(extent(0.0, 1.0)),
    ] {
        assert!(matches!(observer.load(&hostile), Err(Error::State { .. })), "{hostile:?}");
        assert!(matches!(observer.merge(&hostile), Err(Error::State { .. })), "{hostile:?}");
        assert_eq!(observer.state(), good);
    }
}

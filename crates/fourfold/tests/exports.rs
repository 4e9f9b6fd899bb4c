//! Models of torchvision become the same graphs by PyTorch's new exporter and by its legacy one.
//!
//! `data/exports` has the models without their weights, which are noise here; `make_exports.py` says how. The example
//! `compare_exports` compares whole models.

#[path = "../examples/compare_exports/same.rs"]
mod same;

use std::path::Path;

use fourfold::graph::Fixed;
use fourfold::onnx::{ImportOptions, Location, Refusal, Resolve, import_with};
use fourfold::prelude::*;

use same::{Differences, noise};

/// Weights `noise/SEED/MEAN/DEVIATION`.
struct Noise;

impl Resolve for Noise {
    fn read(&self, location: &Location) -> Result<Vec<u8>, Refusal> {
        let invalid = || Refusal::Invalid(format!("is no noise: {location:?}"));
        let words: Vec<&str> = location.path.split('/').collect();
        let &["noise", seed, mean, deviation] = words.as_slice() else { return Err(invalid()) };
        let number = |word: &str| word.parse::<f32>().map_err(|_| invalid());
        let (mean, deviation) = (number(mean)?, number(deviation)?);
        let count = usize::try_from(location.length.ok_or_else(invalid)? / 4).map_err(|_| invalid())?;
        let seed = seed.parse().map_err(|_| invalid())?;
        // Numbers between -1 and 1 have a deviation of 1 / sqrt(3).
        let numbers = noise(seed, count).into_iter().map(|number| mean + 3.0_f32.sqrt() * deviation * number);
        Ok(numbers.flat_map(f32::to_le_bytes).collect())
    }
}

/// The model with the free batch that it has, or with one sample.
fn read(name: &str, fixed: &Fixed) -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/exports/{name}.onnx"));
    let bytes = std::fs::read(path).expect("a file of the project");
    let options = ImportOptions { limits: &Limits::default(), fixed, resolver: &Noise };
    import_with(&bytes, &options).unwrap_or_else(|error| panic!("{name}: {error}")).graph
}

fn compare(name: &str) {
    let read_both = |fixed: &Fixed| ["new", "old"].map(|exporter| read(&format!("{name}_{exporter}"), fixed));
    let [new, old] = read_both(&Fixed::new());
    let mut stages = vec![("of any batch", Differences::of(&new, &old))];
    let [new, old] = read_both(&Fixed::new().dim("batch", 1));
    stages.extend(Differences::of_all_stages(&new, &old).expect("models that run"));
    for (stage, differences) in stages {
        assert!(differences.nodes > 0 && differences.values.is_empty(), "{name}, {stage}: {differences}");
        let differing = [differences.elements, differences.codes, differences.params].map(|count| count.differing);
        assert_eq!(differing, [0; 3], "{name}, {stage}: {differences}");
    }
}

#[test]
fn resnet18() {
    compare("resnet18");
}

#[test]
fn efficientnet_b0() {
    compare("efficientnet_b0");
}

#[test]
fn mobilenet_v3_small() {
    compare("mobilenet_v3_small");
}

#[test]
fn squeezenet1_1() {
    compare("squeezenet1_1");
}

#[test]
fn shufflenet_v2_x0_5() {
    compare("shufflenet_v2_x0_5");
}

#[test]
fn vit() {
    compare("vit");
}

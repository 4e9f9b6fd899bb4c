//! Quantizing and running real models gives the same bits on every CPU.
//!
//! The files in `tests/data` were written on x86-64 with AVX512-VNNI. After a change that is meant to change them:
//! `FOURFOLD_WRITE_GOLDEN=1 cargo test -p fourfold --test golden`.

mod digits;

use std::path::Path;

use digits::{ATTN, CNN, Digits, LSTM, MLP, MOBILE};
use fourfold::kernels::Kernel;
use fourfold::prelude::*;
use fourfold_testing::run_with;

/// The committed file; after writing it anew, if that is asked for.
fn golden(digits: &Digits, suffix: &str, anew: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{}_{suffix}", digits.name));
    if std::env::var_os("FOURFOLD_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, anew()).expect("a file of the project");
    }
    std::fs::read(path).expect("a file of the project")
}

/// Every model as it is quantized: statically where it can be, and dynamically.
fn quantized() -> Vec<(Digits, &'static str, Graph)> {
    let statically = [CNN, MLP, MOBILE, ATTN].map(|digits| {
        let graph = digits.statically(QConfig::fourfold());
        (digits, "int8", graph)
    });
    let dynamically = [MLP, LSTM, ATTN].map(|digits| {
        let graph = digits.dynamically();
        (digits, "dynamic", graph)
    });
    statically.into_iter().chain(dynamically).collect()
}

#[test]
fn models_are_quantized_to_the_same_files_with_the_same_outputs() {
    for (digits, way, graph) in quantized() {
        let file = container::to_bytes(&graph).expect("a graph");
        let name = format!("{} {way}", digits.name);
        assert!(file == golden(&digits, &format!("{way}.fourfold"), || file.clone()), "{name}: another file");
        let graph = container::from_bytes(&file, &Limits::default()).expect("a valid file");
        let logits = || npy::write(&digits::run(&graph, &digits.images("test"), None));
        let expected = golden(&digits, &format!("{way}_logits.npy"), logits);
        let expected = npy::read(&expected, &Limits::default()).expect("a valid file");
        for kernel in Kernel::supported() {
            let options = Options { kernel, ..Options::default() };
            let outputs = run_with(&graph, &[digits.images("test")], &options);
            assert!(outputs[0] == expected, "{name} on {}: other outputs", kernel.name());
        }
    }
}

#[test]
fn float_models_have_the_same_outputs() {
    for digits in [CNN, MLP, MOBILE, ATTN, LSTM] {
        let (graph, images) = (digits.float(), digits.images("test").rows(0..40).expect("as many images"));
        let outputs = Kernel::supported().map(|kernel| {
            let options = Options { kernel, ..Options::default() };
            (kernel, run_with(&graph, std::slice::from_ref(&images), &options).remove(0))
        });
        let outputs: Vec<(Kernel, Tensor)> = outputs.collect();
        let expected = golden(&digits, "float_logits.npy", || npy::write(&outputs[0].1));
        let expected = npy::read(&expected, &Limits::default()).expect("a valid file");
        for (kernel, outputs) in outputs {
            assert!(outputs == expected, "{} on {}: other outputs", digits.name, kernel.name());
        }
    }
}

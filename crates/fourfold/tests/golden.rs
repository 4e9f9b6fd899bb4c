//! Quantizing and running real models gives the same bits on every CPU.
//!
//! The files in `tests/data` were written on x86-64 with AVX512-VNNI. After a change that is meant to change them:
//! `FOURFOLD_WRITE_GOLDEN=1 cargo test -p fourfold --test golden`.

mod digits;

use std::path::Path;

use digits::{CNN, Digits, MLP, MOBILE};
use fourfold::kernels::Kernel;
use fourfold::prelude::*;

/// The committed file; after writing it anew, if that is asked for.
fn golden(digits: &Digits, suffix: &str, anew: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{}_{suffix}", digits.name));
    if std::env::var_os("FOURFOLD_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, anew()).expect("a file of the project");
    }
    std::fs::read(path).expect("a file of the project")
}

fn quantized(digits: &Digits) -> Vec<u8> {
    container::to_bytes(&digits.statically(QConfig::fourfold())).expect("a graph")
}

#[test]
fn models_are_quantized_to_the_same_files_with_the_same_outputs() {
    for digits in [CNN, MLP, MOBILE] {
        let file = quantized(&digits);
        assert!(file == golden(&digits, "int8.fourfold", || file.clone()), "{}: another file", digits.name);
        let graph = container::from_bytes(&file, &Limits::default()).expect("a valid file");
        let logits = || npy::write(&digits::run(&graph, &digits.images("test"), None));
        let expected =
            npy::read(&golden(&digits, "int8_logits.npy", logits), &Limits::default()).expect("a valid file");
        for kernel in Kernel::supported() {
            let options = Options { kernel, ..Options::default() };
            let mut session = Session::new(Plan::compile(&graph, &options).expect("a plan").into());
            let outputs = session.run(&[digits.images("test")]).expect("a run");
            assert!(outputs[0] == expected, "{} on {}: other outputs", digits.name, kernel.name());
        }
    }
}

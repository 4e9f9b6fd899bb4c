//! Quantizing and running real models gives the same bits on every CPU.
//!
//! The files in `tests/data` were written on x86-64 with AVX512-VNNI. After a change that is meant to change them:
//! `cargo test -p fourfold --test golden -- --ignored`.

mod digits;

use std::path::{Path, PathBuf};

use digits::{CNN, Digits, MLP, MOBILE};
use fourfold::kernels::Kernel;
use fourfold::prelude::*;

fn path(digits: &Digits, suffix: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{}_{suffix}", digits.name))
}

fn golden(digits: &Digits, suffix: &str) -> Vec<u8> {
    std::fs::read(path(digits, suffix)).expect("a file of the project")
}

fn quantized(digits: &Digits) -> Vec<u8> {
    container::to_bytes(&digits.statically(QConfig::fourfold())).expect("a graph")
}

#[test]
fn models_are_quantized_to_the_same_files() {
    for digits in [CNN, MLP, MOBILE] {
        assert!(quantized(&digits) == golden(&digits, "int8.fourfold"), "{}: another file", digits.name);
    }
}

#[test]
fn files_give_the_same_outputs_on_every_backend() {
    for digits in [CNN, MLP, MOBILE] {
        let graph = container::from_bytes(&golden(&digits, "int8.fourfold"), &Limits::default()).expect("a valid file");
        let expected = npy::read(&golden(&digits, "int8_logits.npy"), &Limits::default()).expect("a valid file");
        for kernel in Kernel::supported() {
            let options = Options { kernel, ..Options::default() };
            let mut session = Session::new(Plan::compile(&graph, &options).expect("a plan").into());
            let outputs = session.run(&[digits.images("test")]).expect("a run");
            assert!(outputs[0] == expected, "{} on {}: other outputs", digits.name, kernel.name());
        }
    }
}

#[test]
#[ignore = "writes the files that the other tests compare with"]
fn write_the_files() {
    for digits in [CNN, MLP, MOBILE] {
        let file = quantized(&digits);
        let graph = container::from_bytes(&file, &Limits::default()).expect("a valid file");
        let logits = digits::run(&graph, &digits.images("test"), None);
        std::fs::write(path(&digits, "int8.fourfold"), file).expect("a file of the project");
        std::fs::write(path(&digits, "int8_logits.npy"), npy::write(&logits)).expect("a file of the project");
    }
}

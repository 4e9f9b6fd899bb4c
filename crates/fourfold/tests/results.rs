//! What quantization costs on real models and data, and that others agree.

mod digits;

use digits::{ATTN, CNN, Digits, LSTM, MLP, MOBILE, accuracy, array, bytes, run};
use fourfold::prelude::*;
use fourfold_testing::{largest, run_with};

/// Asserts that the int8 models lose at most so many percentage points.
fn assert_loses_at_most(digits: &Digits, statically: f64, dynamically: f64) {
    let float = accuracy(digits, &digits.float());
    let of_static = accuracy(digits, &digits.statically(QConfig::fourfold()));
    assert!(float - of_static <= statically, "{}: static {of_static} % of {float} %", digits.name);
    let of_dynamic = accuracy(digits, &digits.dynamically());
    assert!(float - of_dynamic <= dynamically, "{}: dynamic {of_dynamic} % of {float} %", digits.name);
}

#[test]
fn float_models_agree_with_onnx_runtime() {
    for digits in [CNN, MLP, MOBILE, ATTN, LSTM] {
        let expected = array(&format!("tests/data/{}_expected.npy", digits.name));
        for graph in [digits.float(), fuse(&digits.float()).expect("a float model")] {
            let actual = run(&graph, &digits.images("test"), None);
            assert_eq!(actual.shape(), expected.shape());
            let expected = expected.as_slice::<f32>().expect("f32");
            let largest = largest(expected);
            for (actual, expected) in actual.as_slice::<f32>().expect("f32").iter().zip(expected) {
                let error = (actual - expected).abs();
                assert!(error <= 1e-4 * expected.abs().max(0.01 * largest), "{}: {actual}, {expected}", digits.name);
            }
        }
    }
}

#[test]
fn digits_cnn_keeps_its_accuracy() {
    assert_loses_at_most(&CNN, 0.6, 0.4);
}

#[test]
fn digits_mobile_keeps_its_accuracy() {
    assert_loses_at_most(&MOBILE, 1.5, 1.5);
}

#[test]
fn digits_mlp_keeps_its_accuracy() {
    assert_loses_at_most(&MLP, 0.6, 0.6);
}

#[test]
fn digits_attn_keeps_its_accuracy() {
    assert_loses_at_most(&ATTN, 2.0, 0.6);
}

#[test]
fn digits_lstm_keeps_its_accuracy() {
    assert_loses_at_most(&LSTM, 0.6, 0.6);
}

#[test]
fn the_static_file_is_less_than_three_tenths_of_the_float_file() {
    let file = container::to_bytes(&CNN.statically(QConfig::fourfold())).expect("a graph");
    let float = bytes(CNN.model).len();
    assert!(10 * file.len() <= 3 * float, "{} of {float} bytes", file.len());
}

#[test]
fn onnx_runtime_finds_the_same_classes() {
    for digits in [CNN, MLP, MOBILE] {
        let graph = digits.statically(QConfig::fourfold());
        let logits = run(&graph, &digits.images("test"), None);
        // Of equal logits numpy takes the first.
        let first = |row: &[f32]| (0..10_u8).rev().max_by(|&a, &b| row[usize::from(a)].total_cmp(&row[usize::from(b)]));
        let rows = logits.as_slice::<f32>().expect("f32").chunks_exact(10);
        let ours: Vec<i64> = rows.map(|row| first(row).expect("ten logits").into()).collect();
        let theirs = array(&format!("tests/data/{}_int8_ort_classes.npy", digits.name));
        assert_eq!(theirs.as_slice::<i64>().expect("i64"), ours, "{}", digits.name);
    }
}

#[test]
fn neither_the_batch_nor_the_threads_nor_the_backend_matter() {
    let statically = [CNN, MOBILE, ATTN].map(|digits| (digits.statically(QConfig::fourfold()), digits));
    let dynamically = [MLP, LSTM, ATTN].map(|digits| (digits.dynamically(), digits));
    for (graph, digits) in statically.into_iter().chain(dynamically) {
        let images = digits.images("test").rows(0..60).expect("sixty images");
        let together = run(&graph, &images, Some(1));
        assert_eq!(run(&graph, &images, Some(3)), together, "{}: threads", digits.name);
        for index in 0..60 {
            let alone = run(&graph, &images.rows(index..index + 1).expect("an image"), Some(1));
            assert_eq!(alone, together.rows(index..index + 1).expect("a row"), "{}: image {index}", digits.name);
        }
        for kernel in fourfold::kernels::Kernel::supported() {
            let options = Options { kernel, ..Options::default() };
            let outputs = run_with(&graph, std::slice::from_ref(&images), &options);
            assert_eq!(outputs[0], together, "{}: {kernel:?}", digits.name);
        }
    }
}

#[test]
fn a_saved_model_is_the_model() {
    for graph in [CNN.statically(QConfig::fourfold()), CNN.dynamically(), CNN.float()] {
        let file = container::to_bytes(&graph).expect("a graph");
        assert_eq!(container::from_bytes(&file, &Limits::default()), Ok(graph));
    }
    let twice = [0, 1].map(|_| container::to_bytes(&CNN.statically(QConfig::fourfold())).expect("a graph"));
    assert!(twice[0] == twice[1], "the same model, samples and configuration give the same bytes");
}

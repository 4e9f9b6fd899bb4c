//! Recurrent layers and cells exported to ONNX: what ONNX Runtime 1.32 computes from the files, and what comes back.
//!
//! `FOURFOLD_WRITE_ONNX=DIR cargo test -p fourfold --test recurrent_exported` writes the files that
//! `make_recurrent_exported.py` runs.

mod digits;
mod recurrent_cases;

use digits::{LSTM, array, classes};
use fourfold::onnx;
use fourfold::prelude::*;
use fourfold::quantize::quantize_dynamic_with;
use fourfold::schemes::DynamicScheme;
use fourfold_testing::{largest, run};
use recurrent_cases::{case, every_case, graph, operands, tensors};

/// Every file by its name, and the graph that it is exported from.
fn files() -> Vec<(String, Graph)> {
    let mut files = Vec::new();
    for (name, forward, _) in every_case() {
        let float = graph(&case(&name), &forward);
        // Weights as PyTorch has them, with one scale or one for each row, and activations as ONNX has them.
        for (form, qconfig) in [("dynamic", QConfig::dynamic()), ("rows_dynamic", QConfig::per_channel_dynamic())] {
            let qconfig = QConfig { dynamic: DynamicScheme::OnnxPerTensor, ..qconfig };
            let dynamic = quantize_dynamic_with(&float, qconfig).expect("recurrent layers").into_graph();
            files.push((format!("{name}.{form}"), dynamic));
        }
        files.push((format!("{name}.float"), float));
    }
    let fused = fuse(&LSTM.float()).expect("a float model");
    files.extend([("digits_lstm_float".to_owned(), fused), ("digits_lstm_dynamic".to_owned(), LSTM.dynamically())]);
    files
}

/// Writes the files where that is asked for.
fn is_written() -> bool {
    let Some(folder) = std::env::var_os("FOURFOLD_WRITE_ONNX") else { return false };
    for (name, graph) in files() {
        let path = std::path::Path::new(&folder).join(format!("{name}.onnx"));
        std::fs::write(path, onnx::export(&graph).expect("an ONNX form")).expect("a folder");
    }
    true
}

fn floats(tensor: &Tensor) -> &[f32] {
    tensor.as_slice().expect("f32")
}

/// The largest difference.
fn difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.shape(), b.shape());
    floats(a).iter().zip(floats(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn onnx_runtime_computes_the_same_from_the_files() {
    if is_written() {
        return;
    }
    let results = tensors("recurrent_exported.safetensors");
    let mut compared = 0;
    for (name, graph) in files().into_iter().filter(|(name, _)| !name.starts_with("digits")) {
        let (case_name, form) = name.rsplit_once('.').expect("a form");
        let case = case(case_name);
        let ours = run(&graph, &operands(&case));
        let back = onnx::import(&onnx::export(&graph).expect("an ONNX form"), &Limits::default()).expect("the same");
        assert_eq!(run(&back, &operands(&case)), ours, "{name}");
        for (index, ours) in ours.iter().enumerate() {
            // Other cells than those of an LSTM compute in float in ONNX Runtime: two quantization steps away.
            let is_real = form != "float" && !name.starts_with("lstm");
            let largest = largest(floats(ours)).max(1.0);
            let tolerance = if is_real { largest * 2.0 / 127.0 } else { 1e-5 };
            let error = difference(ours, &results[&format!("{name}/{index}")]);
            assert!(error <= tolerance, "{name} {index}: {error}");
            compared += 1;
        }
    }
    assert_eq!(compared, results.len());
}

#[test]
fn onnx_runtime_finds_the_classes_of_digits_lstm() {
    if is_written() {
        return;
    }
    let images = LSTM.images("test");
    for (name, graph) in files().into_iter().filter(|(name, _)| name.starts_with("digits")) {
        let theirs = array(&format!("tests/data/{name}_ort_logits.npy"));
        let found = classes(&theirs);
        let back = onnx::import(&onnx::export(&graph).expect("an ONNX form"), &Limits::default()).expect("the same");
        let mut errors = Vec::new();
        for index in 0..images.shape()[0] {
            let alone = run(&back, &[images.rows(index..index + 1).expect("an image")]).remove(0);
            assert_eq!(classes(&alone), found[index..=index], "{name}: image {index}");
            errors.push(difference(&alone, &theirs.rows(index..index + 1).expect("a row")));
        }
        errors.sort_by(f32::total_cmp);
        // A hidden state in the middle between two quantized values may become the other one, as in `recurrent.rs`.
        let most = if name.ends_with("dynamic") { 0.02 } else { 1e-5 };
        assert!(errors[495] <= 1e-5 && errors[499] <= most, "{name}: {:?}", &errors[490..]);
        // The graph quantizes each step by itself, the file all steps of an image at once.
        let ours = classes(&run(&graph, std::slice::from_ref(&images))[0]);
        let same = ours.iter().zip(&found).filter(|(ours, theirs)| ours == theirs).count();
        assert!(same >= if name.ends_with("dynamic") { 499 } else { 500 }, "{name}: {same}");
    }
}

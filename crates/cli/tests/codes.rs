//! Models with quantized values of more than 8 bits, or with quantized tables: every verb takes them, and says what
//! runs in float.

mod folder;

use folder::{Folder, json};
use fourfold::format::{npy, safetensors};
use fourfold::prelude::*;
use fourfold::tensor::Tensor;

/// A folder with a model of the tests of `fourfold-onnx` and its first input.
fn with_model(file: &str, name: &str) -> Folder {
    let path = format!("{}/../onnx/tests/data/{file}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let tensors = safetensors::read(&std::fs::read(path).expect("a file of the project"), &Limits::default());
    let tensors = tensors.expect("valid safetensors");
    let part = |part: &str| -> &Tensor { tensors.get(&format!("{name}/{part}")).expect("a case") };
    let folder = Folder::new();
    folder.write("m.onnx", part("model").bytes());
    folder.write("x.npy", npy::write(part("in/0")));
    folder
}

fn assert_every_verb_takes(folder: &Folder, input: &str, said: &str) {
    folder.ok("verify m.onnx");
    folder.ok(&format!("run m.onnx --input {input}=x.npy --output-dir out"));
    for line in ["inspect m.onnx --json", "bench m.onnx --json"] {
        let document = json(&folder.ok(line));
        let warnings = document["warnings"].as_array().expect("a list");
        let is_said = warnings.iter().any(|warning| warning.as_str().expect("text").contains(said));
        assert!(is_said || said.is_empty(), "{line}: {warnings:?}");
    }
    let written = |folder_name: &str| {
        let names = std::fs::read_dir(folder.path(folder_name)).expect("a folder");
        let mut names: Vec<_> = names.map(|entry| entry.expect("an entry").path()).collect();
        names.sort();
        names.into_iter().map(|path| std::fs::read(path).expect("a file")).collect::<Vec<_>>()
    };
    let before = written("out");
    assert_eq!(before.len(), 1);
    for form in ["qdq", "qoperator"] {
        folder.ok(&format!("export m.onnx --to onnx --form {form} -o {form}"));
        folder.ok(&format!("run {form}/model.onnx --input {input}=x.npy --output-dir {form}-out"));
        assert!(written(&format!("{form}-out")) == before, "{form}");
    }
    folder.ok("export m.onnx --to safetensors -o tensors");
}

#[test]
fn activations_of_16_bits_run_as_real_numbers() {
    let folder = with_model("tools", "image_static_quint16_qint8_channels");
    assert_every_verb_takes(&folder, "x", "activations of 16 bits run as floats");
    let folder = with_model("codes", "input_and_output_uint16");
    assert_every_verb_takes(&folder, "x0", "inputs and outputs of uint16 are i32 here");
}

#[test]
fn tables_and_integers_run_in_integers() {
    assert_every_verb_takes(&with_model("tools", "text_old_dynamic_quint8"), "x", "");
    assert_every_verb_takes(&with_model("codes", "product_uint8_uint8_columns"), "x0", "");
    assert_every_verb_takes(&with_model("codes", "convolution_uint8_points"), "x0", "");
}

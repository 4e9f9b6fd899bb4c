//! Models whose weights lie in a second file, and sizes and inputs that the command line fixes.

mod folder;

use std::fs;

use folder::{Folder, json};
use fourfold::onnx::{Form, export_apart};
use fourfold::prelude::*;

/// A folder with the digits model in two files, and its data.
fn with_two_files() -> Folder {
    let folder = Folder::with_digits();
    let bytes = fs::read(folder.path("cnn.onnx")).expect("a file of the project");
    let graph = fourfold::onnx::import(&bytes, &Limits::default()).expect("valid");
    let (model, data) = export_apart(&graph, Form::Qdq, "weights/cnn.data").expect("two files");
    fs::create_dir(folder.path("weights")).expect("a folder");
    folder.write("apart.onnx", model);
    folder.write("weights/cnn.data", data);
    folder
}

#[test]
fn weights_in_a_second_file_are_read_by_every_verb() {
    let folder = with_two_files();
    folder.ok("verify apart.onnx");
    let [whole, apart] = ["cnn", "apart"].map(|name| json(&folder.ok(&format!("inspect {name}.onnx --json"))));
    assert_eq!(whole["parameters"], apart["parameters"]);
    let summary = folder.ok("quantize apart.onnx -o apart.fourfold --calib calib.npy");
    let bytes: u64 = ["apart.onnx", "weights/cnn.data"]
        .map(|name| fs::read(folder.path(name)).expect("there").len() as u64)
        .iter()
        .sum();
    assert!(summary.contains(&format!("{bytes} bytes ->")), "{summary}");
    folder.ok("quantize cnn.onnx -o cnn.fourfold --calib calib.npy");
    for name in ["cnn", "apart"] {
        folder.ok(&format!("run {name}.fourfold --input images.npy --output-dir {name}"));
    }
    let [whole, apart] = ["cnn", "apart"].map(|name| fs::read(folder.path(name).join("logits.npy")).expect("written"));
    assert!(whole == apart, "the same logits");
    fs::remove_file(folder.path("weights/cnn.data")).expect("there");
    folder.fails("inspect apart.onnx", 1, &["apart.onnx", "weights/cnn.data", "cannot be read"]);
    fs::create_dir(folder.path("weights/cnn.data")).expect("a folder");
    folder.fails("inspect apart.onnx", 3, &["weights/cnn.data", "is not a regular file"]);
}

#[test]
fn sizes_and_inputs_are_fixed_in_every_verb() {
    let folder = Folder::with_digits();
    let inspected = json(&folder.ok("inspect cnn.onnx --dim batch=1 --json"));
    assert_eq!(inspected["inputs"][0]["type"], "f32[1, 1, 8, 8]");
    let again = json(&folder.ok("inspect cnn.onnx --shape input=1x1x8x8 --json"));
    assert_eq!(inspected["inputs"], again["inputs"]);
    folder.ok("quantize cnn.onnx -o one.fourfold --calib calib.npy --dim batch=1");
    folder.fails("inspect one.fourfold --dim batch=1", 2, &["`batch` is no size of the model"]);
    let quantized = folder.ok("inspect one.fourfold");
    assert!(quantized.contains("[1, 1, 8, 8]"), "{quantized}");
    folder.ok("quantize cnn.onnx -o free.fourfold --calib calib.npy");
    let fixed = folder.ok("inspect free.fourfold --dim batch=4");
    assert!(fixed.contains("[4, 1, 8, 8]"), "{fixed}");
    let constant = folder.ok("inspect cnn.onnx --dim batch=1 --set input=0.5");
    assert!(!constant.contains("input input"), "{constant}");
    folder.ok("calibrate cnn.onnx calib.npy -o state --dim batch=1");
    folder.ok("quantize cnn.onnx -o state.fourfold --calib state --dim batch=1");
    folder.fails("quantize cnn.onnx -o other.fourfold --calib state", 3, &["another model", "--dim"]);
}

#[test]
fn what_cannot_be_fixed_is_said() {
    let folder = Folder::with_digits();
    let usage = |flags: &str, words: &[&str]| folder.fails(&format!("inspect cnn.onnx {flags}"), 2, words);
    usage("--dim bach=1", &["cnn.onnx", "`bach` is no size of the model", "`batch`"]);
    usage("--dim batch", &["--dim batch", "NAME=SIZE"]);
    usage("--dim batch=one", &["--dim batch=one", "whole number"]);
    usage("--dim batch=1 --dim batch=2", &["given twice"]);
    usage("--shape x=1x1x8x8", &["`x` is no input of the model", "`input`"]);
    usage("--shape input=1x8x8", &["has 4 axes, 3 were given"]);
    usage("--shape input=1x1x8x9", &["axis 3 is 8, 9 was given"]);
    usage("--shape input=1,1,8,8", &["1x3x224x224"]);
    usage("--set input=1", &["not all of which is known", "fix its shape"]);
    usage("--dim batch=1 --set input=one", &["holds f32, which `one` is not"]);
    folder.fails("ops --dim batch=1", 2, &["--dim", "take a model"]);
}

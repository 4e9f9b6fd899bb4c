//! `bench` on models whose sizes are free.

mod folder;
mod wire;

use folder::{Folder, json};
use serde_json::json;
use wire::{int, ints, model, node, value};

/// A largest element of every second window of three; the last window may reach past the image, which needs its size to
/// be known.
fn pooled(dims: &[&str]) -> Vec<u8> {
    let windows = [ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2]), int("ceil_mode", 1)];
    model(&[node("MaxPool", &["x"], &["y"], &windows)], &[], &[value("x", 1, dims)], &["y"])
}

#[test]
fn a_model_that_needs_sizes_to_be_read_gets_some() {
    let folder = Folder::new();
    folder.write("named.onnx", pooled(&["n", "1", "h", "w"]));
    let outcome = folder.run(&["bench", "named.onnx", "--json", "--batch", "2"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("free sizes: h = 224, w = 224; --dim NAME=SIZE"), "{}", outcome.stderr);
    let document = json(&outcome.stdout);
    assert_eq!(document["inputs"], json!([{ "name": "x", "shape": [2, 1, 224, 224] }]));
    let given = json(&folder.ok("bench named.onnx --json --dim h=10 --dim w=12"));
    assert_eq!(given["inputs"][0]["shape"], json!([1, 1, 10, 12]));
    folder.fails("bench named.onnx --dim rows=10", 2, &["rows", "`h`, `n`, `w`"]);

    // Sizes that a file only marks as unknown are free each by itself.
    folder.write("marked.onnx", pooled(&["?", "1", "?", "?"]));
    let given = json(&folder.ok("bench marked.onnx --json --dim x.2=9"));
    assert_eq!(given["inputs"][0]["shape"], json!([1, 1, 9, 224]));
}

#[test]
fn a_model_that_no_size_fits_is_refused() {
    let folder = Folder::new();
    let nodes = [node("MaxPool", &["x"], &["y"], &[ints("kernel_shape", &[1000, 3])])];
    folder.write("large.onnx", model(&nodes, &[], &[value("x", 1, &["n", "1", "h", "w"])], &["y"]));
    folder.fails("bench large.onnx", 3, &["--dim NAME=SIZE"]);
    assert!(folder.ok("bench large.onnx --dim h=1000 --dim w=3").contains("one run of batch 1"));
}

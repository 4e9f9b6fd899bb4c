//! Models without inputs, layers without channels, batches without samples.

mod folder;
mod wire;

use std::fs;

use folder::Folder;
use fourfold::prelude::*;
use wire::{integers, model, node, tensor, value};

fn floats(name: &str, dims: &[i64], list: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = list.iter().flat_map(|number| number.to_le_bytes()).collect();
    tensor(name, 1, dims, &raw)
}

fn written(folder: &Folder, path: &str) -> Tensor {
    npy::read(&fs::read(folder.path(path)).expect("written"), &Limits::default()).expect("a .npy file")
}

#[test]
fn a_model_without_inputs_runs() {
    let folder = Folder::new();
    let constants = [floats("a", &[2], &[1.0, 2.0]), floats("b", &[2], &[0.5, -2.0])];
    folder.write("m.onnx", model(&[node("Add", &["a", "b"], &["y"], &[])], &constants, &[], &["y"]));
    folder.ok("run m.onnx --output-dir out");
    assert_eq!(written(&folder, "out/y.npy").as_slice::<f32>(), Ok(&[1.5, 0.0][..]));
    assert!(folder.ok("inspect m.onnx").contains("output y"));
    assert!(folder.ok("bench m.onnx").contains("median"));
    folder.ok("verify m.onnx");
    folder.write("x.npy", npy::write(&Tensor::zeros(DType::F32, &[2]).expect("small")));
    folder.fails("run m.onnx --input x=x.npy --output-dir out --force", 2, &["--input x=x.npy", "no input `x`"]);
    folder.fails("quantize m.onnx -o q.onnx --mode dynamic", 4, &["no layer can be quantized"]);
    folder.fails("quantize m.onnx -o q.onnx --calib x.npy", 2, &["x.npy"]);
    folder.fails("run x.npy --output-dir out", 3, &[".npy"]);
}

#[test]
fn layers_without_channels_run() {
    let folder = Folder::new();
    folder.write("x.npy", npy::write(&Tensor::zeros(DType::F32, &[40, 1, 4, 4]).expect("small")));
    folder.write("none.npy", npy::write(&Tensor::zeros(DType::F32, &[2, 0, 4, 4]).expect("small")));
    folder.write("batch0.npy", npy::write(&Tensor::zeros(DType::F32, &[0, 1, 4, 4]).expect("small")));
    let x = |channels: &str| [value("x", 1, &["n", channels, "4", "4"])];

    let filters = [floats("w", &[0, 1, 3, 3], &[])];
    folder.write("m.onnx", model(&[node("Conv", &["x", "w"], &["y"], &[])], &filters, &x("1"), &["y"]));
    folder.ok("run m.onnx --input x.npy --output-dir filters");
    assert_eq!(written(&folder, "filters/y.npy").shape(), [40, 0, 2, 2]);
    for line in ["bench m.onnx", "inspect m.onnx", "verify m.onnx", "run m.onnx --input batch0.npy --output-dir batch0"]
    {
        folder.ok(line);
    }
    assert_eq!(written(&folder, "batch0/y.npy").shape(), [0, 0, 2, 2]);
    folder.fails("quantize m.onnx -o q.onnx --calib x.npy -q", 4, &["no layer can be quantized"]);

    let channels = [floats("w", &[2, 0, 3, 3], &[]), floats("b", &[2], &[1.5, -2.0])];
    for operator in ["Conv", "ConvTranspose"] {
        let w = if operator == "Conv" { &channels[0] } else { &floats("w", &[0, 2, 3, 3], &[]) };
        let constants = [w.clone(), channels[1].clone()];
        folder.write("m.onnx", model(&[node(operator, &["x", "w", "b"], &["y"], &[])], &constants, &x("0"), &["y"]));
        folder.ok("run m.onnx --input none.npy --output-dir channels --force");
        let y = written(&folder, "channels/y.npy");
        let size = if operator == "Conv" { 4 } else { 36 };
        let expected: Vec<f32> = (0..4 * size).map(|at| [1.5, -2.0][at / size % 2]).collect();
        assert_eq!(y.as_slice::<f32>(), Ok(&expected[..]), "{operator}");
        folder.ok("bench m.onnx");
        folder.ok("inspect m.onnx");
        folder.fails("quantize m.onnx -o q.onnx --calib none.npy -q", 3, &["no samples"]);
    }

    let constants = [
        floats("v", &[3, 1, 1, 1], &[1.0, 2.0, -1.0]),
        integers("from", &[1]),
        integers("to", &[1]),
        integers("axis", &[1]),
        channels[0].clone(),
        channels[1].clone(),
    ];
    let nodes = [
        node("Conv", &["x", "v"], &["u"], &[]),
        node("Slice", &["u", "from", "to", "axis"], &["s"], &[]),
        node("Conv", &["s", "w", "b"], &["y"], &[]),
    ];
    folder.write("m.onnx", model(&nodes, &constants, &x("1"), &["y"]));
    folder.ok("run m.onnx --input x.npy --output-dir sliced");
    assert_eq!(written(&folder, "sliced/y.npy").shape(), [40, 2, 2, 2]);
    folder.ok("bench m.onnx");
    folder.ok("inspect m.onnx");
    let outcome = folder.run(&["quantize", "m.onnx", "-o", "q.onnx", "--calib", "x.npy", "-q"]);
    assert!([Some(0), Some(3), Some(4)].contains(&outcome.code), "{:?}: {}", outcome.code, outcome.stderr);
}

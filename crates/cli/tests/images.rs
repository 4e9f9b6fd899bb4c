//! Image files as samples.

mod folder;
mod wire;

use std::fs;
use std::path::Path;

use folder::{Folder, json};
use fourfold::images::{Preprocess, Resize, decode};
use fourfold::prelude::*;
use wire::{int, model, node, value};

/// Images of the project: a photo of 3 channels, one in gray, one with an alpha channel.
fn with_images() -> Folder {
    let folder = Folder::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../images/tests/data");
    for (from, to) in [
        ("photo.png", "all/a/0.png"),
        ("420.jpg", "all/a/1.jpg"),
        ("rgba.png", "all/b/2.png"),
        ("gray.jpg", "all/b/3.JPEG"),
    ] {
        let to = folder.path(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(data.join(from), to).expect("an image of the project");
    }
    // The mean of every channel of an image of any size, and a classifier of two classes by the first two of them.
    let nodes = [node("GlobalAveragePool", &["x"], &["p"], &[]), node("Flatten", &["p"], &["y"], &[int("axis", 1)])];
    folder.write("m.onnx", model(&nodes, &[], &[value("x", 1, &["n", "3", "h", "w"])], &["y"]));
    folder.write("sized.onnx", model(&nodes, &[], &[value("x", 1, &["n", "3", "8", "8"])], &["y"]));
    folder
}

fn result(folder: &Folder, line: &str) -> Tensor {
    folder.ok(&format!("run {line} --output-dir out --force"));
    npy::read(&fs::read(folder.path("out/y.npy")).expect("written"), &Limits::default()).expect("a .npy file")
}

#[test]
fn a_folder_of_images_is_what_the_library_makes_of_them() {
    let folder = with_images();
    let flags = "--resize 10 --crop 8x8 --mean 0.5,0.25,0.125 --std 0.5 --channels bgr";
    let y = result(&folder, &format!("sized.onnx --input all {flags}"));
    let preprocess = Preprocess {
        resize: Some(Resize::Shorter(10)),
        crop: Some((8, 8)),
        mean: vec![0.5, 0.25, 0.125],
        std: vec![0.5],
        channels: fourfold::images::Channels::Bgr,
        ..Preprocess::default()
    };
    for (row, name) in ["all/a/0.png", "all/a/1.jpg", "all/b/2.png", "all/b/3.JPEG"].iter().enumerate() {
        let image = decode(&fs::read(folder.path(name)).expect("there"), &Limits::default()).expect("an image");
        let sample = preprocess.apply(&image, &Limits::default()).expect("a tensor");
        for (channel, plane) in sample.as_slice::<f32>().expect("f32").chunks_exact(64).enumerate() {
            let mean = plane.iter().sum::<f32>() / 64.0;
            let found = y.as_slice::<f32>().expect("f32")[row * 3 + channel];
            assert!((mean - found).abs() < 1e-5, "{name} {channel}: {mean} {found}");
        }
    }
    folder.ok(&format!("calibrate sized.onnx all {flags} -o a.state"));
    let outcome = folder.run(&"run m.onnx --input all/a/0.png --output-dir o".split(' ').collect::<Vec<_>>());
    assert!(outcome.stderr.contains("images for input `x`: RGB, times 1/255, channels first"), "{}", outcome.stderr);
}

#[test]
fn nothing_is_guessed_in_silence() {
    let folder = with_images();
    folder.fails("run sized.onnx --input all --output-dir o", 3, &["all/a/0.png", "f32[n, 3, 8, 8]", "--resize"]);
    folder.fails("run sized.onnx --input all --crop 8 --channels gray --output-dir o", 2, &["--channels", "takes 3"]);
    folder.fails("run sized.onnx --input all --crop 8 --mean 1,2 --output-dir o", 2, &["mean", "2 numbers"]);
    folder.fails("run sized.onnx --input all --crop 8 --scale 255 --output-dir o", 2, &["--scale", "1/255"]);
    folder.fails("run sized.onnx --input all --crop 0x8 --output-dir o", 2, &["--crop"]);
    folder.fails("run sized.onnx --input all --crop 8 --layout nhwc --output-dir o", 2, &["--channels"]);
    let line = "run sized.onnx --input all --crop 8 --output-dir o";
    let outcome = folder.run(&line.split(' ').collect::<Vec<_>>());
    for words in ["1 image has an alpha channel", "1 image is gray", "all/b/3.JPEG"] {
        assert_eq!(outcome.stderr.matches(words).count(), 1, "{words}: {}", outcome.stderr);
    }
    folder.write("x.npy", npy::write(&Tensor::zeros(DType::F32, &[2, 3, 8, 8]).expect("small")));
    let outcome = folder.run(&"run sized.onnx --input x.npy --crop 8 --output-dir p".split(' ').collect::<Vec<_>>());
    assert!(outcome.stderr.contains("warning: --crop: no effect"), "{}", outcome.stderr);
}

#[test]
fn classes_and_bad_files() {
    let folder = with_images();
    let line = "eval sized.onnx --input all --crop 8 --json";
    let document = json(&folder.ok(line));
    assert_eq!(document["samples"], 4);
    folder.write("all/b/notes.txt", "no image");
    folder.write("all/b/4.gif.png", "GIF89a....");
    folder.fails(line, 4, &["all/b/4.gif.png", "a GIF image"]);
    fs::remove_file(folder.path("all/b/4.gif.png")).expect("there");
    let whole = fs::read(folder.path("all/a/1.jpg")).expect("there");
    folder.write("all/a/9.jpg", &whole[..whole.len() / 2]);
    folder.fails(line, 3, &["all/a/9.jpg", "JPEG"]);
    let document = json(&folder.ok(&format!("{line} --on-bad-sample skip")));
    assert_eq!(document["samples"], 4);
    let warnings = document["warnings"].to_string();
    assert!(warnings.contains("1 of 5 samples are left out; the first: all/a/9.jpg"), "{warnings}");
    assert!(warnings.contains("left out 1 file that holds no samples (.txt)"), "{warnings}");
}

//! The memory that the command takes, which does not grow with the number of samples.
#![cfg(target_os = "linux")]

mod folder;

use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use folder::{Folder, command};
use fourfold::graph::{GraphBuilder, Window};
use fourfold::prelude::*;

/// What more samples may add, in KiB: noise of the allocator and the kernel's accounting.
const NOISE: u64 = 2048;

/// The peak of a run's resident memory in KiB, as the system counts it.
fn peak(folder: &Folder, line: &str) -> u64 {
    let mut command = command();
    command.args(line.split(' ')).current_dir(folder.0.path()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command runs");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let code = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(found.unwrap_or(0));
        if let Some(code) = child.try_wait().expect("a child") {
            break code;
        }
        std::thread::sleep(Duration::from_micros(500));
    };
    let mut message = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut message).expect("UTF-8");
    assert!(code.success(), "{line}: {message}");
    peak
}

/// A network for batches of one, with images that are large next to the program.
fn of_fixed_batch() -> Vec<u8> {
    let mut builder = GraphBuilder::new("fixed");
    let dims = [1, 1, 64, 64].map(|size: usize| size.into());
    let x = builder.input("x", ValueType::f32(&dims)).expect("valid");
    let weight = Tensor::from_vec(&[2, 1, 3, 3], (0..18_u8).map(|i| f32::from(i) - 8.0).collect()).expect("18");
    let y = builder.conv("conv", x, Window::new(&[3, 3]), 1, weight, None).expect("valid");
    builder.output(y);
    fourfold::onnx::export(&builder.finish().expect("valid")).expect("a form")
}

/// So many images of so many elements, none like its neighbours.
fn images(shape: &[usize]) -> Vec<u8> {
    let count: u16 = 0x7fff;
    let values = (0..shape.iter().product::<usize>()).map(|index| {
        let hash = u16::try_from(index * 40_503 % 65_521 % usize::from(count)).expect("small");
        f32::from(hash) / f32::from(count)
    });
    npy::write(&Tensor::from_vec(shape, values.collect()).expect("as many"))
}

#[test]
fn ten_thousand_images_take_the_memory_of_a_hundred() {
    // An emulator's memory is not the command's.
    if std::env::var_os("FOURFOLD_RUNNER").is_some_and(|runner| !runner.is_empty()) {
        return;
    }
    let folder = Folder::with_digits();
    folder.write("fixed.onnx", of_fixed_batch());
    for (name, count) in [("few", 100), ("many", 10_000)] {
        folder.write(&format!("{name}.npy"), images(&[count, 1, 8, 8]));
        folder.write(&format!("{name}_labels.npy"), npy::write(&Tensor::zeros(DType::I64, &[count]).expect("small")));
    }
    for (name, count) in [("few_large", 20), ("many_large", 1000)] {
        folder.write(&format!("{name}.npy"), images(&[count, 1, 64, 64]));
    }
    for line in [
        "quantize cnn.onnx -o int8.fourfold --force --calib DATA.npy",
        "quantize cnn.onnx -o int8.fourfold --force --per-tensor --calib DATA.npy --equalize --correct-bias",
        "quantize cnn.onnx -o dynamic.fourfold --force --mode dynamic --calib DATA.npy",
        "calibrate cnn.onnx DATA.npy -o a.state --force",
        "calibrate cnn.onnx DATA.npy -o b.state --force --shard 2/3",
        "eval cnn.onnx --input DATA.npy --labels DATA_labels.npy",
        "run cnn.onnx --input DATA.npy --output-dir out --force",
        "quantize fixed.onnx -o fixed.fourfold --force --calib DATA_large.npy",
        "run fixed.onnx --input DATA_large.npy --output-dir out --force",
    ] {
        let [few, many] = ["few", "many"].map(|name| peak(&folder, &line.replace("DATA", name)));
        println!("{line}: {few} KiB for a hundredth, {many} KiB for all");
        assert!(many <= few + NOISE, "{line}: {few} KiB became {many} KiB");
    }
}

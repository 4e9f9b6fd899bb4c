//! A convolutional network from modules and a PyTorch state dict, quantized with calibration and evaluated on real
//! images.
//!
//! `cargo run --release --example cnn -p fourfold`
//!
//! The network is digits_cnn of the tests; its state dict, images and labels are files of the project.

use std::error::Error;
use std::path::Path;

use fourfold::graph::ValueId;
use fourfold::nn::{
    self, BatchNorm2d, Builder, Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Residual, Sequential,
};
use fourfold::prelude::*;

/// Three convolutions, the last one with a residual sum, then two linear layers; the names are those of the PyTorch
/// class.
struct DigitsCnn;

impl Module for DigitsCnn {
    fn forward(&self, net: &mut Builder, x: ValueId) -> Result<ValueId, nn::Error> {
        let conv = |channels, out| Conv2d::new(channels, out, 3).padding(1).bias(false);
        let front = Sequential::new()
            .push_named("conv1", conv(1, 16))
            .push_named("bn1", BatchNorm2d::new(16))
            .push_named("relu1", ReLU)
            .push_named("conv2", conv(16, 32))
            .push_named("bn2", BatchNorm2d::new(32))
            .push_named("relu2", ReLU)
            .push_named("pool", MaxPool2d::new(2));
        let block = Sequential::new().push_named("conv3", conv(32, 32)).push_named("bn3", BatchNorm2d::new(32));
        let back = Sequential::new()
            .push_named("relu3", ReLU)
            .push_named("flatten", Flatten)
            .push_named("fc1", Linear::new(32 * 4 * 4, 64))
            .push_named("relu4", ReLU)
            .push_named("fc2", Linear::new(64, 10));
        let x = net.apply("", &front, x)?;
        let x = net.apply("", &Residual::new("", block), x)?;
        net.apply("", &back, x)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let limits = Limits::default();
    let file = |path: &str| std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    let array = |name: &str| -> Result<Tensor, Box<dyn Error>> {
        Ok(npy::read(&file(&format!("../cli/data/digits_{name}.npy"))?, &limits)?)
    };

    // model = DigitsCnn(); model.load_state_dict(load_file("digits_cnn.safetensors")); model.eval()
    let state = nn::StateDict::new(safetensors::read(&file("tests/data/digits_cnn.safetensors")?, &limits)?);
    let images = ValueType::f32(&[Dim::symbol("batch"), Dim::from(1), Dim::from(8), Dim::from(8)]);
    let float = nn::build("digits_cnn", &DigitsCnn, images, state)?;

    // fuse, prepare, observe, convert
    let mut calibration = prepare(&fuse(&float)?, QConfig::fourfold())?;
    let samples = array("calib_images")?;
    let count = samples.shape()[0];
    for start in (0..count).step_by(32) {
        calibration.observe(&[samples.rows(start..count.min(start + 32))?])?;
    }
    let quantized = calibration.convert()?;

    let (images, labels) = (array("test_images")?, array("test_labels")?);
    println!("{:>6}  {:>10}  {:>8}", "", "file bytes", "accuracy");
    for (name, graph) in [("float", &float), ("int8", quantized.graph())] {
        let mut session = Session::new(Plan::compile(graph, &Options::default())?.into());
        let logits = session.run(std::slice::from_ref(&images))?[0].clone();
        let accuracy = accuracy(logits.as_slice()?, labels.as_slice()?);
        println!("{name:>6}  {:>10}  {accuracy:>6.1} %", container::to_bytes(graph)?.len());
    }
    print!("\n{}", quantized.graph());
    Ok(())
}

/// Percent of the images whose largest of ten logits is that of the label.
fn accuracy(logits: &[f32], labels: &[i64]) -> f64 {
    let class = |row: &[f32]| (0_u8..10).max_by(|&a, &b| row[usize::from(a)].total_cmp(&row[usize::from(b)]));
    let found = logits.chunks_exact(10).map(|row| class(row).map(i64::from));
    let right = found.zip(labels).filter(|(found, label)| *found == Some(**label)).count();
    100.0 * right as f64 / labels.len() as f64
}

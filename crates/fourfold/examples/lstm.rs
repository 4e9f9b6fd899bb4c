//! An LSTM from modules and a PyTorch state dict, quantized dynamically and evaluated on real images.
//!
//! `cargo run --release --example lstm -p fourfold`
//!
//! The network is digits_lstm of the tests: the eight rows of an image are the steps.

use std::error::Error;
use std::path::Path;

use fourfold::graph::ValueId;
use fourfold::nn::{self, Builder, LSTM, Linear, Module, StateDict};
use fourfold::prelude::*;

/// The layers with the names of the PyTorch class.
struct DigitsLstm;

impl Module for DigitsLstm {
    fn forward(&self, net: &mut Builder, x: ValueId) -> Result<ValueId, nn::Error> {
        let rows = net.reshape(x, &[0, 8, 8])?;
        let y = net.apply("lstm", &LSTM::new(8, 64).batch_first(true), rows)?;
        let last = net.select(y, 1, -1)?;
        net.apply("fc", &Linear::new(64, 10), last)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let limits = Limits::default();
    let file = |path: &str| std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    let array = |name: &str| -> Result<Tensor, Box<dyn Error>> {
        Ok(npy::read(&file(&format!("../cli/data/digits_{name}.npy"))?, &limits)?)
    };

    // model = DigitsLstm(); model.load_state_dict(load_file("digits_lstm.safetensors")); model.eval()
    let state = StateDict::new(safetensors::read(&file("tests/data/digits_lstm.safetensors")?, &limits)?);
    let images = ValueType::f32(&[Dim::symbol("batch"), Dim::from(1), Dim::from(8), Dim::from(8)]);
    let float = nn::build("digits_lstm", &DigitsLstm, images, state)?;

    // quantize_dynamic(model, {nn.LSTM, nn.Linear}, dtype=torch.qint8)
    let dynamic = quantize_dynamic(&float, &[OpKind::Lstm, OpKind::Linear], DType::I8)?;

    let (images, labels) = (array("test_images")?, array("test_labels")?);
    println!("{:>7}  {:>10}  {:>8}", "", "file bytes", "accuracy");
    for (name, graph) in [("float", &float), ("dynamic", dynamic.graph())] {
        let mut session = Session::new(Plan::compile(graph, &Options::default())?.into());
        let logits = session.run(std::slice::from_ref(&images))?[0].clone();
        let accuracy = accuracy(logits.as_slice()?, labels.as_slice()?);
        println!("{name:>7}  {:>10}  {accuracy:>6.1} %", container::to_bytes(graph)?.len());
    }
    print!("\n{}", dynamic.graph());
    Ok(())
}

/// Percent of the images whose largest of ten logits is that of the label.
fn accuracy(logits: &[f32], labels: &[i64]) -> f64 {
    let class = |row: &[f32]| (0_u8..10).max_by(|&a, &b| row[usize::from(a)].total_cmp(&row[usize::from(b)]));
    let found = logits.chunks_exact(10).map(|row| class(row).map(i64::from));
    let right = found.zip(labels).filter(|(found, label)| *found == Some(**label)).count();
    100.0 * right as f64 / labels.len() as f64
}

//! Quantizes an ONNX model with the library: import, fuse, prepare, calibrate, convert, save, load, run.
//!
//! `cargo run --release --example quantize_onnx -p fourfold MODEL.onnx SAMPLES.npy OUT.fourfold`

use std::error::Error;
use std::fs;

use fourfold::onnx;
use fourfold::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, samples, out] = arguments.as_slice() else {
        return Err("usage: quantize_onnx MODEL.onnx SAMPLES.npy OUT.fourfold".into());
    };
    let limits = Limits::default();
    let float = onnx::load(model, &limits)?;
    let samples = npy::read(&fs::read(samples)?, &limits)?;

    let fused = fuse(&float)?;
    let mut calibration = prepare(&fused, QConfig::fourfold())?;
    let count = samples.shape()[0];
    for start in (0..count).step_by(32) {
        calibration.observe(&[samples.rows(start..count.min(start + 32))?])?;
    }
    let quantized = calibration.convert()?;
    for layer in quantized.layers() {
        println!("{:>8}  {} {}", layer.decision.to_string(), layer.name, layer.reason);
    }

    // One file, which runs without the original model.
    fs::write(out, container::to_bytes(quantized.graph())?)?;
    let loaded = container::from_bytes(&fs::read(out)?, &limits)?;
    let mut session = Session::new(Plan::compile(&loaded, &Options::default())?.into());
    let outputs = session.run(&[samples.rows(0..1)?])?;
    println!("first sample: {:?}", outputs[0].as_slice::<f32>()?);
    Ok(())
}

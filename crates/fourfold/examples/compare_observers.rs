//! What each observer of activations costs on a model: the signal-to-noise ratio of its layers, in dB.
//!
//! `cargo run --release --example compare_observers -p fourfold MODEL.onnx SAMPLES.npy TEST.npy`

use std::error::Error;
use std::fs;

use fourfold::observers::ObserverKind;
use fourfold::onnx;
use fourfold::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, samples, test] = arguments.as_slice() else {
        return Err("usage: compare_observers MODEL.onnx SAMPLES.npy TEST.npy".into());
    };
    let limits = Limits::default();
    let float = fuse(&onnx::load(model, &limits)?)?;
    let [samples, test] = [samples, test].map(|path| Ok::<_, Box<dyn Error>>(npy::read(&fs::read(path)?, &limits)?));
    let (samples, test) = (samples?, test?);
    let averaging = ObserverKind::MovingAverageMinMax { averaging_constant: 0.01 };
    let percentiles = [99.999, 99.99, 99.9].map(|percent| ObserverKind::Percentile { percent });
    println!("| observer | outputs | worst layer | mean of the layers |\n|---|---|---|---|");
    for observer in [ObserverKind::Mse, ObserverKind::Histogram, ObserverKind::MinMax, averaging, ObserverKind::Entropy]
        .into_iter()
        .chain(percentiles)
    {
        let mut qconfig = QConfig::fourfold();
        qconfig.activation.observer = observer;
        let mut calibration = prepare(&float, qconfig)?;
        for start in (0..samples.shape()[0]).step_by(32) {
            calibration.observe(&[samples.rows(start..samples.shape()[0].min(start + 32))?])?;
        }
        let quantized = calibration.convert()?;
        let mut comparison = Comparison::new(&float, quantized.graph())?;
        comparison.observe(std::slice::from_ref(&test))?;
        let layers: Vec<f64> = quantized
            .layers()
            .iter()
            .filter_map(|layer| comparison.sqnr_db(&layer.value))
            .filter(|db| db.is_finite())
            .collect();
        let outputs = float.outputs().iter().filter_map(|&id| comparison.sqnr_db(float.value(id).name()));
        let worst = layers.iter().copied().fold(f64::INFINITY, f64::min);
        let mean = layers.iter().sum::<f64>() / layers.len() as f64;
        let name = match observer {
            ObserverKind::Percentile { percent } => format!("`percentile` {percent}"),
            other => format!("`{}`", other.name()),
        };
        let outputs: Vec<String> = outputs.map(|db| format!("{db:.1}")).collect();
        println!("| {name} | {} | {worst:.1} | {mean:.1} |", outputs.join(", "));
    }
    Ok(())
}

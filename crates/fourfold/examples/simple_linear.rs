//! PyTorch's tutorial of eager quantization in Rust: `Linear(8, 32)` between QuantStub and DeQuantStub, quantized both
//! ways.
//!
//! `cargo run --release --example simple_linear -p fourfold [MODEL.safetensors]`
//!
//! The file holds `data.model/weight [32, 8]`, `data.model/bias [32]`, `data.model/x [16, 8]` and the calibration
//! batches `data.calibration/x0` to `x7`.

use std::error::Error;
use std::path::PathBuf;

use fourfold::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/simple_linear.safetensors");
    let path = std::env::args_os().nth(1).map_or(PathBuf::from(default), PathBuf::from);
    let tensors = safetensors::read(&std::fs::read(&path)?, &Limits::default())?;
    let tensor = |name: &str| tensors.get(name).cloned().ok_or_else(|| format!("{} has no `{name}`", path.display()));

    // class SimpleLinear: quant -> linear -> dequant
    let mut builder = GraphBuilder::new("SimpleLinear");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("batch"), Dim::from(8)]))?;
    let quant = builder.quant_stub("quant", x)?;
    let linear = builder.linear("linear", quant, tensor("data.model/weight")?, Some(tensor("data.model/bias")?))?;
    let dequant = builder.dequant_stub("dequant", linear)?;
    builder.output(dequant);
    let model = builder.finish()?;

    // torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    let dynamic = quantize_dynamic(&model, &[OpKind::Linear], DType::I8)?;

    // model.qconfig = get_default_qconfig("fbgemm"); prepare; calibrate; convert
    let mut calibration = prepare(&model, QConfig::fbgemm())?;
    for index in 0..8 {
        calibration.observe(&[tensor(&format!("data.calibration/x{index}"))?])?;
    }
    let quantized = calibration.convert()?;

    let input = tensor("data.model/x")?;
    let run = |graph: &Graph| -> Result<Tensor, Box<dyn Error>> {
        let mut session = Session::new(Plan::compile(graph, &Options::default())?.into());
        Ok(session.run(std::slice::from_ref(&input))?[0].clone())
    };
    let exact = run(&model)?;
    println!("{:>8}  {:>38}  {:>11}", "", "the first row of the result", "worst error");
    for (name, graph) in [("float", &model), ("dynamic", dynamic.graph()), ("static", quantized.graph())] {
        let result = run(graph)?;
        let (exact, result) = (exact.as_slice::<f32>()?, result.as_slice::<f32>()?);
        let worst = exact.iter().zip(result).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let row: Vec<String> = result[..5].iter().map(|y| format!("{y:.3}")).collect();
        println!("{name:>8}  {:>38}  {worst:>11.4}", row.join("  "));
    }
    print!("\n{}", quantized.graph());
    Ok(())
}

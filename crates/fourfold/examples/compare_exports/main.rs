//! Whether two ONNX files of one model, by two exporters, become the same graph, float and quantized.
//!
//! `cargo run --release --example compare_exports -p fourfold A.onnx B.onnx [SIZE]`
//!
//! Free axes have that size, or 1. It prints where the graphs differ, and how many weights do: exporters fold batch
//! normalizations into convolutions, and round in their own ways.

mod same;

use std::error::Error;

use fourfold::graph::Fixed;
use fourfold::onnx;
use fourfold::prelude::*;

use same::Differences;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [a, b, size @ ..] = arguments.as_slice() else {
        return Err("usage: compare_exports A.onnx B.onnx [SIZE]".into());
    };
    let size = size.first().map_or(Ok(1), |size| size.parse())?;
    let load = |path: &String| {
        let (limits, free) = (Limits::default(), onnx::load(path, &Limits::default())?);
        let dims = free.inputs().iter().flat_map(|&id| free.value(id).ty().dims());
        let fixed = dims.flat_map(Dim::symbols).fold(Fixed::new(), |fixed, symbol| fixed.dim(symbol, size));
        onnx::load_with(path, &limits, &fixed).map(|imported| imported.graph)
    };
    for (stage, differences) in Differences::of_all_stages(&load(a)?, &load(b)?)? {
        println!("{stage}: {differences}");
    }
    Ok(())
}

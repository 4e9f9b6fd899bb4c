//! Whether two ONNX files of one model, by two exporters, become the same graph, float and quantized.
//!
//! `cargo run --release --example compare_exports -p fourfold A.onnx B.onnx [SYMBOL=SIZE ...]`

mod same;

use std::error::Error;

use fourfold::graph::Fixed;
use fourfold::onnx;
use fourfold::prelude::*;
use fourfold::quantize::fuse;

use same::Differences;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [a, b, sizes @ ..] = arguments.as_slice() else {
        return Err("usage: compare_exports A.onnx B.onnx [SYMBOL=SIZE ...]".into());
    };
    let load = |path: &String| -> Result<Graph, Box<dyn Error>> {
        let mut fixed = Fixed::new();
        let graph = onnx::load_with(path, &Limits::default(), &fixed)?.graph;
        for size in sizes {
            let (symbol, size) = size.split_once('=').ok_or("a size is SYMBOL=SIZE")?;
            let is_there = |&id: &_| graph.value(id).ty().dims().iter().any(|dim| dim.symbols().contains(&symbol));
            if graph.inputs().iter().any(is_there) {
                fixed = fixed.dim(symbol, size.parse()?);
            }
        }
        Ok(onnx::load_with(path, &Limits::default(), &fixed)?.graph)
    };
    let graphs = [load(a)?, load(b)?];
    println!("imported: {}", Differences::of(&graphs[0], &graphs[1]));
    let fused = [fuse(&graphs[0])?, fuse(&graphs[1])?];
    println!("fused:    {}", Differences::of(&fused[0], &fused[1]));
    let [a, b] = &fused;
    let dynamic = |graph: &Graph| quantize_dynamic(graph, &[OpKind::Linear], DType::I8);
    println!("dynamic:  {}", Differences::of(dynamic(a)?.graph(), dynamic(b)?.graph()));
    let quantized = [same::quantized(a)?, same::quantized(b)?];
    println!("static:   {}", Differences::of(quantized[0].graph(), quantized[1].graph()));
    Ok(())
}

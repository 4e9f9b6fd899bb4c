//! The stages that a model goes through, from import to container, each timed.

use std::error::Error;
use std::time::{Duration, Instant};

use fourfold::format::container;
use fourfold::graph::{Dim, Graph, Limits};
use fourfold::prelude::*;
use fourfold::quantize::{Comparison, equalize};
use fourfold::tensor::DType;
use fourfold::{onnx, quantize};

/// The names of the stages, in the order of the times of [`run`].
pub const STAGES: [&str; 11] = [
    "import",
    "fuse",
    "equalize",
    "prepare",
    "observe",
    "convert",
    "dynamic",
    "compare",
    "compile",
    "export",
    "container",
];

/// Limits large enough for the graphs of this benchmark.
#[must_use]
pub fn limits() -> Limits {
    Limits { nodes: 1 << 20, values: 1 << 21, ..Limits::default() }
}

/// Runs every stage on a float graph and its quantized forms, checks that files round-trip, and returns the time of
/// each stage.
///
/// # Errors
///
/// The error of the stage that failed.
pub fn run(graph: &Graph) -> Result<[Duration; STAGES.len()], Box<dyn Error>> {
    let (limits, mut times) = (limits(), [Duration::ZERO; STAGES.len()]);
    let mut last = Instant::now();
    let mut stage = |name: &str| {
        let now = Instant::now();
        if let Some(index) = STAGES.iter().position(|stage| *stage == name) {
            times[index] += now - last;
        }
        last = now;
    };
    let file = onnx::export(graph)?;
    stage("export");
    let imported = onnx::import(&file, &limits)?;
    stage("import");
    let fused = fuse(&imported)?;
    stage("fuse");
    let equalized = equalize(&fused)?;
    stage("equalize");
    let mut calibration = prepare(&equalized, QConfig::fourfold())?;
    stage("prepare");
    let inputs = inputs(&equalized)?;
    calibration.observe(&inputs)?;
    stage("observe");
    let int8 = calibration.convert()?;
    stage("convert");
    let dynamic = quantize::quantize_dynamic_with(&fused, QConfig::fourfold())?;
    stage("dynamic");
    for quantized in [&int8, &dynamic] {
        let mut comparison = Comparison::new(&equalized, quantized.graph())?;
        comparison.observe(&inputs)?;
        stage("compare");
        let plan = Plan::compile(quantized.graph(), &Options::default())?;
        let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
        plan.footprint(&shapes)?;
        stage("compile");
        let file = onnx::export_as(quantized.graph(), onnx::Form::QOperator)?;
        let qdq = onnx::export(quantized.graph())?;
        stage("export");
        onnx::import(&file, &limits)?;
        onnx::import(&qdq, &limits)?;
        stage("import");
        let bytes = container::to_bytes(quantized.graph())?;
        if container::from_bytes(&bytes, &limits)? != *quantized.graph() {
            return Err("a container gave another graph".into());
        }
        stage("container");
    }
    Ok(times)
}

/// Inputs filled with ones; every symbol is 2.
fn inputs(graph: &Graph) -> Result<Vec<Tensor>, Box<dyn Error>> {
    let input = |value: &fourfold::graph::Value| {
        let size = |dim: &Dim| dim.evaluate(|_| Some(2)).unwrap_or(2);
        let shape: Vec<usize> = value.ty().dims().iter().map(size).collect();
        let count = shape.iter().product();
        match value.ty().dtype() {
            DType::F32 => Tensor::from_vec(&shape, vec![1.0_f32; count]),
            dtype => Tensor::zeros(dtype, &shape),
        }
    };
    Ok(graph.inputs().iter().map(|&id| input(graph.value(id))).collect::<Result<_, _>>()?)
}

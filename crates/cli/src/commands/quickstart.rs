//! `fourfold quickstart`.

use std::path::Path;

use fourfold::format::{container, npy};
use fourfold::graph::{Graph, OpKind};
use fourfold::onnx;
use fourfold::quantize::{Comparison, QConfig, Quantized, fuse, prepare_with, quantize_dynamic};
use fourfold::tensor::{DType, Tensor};

use super::Context;
use crate::args::{Mode, Quickstart};
use crate::atomic;
use crate::bench::time;
use crate::data::Samples;
use crate::evaluate::{Labels, accuracy};
use crate::failure::Failure;
use crate::interrupt;
use crate::model::Model;
use crate::report::{Report, ReportForm};
use crate::table::Table;

const MODEL: &[u8] = include_bytes!("../../data/digits_cnn.onnx");
const CALIBRATION_IMAGES: &[u8] = include_bytes!("../../data/digits_calib_images.npy");
const TEST_IMAGES: &[u8] = include_bytes!("../../data/digits_test_images.npy");
const TEST_LABELS: &[u8] = include_bytes!("../../data/digits_test_labels.npy");

pub(super) fn run(arguments: &Quickstart, context: &Context) -> Result<(), Failure> {
    let model = Model::decode(MODEL, &context.limits)?;
    let read = |bytes| npy::read(bytes, &context.limits).map_err(Failure::from);
    let samples = |tensor, source| Samples::of(tensor, &model.graph, source, &context.limits);
    let calibration = samples(read(CALIBRATION_IMAGES)?, "the calibration images")?;
    let test_images = read(TEST_IMAGES)?;
    let first = [test_images.rows(0..1)?];
    let test = Test {
        images: samples(test_images, "the test images")?,
        first,
        labels: Labels::of(&read(TEST_LABELS)?, "the test labels")?,
    };

    let fused = fuse(&model.graph)?;
    let dynamic = quantize_dynamic(&fused, &[OpKind::Linear], DType::I8)?;
    let (quantized, comparison) = quantize(&fused, &calibration, context)?;
    let fourfold = container::to_bytes(quantized.graph())?;

    let mut table = Table::new(&["digits_cnn", ">accuracy", ">file bytes", ">ratio", ">ms per image"]);
    let dynamic_bytes = container::to_bytes(dynamic.graph())?.len();
    let rows = [
        ("float", &fused, MODEL.len()),
        ("dynamic int8", dynamic.graph(), dynamic_bytes),
        ("static int8", quantized.graph(), fourfold.len()),
    ];
    for (name, graph, bytes) in rows {
        table.row(row(name, graph, bytes, &test, context)?);
    }

    let bytes = (model.bytes, fourfold.len() as u64);
    let report = Report::new(Mode::Static, bytes, (&fused, &quantized), Some(&comparison), None)?;
    atomic::make_folder(&arguments.out)?;
    let onnx = onnx::export(quantized.graph())?;
    let files = [
        ("digits_cnn.int8.fourfold", fourfold.as_slice()),
        ("digits_cnn.int8.onnx", &onnx),
        ("report.html", report.render(ReportForm::Html).as_bytes()),
    ]
    .map(|(name, bytes)| (arguments.out.join(name), bytes.to_vec()));
    for (path, bytes) in &files {
        if !holds(path, bytes) {
            atomic::write(path, bytes, arguments.force)?;
        }
    }
    context.console.data(&table.to_string())?;
    for (path, _) in &files {
        context.console.message(format_args!("wrote {}", path.display()));
    }
    Ok(())
}

/// Quantizes statically and compares all layers on the calibration images.
fn quantize(fused: &Graph, samples: &Samples, context: &Context) -> Result<(Quantized, Comparison), Failure> {
    let progress = context.console.progress("quantizing", 2 * samples.count());
    let mut calibration = prepare_with(fused, QConfig::fourfold(), &context.options())?;
    for batch in samples.batches() {
        interrupt::check()?;
        let batch = batch?;
        calibration.observe(&batch)?;
        progress.inc(batch[0].shape()[0] as u64);
    }
    let quantized = calibration.convert()?;
    let mut comparison = Comparison::with_options(fused, quantized.graph(), &context.options())?;
    for batch in samples.batches() {
        interrupt::check()?;
        let batch = batch?;
        comparison.observe(&batch)?;
        progress.inc(batch[0].shape()[0] as u64);
    }
    progress.finish_and_clear();
    Ok((quantized, comparison))
}

/// What the models are measured on.
struct Test {
    images: Samples,
    /// The first image.
    first: [Tensor; 1],
    labels: Labels,
}

/// One line of the table.
#[expect(clippy::cast_precision_loss, reason = "a ratio with three digits")]
fn row(
    name: &'static str,
    graph: &Graph,
    bytes: usize,
    test: &Test,
    context: &Context,
) -> Result<[String; 5], Failure> {
    let accuracy = accuracy(graph, &test.images, &test.labels, name, context)?;
    let timing = time(graph, &test.first, 1, context)?;
    Ok([
        name.to_owned(),
        format!("{:.1} %", accuracy.share() * 100.0),
        bytes.to_string(),
        format!("{:.3}", bytes as f64 / MODEL.len() as f64),
        format!("{:.4}", timing.median_ms),
    ])
}

/// Whether the file has these bytes already, so that running quickstart twice is no error.
fn holds(path: &Path, bytes: &[u8]) -> bool {
    std::fs::read(path).is_ok_and(|found| found == bytes)
}

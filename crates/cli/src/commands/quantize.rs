//! `fourfold quantize`.

use std::path::Path;

use fourfold::format::calibration;
use fourfold::observers::States;
use fourfold::quantize::{Comparison, Quantized, correct_bias, prepare, quantize_dynamic_with};

use super::Context;
use crate::args::{Mode, Quantize};
use crate::atomic;
use crate::config::Settings;
use crate::data::Samples;
use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::model::{Form, Model, first_bytes, read_file, save};
use crate::report::{Report, ReportForm};

/// Batches of calibration data that layers are compared on.
const COMPARED_BATCHES: usize = 4;

pub(super) fn run(arguments: &Quantize, context: &Context) -> Result<(), Failure> {
    let console = context.console;
    // Everything that can be refused is, before the work begins.
    let mut settings = Settings::new(&arguments.configuration, arguments.mode, &context.limits)?;
    settings.correct_bias |= arguments.correct_bias;
    Form::of_name(&arguments.output)?;
    atomic::check_free(&arguments.output, arguments.force)?;
    let report_form = arguments.report.as_deref().map(ReportForm::of_name).transpose()?;
    if let Some(report) = &arguments.report {
        atomic::check_free(report, arguments.force)?;
    }
    if settings.mode == Mode::Static && arguments.calib.is_empty() {
        return Err(Failure::usage("static quantization needs samples: give --calib DATA, or choose --mode dynamic"));
    }
    if settings.mode == Mode::Dynamic && (settings.equalize || settings.correct_bias) {
        let message =
            "--equalize and --correct-bias are for static quantization; leave them out, or choose --mode static";
        return Err(Failure::usage(message));
    }
    let model = Model::load(&arguments.model, &context.limits)?;
    let at_model = |failure: Failure| failure.about(arguments.model.display());
    let states = states(&arguments.calib, context)?;
    if settings.mode == Mode::Dynamic && states.is_some() {
        let state = arguments.calib.join(", ");
        return Err(Failure::usage(format_args!(
            "{state} is a calibration, which --mode dynamic has no use for; leave it out"
        )));
    }
    if settings.correct_bias && states.is_some() {
        let state = arguments.calib.join(", ");
        return Err(Failure::usage(format_args!(
            "--correct-bias needs samples, and {state} is a calibration; give the samples, or leave the option out"
        )));
    }
    let samples = match arguments.calib.as_slice() {
        given if given.is_empty() || states.is_some() => None,
        given => Some(Samples::read(given, &model.graph, &context.limits)?),
    };
    let fused = settings.fused(&model.graph).map_err(|error| at_model(error.into()))?;
    let at_calibration = |failure: Failure| failure.about(arguments.calib.join(", "));
    let quantized = match (settings.mode, &samples, &states) {
        (Mode::Static, _, Some(states)) => {
            let mut calibration = prepare(&fused, &settings.mapping)?;
            calibration.load(states).map_err(|error| at_calibration(error.into()))?;
            calibration.convert().map_err(|error| at_calibration(Failure::invalid(error)))?
        }
        (Mode::Static, Some(samples), None) => {
            samples.suspicions()?.into_iter().for_each(|suspicion| console.warning(suspicion));
            calibrate(&fused, &settings, samples, context).map_err(at_calibration)?
        }
        _ => quantize_dynamic_with(&fused, settings.mapping).map_err(|error| at_model(error.into()))?,
    };
    if !quantized.graph().is_quantized() {
        let hint = match settings.mode {
            Mode::Dynamic => {
                "; dynamic quantization is for Linear and recurrent layers, try --mode static --calib DATA"
            }
            Mode::Static => "",
        };
        return Err(at_model(Failure::new(
            Kind::Unsupported,
            format_args!("no layer can be quantized as asked{hint}"),
        )));
    }
    let comparison = match &samples {
        Some(samples) => Some(compare(&fused, &quantized, samples, context)?),
        None => None,
    };
    let bytes_after = save(quantized.graph(), &arguments.output, arguments.force)?;
    let report = Report::new(settings.mode, (model.bytes, bytes_after), &quantized, comparison.as_ref());
    if let (Some(form), Some(path)) = (report_form, &arguments.report) {
        atomic::write(path, report.render(form).as_bytes(), arguments.force)?;
    }
    if console.json { console.document("quantize", report.json()) } else { console.data(&report.summary()) }
}

/// What a file that was given in the place of samples says, if it is one.
fn states(given: &[String], context: &Context) -> Result<Option<States>, Failure> {
    let [path] = given else { return Ok(None) };
    let path = Path::new(path);
    if !calibration::is_calibration(&first_bytes(path)?) {
        return Ok(None);
    }
    let states = calibration::from_bytes(&read_file(path, &context.limits)?, &context.limits);
    Ok(Some(states.map_err(|error| Failure::from(error).about(path.display()))?))
}

fn calibrate(
    fused: &fourfold::graph::Graph,
    settings: &Settings,
    samples: &Samples,
    context: &Context,
) -> Result<Quantized, Failure> {
    let mut calibration = prepare(fused, &settings.mapping)?;
    calibration.monitor(interrupt::monitor);
    let batches = samples.batches(fused)?;
    let progress = context.console.progress("calibrating", samples.count());
    for batch in &batches {
        calibration.observe(batch)?;
        progress.inc(batch[0].shape()[0] as u64);
    }
    progress.finish_and_clear();
    let quantized = calibration.convert()?;
    Ok(if settings.correct_bias { correct_bias(fused, &quantized, &batches)? } else { quantized })
}

fn compare(
    fused: &fourfold::graph::Graph,
    quantized: &Quantized,
    samples: &Samples,
    context: &Context,
) -> Result<Comparison, Failure> {
    let mut comparison = Comparison::new(fused, quantized.graph())?;
    let batches = samples.batches(fused)?;
    let compared = &batches[..batches.len().min(COMPARED_BATCHES)];
    let progress = context.console.progress("comparing", compared.len());
    for batch in compared {
        interrupt::check()?;
        comparison.observe(batch)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(comparison)
}

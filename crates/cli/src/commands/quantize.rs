//! `fourfold quantize`.

use std::path::Path;

use fourfold::ErrorKind;
use fourfold::graph::{Graph, Node, OpKind};
use fourfold::observers::States;
use fourfold::quantize::{Comparison, Decision, Quantized, correct_bias_with, prepare_with, quantize_dynamic_with};

use super::Context;
use crate::args::{Mode, Quantize};
use crate::atomic;
use crate::config::Settings;
use crate::data::{Flag, Samples, Suspicions};
use crate::failure::Failure;
use crate::interrupt;
use crate::model::{Form, Model, save};
use crate::report::{Calibrated, Report, ReportForm};
use crate::state;

/// Batches of calibration data that layers are compared on.
const COMPARED_BATCHES: usize = 4;

/// Reasons that are listed when nothing can be quantized.
const REASONS: usize = 3;

pub(super) fn run(arguments: &Quantize, context: &Context) -> Result<(), Failure> {
    let console = &context.console;
    // Everything that can be refused is, before the work begins.
    let mut settings = Settings::new(&arguments.configuration, arguments.mode, context)?;
    settings.correct_bias |= arguments.correct_bias;
    Form::of_name(&arguments.output)?;
    atomic::check_free(&arguments.output, arguments.force)?;
    let report_form = arguments.report.as_deref().map(ReportForm::of_name).transpose()?;
    if let Some(report) = &arguments.report {
        atomic::check_free(report, arguments.force)?;
    }
    let given = arguments.calib.join(", ");
    let states = states(&arguments.calib, context)?;
    check(arguments, &settings, states.is_some(), context)?;
    let model = Model::load_for(&arguments.model, &arguments.calib, context)?;
    let at_model = |failure: Failure| failure.about(arguments.model.display());
    let fused = settings.fused(&model.graph, context).map_err(at_model)?;
    let samples = match states {
        None if !arguments.calib.is_empty() => {
            let flag = Flag { name: "--calib", values: &arguments.calib, images: &arguments.images };
            Some(Samples::open(flag, &model.graph, context)?)
        }
        _ => None,
    };
    let mut calibrated = None;
    let quantized = match (settings.mode, &samples, &states) {
        (Mode::Static, _, Some(states)) => {
            calibrated = Some(Calibrated { batches: states.batches, shards: states.shards.clone() });

            let partial = arguments.allow_partial;
            let quantized = from_states((&fused, &settings), states, partial, context);
            quantized.map_err(|failure| failure.about(given))?
        }
        (Mode::Static, Some(samples), None) => calibrate(&fused, &settings, samples, context)?,
        _ => quantize_dynamic_with(&fused, &settings.mapping).map_err(|error| at_model(error.into()))?,
    };
    if !quantized.graph().is_quantized() {
        return Err(at_model(nothing_quantized(&settings, &fused, &quantized)));
    }
    let comparison = match &samples {
        Some(samples) => compare(&fused, &quantized, samples, context)?,
        None => None,
    };
    let bytes_after = save(quantized.graph(), &arguments.output, arguments.force)?;
    let bytes = (model.bytes, bytes_after);
    let mut report = Report::new(settings.mode, bytes, (&fused, &quantized), comparison.as_ref(), calibrated)?;
    report.poor().into_iter().for_each(|poor| console.warning(poor));
    samples.iter().for_each(|samples| samples.warn(console));
    report.warnings = console.warnings();
    if let (Some(form), Some(path)) = (report_form, &arguments.report) {
        atomic::write(path, report.render(form).as_bytes(), arguments.force)?;
    }
    if console.json { console.document("quantize", report.json()) } else { console.data(&report.summary()) }
}

/// Refuses options that do not go together, and warns of those that are not needed.
fn check(arguments: &Quantize, settings: &Settings, is_state: bool, context: &Context) -> Result<(), Failure> {
    let (console, given) = (&context.console, arguments.calib.join(", "));
    if settings.mode == Mode::Static && arguments.calib.is_empty() {
        return Err(Failure::usage("static quantization needs samples: give --calib DATA, or choose --mode dynamic"));
    }
    if settings.mode == Mode::Dynamic && (settings.equalize || settings.correct_bias) {
        let message =
            "--equalize and --correct-bias are for static quantization; leave them out, or choose --mode static";
        return Err(Failure::usage(message));
    }
    if settings.mode == Mode::Dynamic && is_state {
        return Err(Failure::usage(format_args!(
            "--calib {given} is a calibration, which --mode dynamic has no use for; leave it out"
        )));
    }
    if settings.correct_bias && is_state {
        return Err(Failure::usage(format_args!(
            "--correct-bias needs samples, and {given} is a calibration; give the samples, or leave the option out"
        )));
    }
    if settings.mode == Mode::Dynamic && !arguments.calib.is_empty() {
        console.warning(format_args!(
            "--calib {given}: --mode dynamic takes no ranges from samples; layers are compared on them, and that is all"
        ));
    }
    if arguments.allow_partial && !is_state {
        console.warning("--allow-partial has no effect: it is for files that calibrate or merge wrote");
    }
    Ok(())
}

/// The calibration, if that was given instead of samples.
fn states(given: &[String], context: &Context) -> Result<Option<States>, Failure> {
    match given {
        [path] if state::is_state(Path::new(path))? => state::read(Path::new(path), context).map(Some),
        [] | [_] => Ok(None),
        several => match several.iter().find(|path| state::is_state(Path::new(path)).unwrap_or(false)) {
            None => Ok(None),
            Some(state) => Err(Failure::usage(format_args!(
                "--calib {state} is a calibration, and not the only one given; merge them with `fourfold merge` first"
            ))),
        },
    }
}

fn from_states(
    (fused, settings): (&Graph, &Settings),
    states: &States,
    partial: bool,
    context: &Context,
) -> Result<Quantized, Failure> {
    let mut calibration = prepare_with(fused, &settings.mapping, &context.options())?;
    calibration.load(states)?;
    if partial {
        calibration.allow_partial();
    }
    calibration.convert().map_err(|error| match error {
        fourfold::quantize::Error::NotCalibrated => Failure::invalid(error),
        error => error.into(),
    })
}

fn calibrate(fused: &Graph, settings: &Settings, samples: &Samples, context: &Context) -> Result<Quantized, Failure> {
    let console = &context.console;
    let mut calibration = prepare_with(fused, &settings.mapping, &context.options())?;
    calibration.monitor(interrupt::monitor);
    let progress = console.progress("calibrating", samples.count());
    let (mut stream, mut suspicions) = (samples.stream(), Suspicions::new());
    for slice in samples.slices() {
        let batch = stream.read(slice)?;
        suspicions.see(&batch)?.into_iter().for_each(|suspicion| console.warning(suspicion));
        calibration.observe(&batch).map_err(|error| Failure::from(error).about(samples.place(slice)))?;
        progress.inc(slice.len() as u64);
    }
    progress.finish_and_clear();
    suspicions.of_all(samples.count()).into_iter().for_each(|suspicion| console.warning(suspicion));
    let quantized = calibration.convert().map_err(|error| Failure::from(error).about(samples.source()))?;
    if !settings.correct_bias {
        return Ok(quantized);
    }
    let corrected = correct_bias_with(fused, &quantized, samples, &context.options())?;
    if corrected.graph() == quantized.graph() {
        console.warning(
            "--correct-bias changed nothing: no quantized layer has a mean error as large as one step of its bias",
        );
    }
    Ok(corrected)
}

/// Compares the layers on the first batches, unless these are constant.
fn compare(
    fused: &Graph,
    quantized: &Quantized,
    samples: &Samples,
    context: &Context,
) -> Result<Option<Comparison>, Failure> {
    let mut comparison = Comparison::with_options(fused, quantized.graph(), &context.options())?;
    let slices: Vec<_> = samples.slices().take(COMPARED_BATCHES).collect();
    let progress = context.console.progress("comparing", slices.len());
    let (mut stream, mut suspicions) = (samples.stream(), Suspicions::new());
    for slice in slices {
        interrupt::check()?;
        let batch = stream.read(slice)?;
        suspicions.see(&batch)?;
        comparison.observe(&batch).map_err(|error| Failure::from(error).about(samples.place(slice)))?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    if !suspicions.has_variety() {
        let source = samples.source();
        context.console.warning(format_args!(
            "{source}: the samples that layers would be compared on are constant; no SQNR is reported"
        ));
        return Ok(None);
    }
    Ok(Some(comparison))
}

/// Why no layer was quantized.
fn nothing_quantized(settings: &Settings, fused: &Graph, quantized: &Quantized) -> Failure {
    let mut reasons: Vec<String> = Vec::new();
    for layer in quantized.layers().iter().filter(|layer| layer.decision == Decision::Float) {
        let reason = format!("{}: {}", layer.operator, layer.reason);
        if reasons.len() < REASONS && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let said = if settings.said.is_empty() { String::new() } else { format!(" by {}", settings.said) };
    let is_recurrent = |node: &Node| matches!(node.op().kind(), OpKind::Lstm | OpKind::Gru | OpKind::Rnn);
    let hint = match settings.mode {
        Mode::Dynamic => "; dynamic quantization is for Linear and recurrent layers, try --mode static --calib DATA",
        Mode::Static if fused.nodes().iter().any(is_recurrent) => {
            "; static quantization leaves recurrent layers float, for which --mode dynamic is the way"
        }
        Mode::Static => "",
    };
    let reasons = reasons.join("; ");
    Failure::new(ErrorKind::Unsupported, format_args!("no layer can be quantized as asked{said}{hint} ({reasons})"))
}

//! `fourfold eval`.

use serde_json::json;

use super::Context;
use crate::args::Eval;
use crate::data::{Flag, Samples};
use crate::evaluate::{Labels, accuracy};
use crate::failure::Failure;
use crate::model::Model;

pub(super) fn run(arguments: &Eval, context: &Context) -> Result<(), Failure> {
    let model = Model::load_for(&arguments.model, &arguments.input, context)?;
    let given = arguments.labels.as_deref().map(|path| Labels::read(path, context)).transpose()?;
    let input = Flag { name: "--input", values: &arguments.input, images: &arguments.images };
    let samples = Samples::open(input, &model.graph, context)?;
    let labels = match given {
        Some(labels) => labels.without(samples.left_out())?,
        None => Labels::by_folder(&samples, &context.console)?,
    };
    let accuracy = accuracy(&model.graph, &samples, &labels, "evaluating", context)?;
    samples.warn(&context.console);
    let (share, samples) = (accuracy.share(), accuracy.samples);
    if context.console.json {
        return context
            .console
            .document("eval", json!({ "accuracy": share, "correct": accuracy.correct, "samples": samples }));
    }
    context.console.data(&format!("accuracy {:.2} % ({} of {samples})\n", share * 100.0, accuracy.correct))
}

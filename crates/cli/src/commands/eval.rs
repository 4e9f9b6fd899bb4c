//! `fourfold eval`.

use serde_json::json;

use super::Context;
use crate::args::Eval;
use crate::data::Samples;
use crate::evaluate::{accuracy, classes, labels};
use crate::failure::Failure;
use crate::model::{Model, read_npy};

pub(super) fn run(arguments: &Eval, context: &Context) -> Result<(), Failure> {
    let model = Model::load(&arguments.model, &context.limits)?;
    let expected = read_npy(&arguments.labels, &context.limits)?;
    let expected = labels(&expected).map_err(|failure| failure.about(arguments.labels.display()))?;
    let input = arguments.input.to_string_lossy().into_owned();
    let samples = Samples::read(&[input], &model.graph, &context.limits)?;
    let found = classes(&model.graph, &samples, context.console, "evaluating")
        .map_err(|failure| failure.about(arguments.input.display()))?;
    let accuracy = accuracy(&found, &expected)?;
    let (share, samples) = (accuracy.share(), accuracy.samples);
    if context.console.json {
        return context
            .console
            .document("eval", json!({ "accuracy": share, "correct": accuracy.correct, "samples": samples }));
    }
    context.console.data(&format!("accuracy {:.2} % ({} of {samples})\n", share * 100.0, accuracy.correct))
}

//! `fourfold verify`.

use super::Context;
use crate::args::Verify;
use crate::failure::Failure;
use crate::model::{Form, Model};

pub(super) fn run(arguments: &Verify, context: &Context) -> Result<(), Failure> {
    let Model { graph, form, bytes, .. } = Model::load(&arguments.file, context)?;
    let what = match form {
        Form::Onnx => "ONNX model, structure and limits hold (the format has no checksums)",
        Form::Fourfold => "fourfold model, structure, limits and checksums hold",
    };
    let (nodes, parameters) = (graph.nodes().len(), graph.statistics().parameters);
    let file = arguments.file.display();
    context.console.data(&format!("{file}: {what}; {bytes} bytes, {nodes} nodes, {parameters} parameters\n"))
}

//! `fourfold export`.

use fourfold::format::tensors;
use fourfold::onnx;

use super::Context;
use crate::args::{Export, OnnxForm, Target};
use crate::atomic;
use crate::failure::Failure;
use crate::model::Model;

pub(super) fn run(arguments: &Export, context: &Context) -> Result<(), Failure> {
    let (name, form) = match (arguments.to, arguments.form) {
        (Target::Onnx, form) => ("model.onnx", form.unwrap_or(OnnxForm::Qdq)),
        (Target::Safetensors, None) => ("model.safetensors", OnnxForm::Qdq),
        (Target::Safetensors, Some(_)) => return Err(Failure::usage("--form is for --to onnx only; leave it out")),
    };
    let path = arguments.output.join(name);
    atomic::check_free(&path, arguments.force)?;
    let Model { graph, .. } = Model::load(&arguments.model, &context.limits)?;
    if arguments.form == Some(OnnxForm::Qoperator) && !graph.is_quantized() {
        context.console.warning("--form qoperator has no effect: the model is float, it has no operators on codes");
    }
    let bytes = match (arguments.to, form) {
        (Target::Onnx, OnnxForm::Qdq) => onnx::export(&graph)?,
        (Target::Onnx, OnnxForm::Qoperator) => onnx::export_as(&graph, onnx::Form::QOperator)?,
        (Target::Safetensors, _) => tensors::write(&tensors::of_graph(&graph))?,
    };
    atomic::make_folder(&arguments.output)?;
    atomic::write(&path, &bytes, arguments.force)?;
    context.console.data(&format!("{}: {} bytes\n", path.display(), bytes.len()))
}

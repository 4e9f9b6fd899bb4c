//! `fourfold export`.

use fourfold::format::tensors;
use fourfold::onnx;

use super::Context;
use crate::args::{Export, OnnxForm, Target};
use crate::atomic;
use crate::failure::Failure;
use crate::model::{Model, save_onnx};

pub(super) fn run(arguments: &Export, context: &Context) -> Result<(), Failure> {
    let (name, form) = match (arguments.to, arguments.form) {
        (Target::Onnx, form) => ("model.onnx", form.unwrap_or(OnnxForm::Qdq)),
        (Target::Safetensors, None) => ("model.safetensors", OnnxForm::Qdq),
        (Target::Safetensors, Some(_)) => return Err(Failure::usage("--form is for --to onnx only; leave it out")),
    };
    let path = arguments.output.join(name);
    atomic::check_free(&path, arguments.force)?;
    let Model { graph, .. } = Model::load(&arguments.model, context)?;
    if arguments.form == Some(OnnxForm::Qoperator) && !graph.is_quantized() {
        context.console.warning("--form qoperator has no effect: the model is float, it has no quantized operators");
    }
    atomic::make_folder(&arguments.output)?;
    let bytes = match (arguments.to, form) {
        (Target::Onnx, OnnxForm::Qdq) => save_onnx(&graph, onnx::Form::Qdq, &path, arguments.force)?,
        (Target::Onnx, OnnxForm::Qoperator) => save_onnx(&graph, onnx::Form::QOperator, &path, arguments.force)?,
        (Target::Safetensors, _) => {
            let bytes = tensors::write(&tensors::of_graph(&graph))?;
            atomic::write(&path, &bytes, arguments.force)?;
            bytes.len() as u64
        }
    };
    context.console.data(&format!("{}: {bytes} bytes\n", path.display()))
}

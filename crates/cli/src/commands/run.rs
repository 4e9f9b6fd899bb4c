//! `fourfold run`.

use std::collections::HashSet;
use std::sync::Arc;

use fourfold::format::npy;
use fourfold::runtime::{Options, Plan, Session};

use super::Context;
use crate::args::Run;
use crate::atomic;
use crate::data::named;
use crate::failure::Failure;
use crate::model::Model;

pub(super) fn run(arguments: &Run, context: &Context) -> Result<(), Failure> {
    let model = Model::load(&arguments.model, &context.limits)?;
    let graph = &model.graph;
    let names: Vec<&str> = graph.inputs().iter().map(|&id| graph.value(id).name()).collect();
    let inputs = named(&arguments.input, &names, &context.limits)?;
    let mut taken = HashSet::new();
    let mut paths = Vec::new();
    for &output in graph.outputs() {
        let mut name = file_name(graph.value(output).name());
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        let path = arguments.output_dir.join(format!("{name}.npy"));
        atomic::check_free(&path, arguments.force)?;
        paths.push(path);
    }
    let options = Options { limits: context.limits.clone(), ..Options::default() };
    let mut session = Session::new(Arc::new(Plan::compile(graph, &options)?));
    let given = arguments.input.join(", ");
    let outputs = session.run(&inputs).map_err(|error| Failure::from(error).about(given))?;
    atomic::make_folder(&arguments.output_dir)?;
    for (path, output) in paths.iter().zip(outputs) {
        atomic::write(path, &npy::write(output), arguments.force)?;
        context.console.data(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

/// A name as a file name: every character outside `[A-Za-z0-9_.-]` becomes `_`.
fn file_name(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' };
    name.chars().map(kept).collect()
}

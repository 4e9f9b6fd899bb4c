//! `fourfold run`.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use fourfold::format::npy;
use fourfold::graph::{Dim, Graph};
use fourfold::runtime::{Options, Plan, Session};
use fourfold::tensor::Tensor;

use super::Context;
use crate::args::Run;
use crate::atomic;
use crate::data::named;
use crate::failure::{Failure, Kind};
use crate::interrupt;
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
    let mut results = Vec::new();
    for inputs in batches(graph, inputs)? {
        interrupt::check()?;
        let outputs = session.run(&inputs).map_err(|error| Failure::from(error).about(&given))?;
        results.push(outputs.to_vec());
    }
    let outputs = (0..paths.len()).map(|output| joined(&results, output, &paths[output]));
    let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
    atomic::make_folder(&arguments.output_dir)?;
    for (path, output) in paths.iter().zip(&outputs) {
        atomic::write(path, &npy::write(output), arguments.force)?;
        context.console.data(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

/// The inputs of each run: all samples at once, or as many at a time as a model of a fixed batch takes.
fn batches(graph: &Graph, inputs: Vec<Tensor>) -> Result<Vec<Vec<Tensor>>, Failure> {
    let taken = |index: usize| match graph.value(graph.inputs()[index]).ty().dims().first() {
        Some(Dim::Fixed(size)) if *size > 0 => Some(*size),
        _ => None,
    };
    let count = |tensor: &Tensor| tensor.shape().first().copied();
    let (Some(size), Some(samples)) = (taken(0), inputs.first().and_then(count)) else { return Ok(vec![inputs]) };
    let is_alike = inputs.iter().enumerate().all(|(index, x)| taken(index) == Some(size) && count(x) == Some(samples));
    if !is_alike || samples <= size || !samples.is_multiple_of(size) {
        return Ok(vec![inputs]);
    }
    let batch = |start: usize| inputs.iter().map(|input| input.rows(start..start + size)).collect::<Result<_, _>>();
    Ok((0..samples).step_by(size).map(batch).collect::<Result<_, _>>()?)
}

/// One output of all runs, one below the other.
fn joined(results: &[Vec<Tensor>], output: usize, path: &Path) -> Result<Tensor, Failure> {
    let parts = || results.iter().map(|outputs| &outputs[output]);
    if let [only] = results {
        return Ok(only[output].clone());
    }
    let first = parts().next().map(|part| (part.dtype(), part.shape()));
    let Some((dtype, [rows, rest @ ..])) = first.filter(|&(_, shape)| parts().all(|part| part.shape() == shape)) else {
        let path = path.display();
        return Err(Failure::new(
            Kind::Unsupported,
            format_args!(
                "{path}: the model takes fewer samples at a time, and what it gives for them has no axis of samples; run it on fewer"
            ),
        ));
    };
    let shape = [&[rows * results.len()], rest].concat();
    Ok(Tensor::from_le_bytes(dtype, &shape, &parts().flat_map(Tensor::to_le_bytes).collect::<Vec<u8>>())?)
}

/// A name as a file name: every character outside `[A-Za-z0-9_.-]` becomes `_`.
fn file_name(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' };
    name.chars().map(kept).collect()
}

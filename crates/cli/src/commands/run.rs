//! `fourfold run`.

use std::collections::HashSet;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fourfold::format::npy;
use fourfold::graph::{Dim, Graph};
use fourfold::runtime::{Plan, Session};
use fourfold::tensor::Tensor;

use super::Context;
use crate::args::Run;
use crate::atomic::{self, Pending};
use crate::data::{Flag, open_npy, paths};
use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::model::Model;

pub(super) fn run(arguments: &Run, context: &Context) -> Result<(), Failure> {
    let model = Model::load(&arguments.model, &context.limits)?;
    let graph = &model.graph;
    let paths = paths(Flag { name: "--input", values: &arguments.input }, graph)?;
    let inputs = paths.iter().map(|path| open_npy(path, &context.limits)).collect::<Result<Vec<_>, _>>()?;
    let outputs = output_paths(arguments, graph);
    outputs.iter().try_for_each(|path| atomic::check_free(path, arguments.force))?;
    let mut session = Session::new(Arc::new(Plan::compile(graph, &context.options())?));
    let given = arguments.input.join(", ");
    let runs = runs(graph, &inputs);
    let mut inputs: Vec<(npy::Reader<File>, PathBuf)> = inputs.into_iter().zip(paths).collect();
    let mut files: Vec<Output> = Vec::new();
    for rows in &runs {
        interrupt::check()?;
        let inputs = inputs.iter_mut().map(|input| read(input, rows.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let results = session.run(&inputs).map_err(|error| Failure::from(error).about(&given))?;
        if files.is_empty() {
            atomic::make_folder(&arguments.output_dir)?;
            let begin = |(path, first): (&PathBuf, &Tensor)| Output::begin(path.clone(), first, runs.len());
            files = outputs.iter().zip(results).map(begin).collect::<Result<_, _>>()?;
        }
        files.iter_mut().zip(results).try_for_each(|(file, result)| file.add(result))?;
    }
    interrupt::check()?;
    for Output { path, file, .. } in files {
        file.finish(arguments.force)?;
        context.console.data(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

/// A path for each output, no two the same.
fn output_paths(arguments: &Run, graph: &Graph) -> Vec<PathBuf> {
    let mut taken = HashSet::new();
    let path = |&output| {
        let mut name = file_name(graph.value(output).name());
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        arguments.output_dir.join(format!("{name}.npy"))
    };
    graph.outputs().iter().map(path).collect()
}

/// The rows of each run: all that there are, `None`, or as many at a time as a model of a fixed batch takes.
fn runs(graph: &Graph, inputs: &[npy::Reader<File>]) -> Vec<Option<Range<usize>>> {
    let taken = |index: usize| match graph.value(graph.inputs()[index]).ty().dims().first() {
        Some(Dim::Fixed(size)) if *size > 0 => Some(*size),
        _ => None,
    };
    let count = |input: &npy::Reader<File>| input.shape().first().copied();
    let Some((samples, size)) = inputs.first().and_then(count).zip(inputs.first().and_then(|_| taken(0))) else {
        return vec![None];
    };
    let is_alike = inputs.iter().enumerate().all(|(index, x)| taken(index) == Some(size) && count(x) == Some(samples));
    if !is_alike || samples <= size || !samples.is_multiple_of(size) {
        return vec![None];
    }
    (0..samples).step_by(size).map(|start| Some(start..start + size)).collect()
}

fn read((reader, path): &mut (npy::Reader<File>, PathBuf), rows: Option<&Range<usize>>) -> Result<Tensor, Failure> {
    let tensor = match rows {
        Some(rows) => reader.rows(rows.clone()),
        None => reader.tensor(),
    };
    tensor.map_err(|error| Failure::from(error).about(path.display()))
}

/// One output of all runs, one below the other, written as they come.
struct Output {
    path: PathBuf,
    shape: Vec<usize>,
    file: Pending,
}

impl Output {
    /// Begins the file of an output of which the first run has given `first`, of so many runs.
    fn begin(path: PathBuf, first: &Tensor, runs: usize) -> Result<Self, Failure> {
        let shape = first.shape().to_vec();
        let all = match shape.as_slice() {
            _ if runs == 1 => shape.clone(),
            [rows, rest @ ..] => [&[rows * runs], rest].concat(),
            [] => return Err(apart(&path)),
        };
        let mut file = Pending::new(&path)?;
        file.write(&npy::header(first.dtype(), &all))?;
        Ok(Self { path, shape, file })
    }

    /// Adds what a run gave.
    fn add(&mut self, result: &Tensor) -> Result<(), Failure> {
        if result.shape() != self.shape {
            return Err(apart(&self.path));
        }
        self.file.write(&result.to_le_bytes())
    }
}

fn apart(path: &Path) -> Failure {
    let path = path.display();
    Failure::new(
        Kind::Unsupported,
        format_args!(
            "{path}: the model takes fewer samples at a time, and what it gives for them has no axis of samples; run it on fewer"
        ),
    )
}

/// A name as a file name: every character outside `[A-Za-z0-9_.-]` becomes `_`.
fn file_name(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' };
    name.chars().map(kept).collect()
}

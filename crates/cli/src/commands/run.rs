//! `fourfold run`.

use std::collections::HashSet;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fourfold::format::npy;
use fourfold::graph::{Dim, Graph, ValueId};
use fourfold::runtime::{Plan, Session};
use fourfold::tensor::Tensor;

use super::Context;
use crate::args::Run;
use crate::atomic::{self, Pending};
use crate::data::{BATCH, Flag, open_npy, paths};
use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::model::Model;

pub(super) fn run(arguments: &Run, context: &Context) -> Result<(), Failure> {
    let model = Model::load(&arguments.model, context)?;
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
            let begin = |(path, first): (&PathBuf, &Tensor)| Output::begin(path.clone(), first, rows_of(&runs));
            files = outputs.iter().zip(results).map(begin).collect::<Result<_, _>>()?;
        }
        files.iter_mut().zip(results).try_for_each(|(file, result)| file.add(result))?;
    }
    interrupt::check()?;
    for file in files {
        let path = file.finish(arguments.force)?;
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

/// The rows of each run: all that there are, `None`, or as many at a time as a model of a fixed batch takes; some at a
/// time too where rows do not depend on each other, so that memory does not grow with their number.
fn runs(graph: &Graph, inputs: &[npy::Reader<File>]) -> Vec<Option<Range<usize>>> {
    let count = |input: &npy::Reader<File>| input.shape().first().copied();
    let Some(samples) =
        inputs.first().and_then(count).filter(|&first| inputs.iter().all(|input| count(input) == Some(first)))
    else {
        return vec![None];
    };
    let fixed = |&id: &ValueId| graph.value(id).ty().dims().first().and_then(Dim::fixed);
    let size = match graph.inputs().iter().map(fixed).reduce(|all, size| all.filter(|_| all == size)).flatten() {
        Some(size) if size > 0 && samples.is_multiple_of(size) => size,
        None if graph.has_independent_rows() => BATCH,
        _ => return vec![None],
    };
    if samples <= size {
        return vec![None];
    }
    (0..samples).step_by(size).map(|start| Some(start..samples.min(start + size))).collect()
}

/// The rows of the first run and of all; 1 of 1 where there is one run.
fn rows_of(runs: &[Option<Range<usize>>]) -> (usize, usize) {
    match (runs.first(), runs.last()) {
        (Some(Some(first)), Some(Some(last))) => (first.len(), last.end),
        _ => (1, 1),
    }
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
    /// The shape of all runs together.
    shape: Vec<usize>,
    /// Rows that are still to come.
    rows: usize,
    file: Pending,
}

impl Output {
    /// Begins the file of an output of which the first run has given `first`, for so many of all rows of the inputs.
    fn begin(path: PathBuf, first: &Tensor, (of_run, of_all): (usize, usize)) -> Result<Self, Failure> {
        let mut shape = first.shape().to_vec();
        match shape.first_mut() {
            Some(rows) => *rows = *rows * of_all / of_run,
            None if of_run == of_all => {}
            None => return Err(apart(&path)),
        }
        let mut file = Pending::new(&path)?;
        file.write(&npy::header(first.dtype(), &shape))?;
        Ok(Self { path, rows: shape.first().copied().unwrap_or(1), shape, file })
    }

    /// Adds what a run gave.
    fn add(&mut self, result: &Tensor) -> Result<(), Failure> {
        let rows = result.shape().first().copied().unwrap_or(1);
        if result.shape().get(1..) != self.shape.get(1..) || rows > self.rows {
            return Err(apart(&self.path));
        }
        self.rows -= rows;
        self.file.write(&npy::elements(result))
    }

    /// Gives the file its name.
    fn finish(self, force: bool) -> Result<PathBuf, Failure> {
        if self.rows > 0 {
            return Err(apart(&self.path));
        }
        self.file.finish(force).map(|()| self.path)
    }
}

fn apart(path: &Path) -> Failure {
    let path = path.display();
    Failure::new(
        Kind::Unsupported,
        format_args!(
            "{path}: the model takes fewer samples at a time, and what it gives for them has no axis of \
             samples; run it on fewer"
        ),
    )
}

/// A name as a file name: every character outside `[A-Za-z0-9_.-]` becomes `_`.
fn file_name(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' };
    name.chars().map(kept).collect()
}

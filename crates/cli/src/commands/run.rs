//! `fourfold run`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fourfold::ErrorKind;
use fourfold::format::npy;
use fourfold::graph::Graph;
use fourfold::runtime::{Plan, Session};
use fourfold::tensor::Tensor;

use super::Context;
use crate::args::Run;
use crate::atomic::{self, Pending};
use crate::data::{Flag, Samples, file_name};
use crate::failure::Failure;
use crate::interrupt;
use crate::model::Model;

pub(super) fn run(arguments: &Run, context: &Context) -> Result<(), Failure> {
    let model = Model::load_for(&arguments.model, &arguments.input, context)?;
    let graph = &model.graph;
    let samples = Samples::for_run(
        Flag { name: "--input", values: &arguments.input, images: &arguments.images },
        graph,
        context,
    )?;
    let outputs = output_paths(arguments, graph);
    outputs.iter().try_for_each(|path| atomic::check_free(path, arguments.force))?;
    let mut session = Session::new(Arc::new(Plan::compile(graph, &context.options())?));
    let (mut stream, mut files) = (samples.stream(), Vec::<Output>::new());
    for slice in samples.slices() {
        interrupt::check()?;
        let inputs = stream.read(slice)?;
        let results = session.run(&inputs).map_err(|error| Failure::from(error).about(samples.place(slice)))?;
        if files.is_empty() {
            atomic::make_folder(&arguments.output_dir)?;
            let runs = Runs { first: slice.len(), samples: samples.count(), count: samples.slices().len() };
            let begin = |(path, first): (&PathBuf, &Tensor)| Output::begin(path.clone(), first, &runs);
            files = outputs.iter().zip(results).map(begin).collect::<Result<_, _>>()?;
        }
        files.iter_mut().zip(results).try_for_each(|(file, result)| file.add(result))?;
    }
    samples.warn(&context.console);
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

/// How often the model is run, and on how many samples.
struct Runs {
    /// Samples of the first run.
    first: usize,
    /// Samples of all runs.
    samples: usize,
    count: usize,
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
    /// Begins the file of an output of which the first run has given `first`: what the runs give lies one below the
    /// other, along a new axis where it is one number each.
    fn begin(path: PathBuf, first: &Tensor, runs: &Runs) -> Result<Self, Failure> {
        let mut shape = first.shape().to_vec();
        match shape.first_mut() {
            _ if runs.count == 1 => {}
            Some(rows) if runs.first > 0 => *rows = *rows * runs.samples / runs.first,
            Some(rows) => *rows *= runs.count,
            None => shape.push(runs.count),
        }
        let mut file = Pending::new(&path)?;
        file.write(&npy::header(first.dtype(), &shape))?;
        Ok(Self { path, rows: shape.first().copied().unwrap_or(1), shape, file })
    }

    /// Adds what a run gave.
    fn add(&mut self, result: &Tensor) -> Result<(), Failure> {
        let rows = result.shape().first().copied().unwrap_or(1);
        let is_alike = result.shape().get(1..).unwrap_or(&[]) == self.shape.get(1..).unwrap_or(&[]);
        if !is_alike || rows > self.rows {
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
        ErrorKind::Unsupported,
        format_args!(
            "{path}: the model gives results of different sizes, which do not fit into one file; run it on the files \
             of one size at a time"
        ),
    )
}

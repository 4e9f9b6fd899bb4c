//! Samples in files, cut into batches that a model takes; a batch is in memory only while it is used.

mod arguments;
mod stream;
mod suspicions;

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};

use fourfold::format::npy;
use fourfold::graph::{Dim, Graph, Limits};
use fourfold::quantize::{self, Batches};
use fourfold::tensor::{DType, Tensor};

pub(crate) use arguments::{Flag, paths};
pub(crate) use stream::Stream;
pub(crate) use suspicions::Suspicions;

use crate::failure::Failure;
use crate::interrupt;
use crate::model::check_is_file;

/// Samples in a batch, where the model lets us choose.
pub(crate) const BATCH: usize = 32;

/// Samples for every input of a model, in one or more parts.
///
/// The first axis of every tensor counts the samples.
#[derive(Debug)]
pub(crate) struct Samples {
    parts: Vec<Part>,
    /// Samples in a batch; only the last one of a part may have fewer.
    batch: usize,
    /// What the user gave, for messages.
    source: String,
    limits: Limits,
}

/// Samples of which batches are made that reach into no other part.
#[derive(Debug)]
struct Part {
    count: usize,
    /// One for each input of the model, in the order of the graph.
    inputs: Vec<Input>,
}

/// Where the samples of an input are.
#[derive(Debug)]
enum Input {
    Memory(Tensor),
    File { path: PathBuf, dtype: DType, shape: Vec<usize> },
}

/// Which samples make a batch.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    part: usize,
    rows: Range<usize>,
}

impl Slice {
    /// The number of samples.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

impl Samples {
    /// Finds what the user gave: `FILE.npy`, a folder of `.npy` files, or `INPUT=FILE.npy` for each input. Only headers
    /// are read.
    pub(crate) fn open(flag: Flag<'_>, graph: &Graph, limits: &Limits) -> Result<Self, Failure> {
        let source = flag.values.join(", ");
        let paths = paths(flag, graph)?;
        let files = match paths.as_slice() {
            [folder] if folder.is_dir() => npy_files(folder)?.into_iter().map(|file| vec![file]).collect(),
            _ => vec![paths],
        };
        let input = |path: PathBuf| {
            let reader = open_npy(&path, limits)?;
            Ok(Input::File { dtype: reader.dtype(), shape: reader.shape().to_vec(), path })
        };
        let inputs = |paths: Vec<PathBuf>| paths.into_iter().map(input).collect::<Result<Vec<_>, _>>();
        let parts = files.into_iter().map(inputs).collect::<Result<Vec<_>, Failure>>()?;
        Self::new(parts, graph, source, limits)
    }

    /// Samples that are in memory already, for a model with one input.
    pub(crate) fn of(tensor: Tensor, graph: &Graph, source: &str, limits: &Limits) -> Result<Self, Failure> {
        Self::new(vec![vec![Input::Memory(tensor)]], graph, source.to_owned(), limits)
    }

    fn new(parts: Vec<Vec<Input>>, graph: &Graph, source: String, limits: &Limits) -> Result<Self, Failure> {
        let fixed = match graph.inputs().first().map(|&id| graph.value(id).ty().dims().first()) {
            Some(Some(Dim::Fixed(size))) => Some((*size).max(1)),
            _ => None,
        };
        let parts = parts.into_iter().map(|inputs| Part::new(inputs, fixed)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { parts, batch: fixed.unwrap_or(BATCH), source, limits: limits.clone() })
    }

    /// The number of samples.
    pub(crate) fn count(&self) -> usize {
        self.parts.iter().map(|part| part.count).sum()
    }

    /// What the user gave.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The batches that the model takes: of 32 samples if its first axis is free, else of as many as it wants.
    pub(crate) fn slices(&self) -> impl Iterator<Item = Slice> + '_ {
        let of_part = |(part, &Part { count, .. }): (usize, &Part)| {
            let size = self.batch;
            (0..count).step_by(size).map(move |start| Slice { part, rows: start..count.min(start + size) })
        };
        self.parts.iter().enumerate().flat_map(of_part)
    }

    /// A way to read batches.
    pub(crate) fn stream(&self) -> Stream<'_> {
        Stream::new(self)
    }

    /// The batches one after the other, each read when it is asked for.
    pub(crate) fn batches(&self) -> impl Iterator<Item = Result<Vec<Tensor>, Failure>> + '_ {
        let mut stream = self.stream();
        self.slices().map(move |slice| stream.read(&slice))
    }

    /// Where the samples of a batch are, for messages.
    pub(crate) fn place(&self, slice: &Slice) -> String {
        let names: Vec<String> = self.parts[slice.part].inputs.iter().filter_map(Input::name).collect();
        if names.is_empty() { self.source.clone() } else { names.join(", ") }
    }
}

impl Batches for Samples {
    type Error = Failure;

    fn for_each(&self, mut take: impl FnMut(&[Tensor]) -> Result<(), quantize::Error>) -> Result<(), Failure> {
        self.batches().try_for_each(|batch| {
            interrupt::check()?;
            take(&batch?).map_err(|error| Failure::from(error).about(&self.source))
        })
    }
}

impl Part {
    /// Checks that the inputs have equally many samples, and that they fill batches of a fixed size.
    fn new(inputs: Vec<Input>, fixed: Option<usize>) -> Result<Self, Failure> {
        let names = || inputs.iter().filter_map(Input::name).collect::<Vec<_>>().join(", ");
        let count = |input: &Input| input.shape().first().copied();
        let first = inputs.first().and_then(count).filter(|&count| count > 0);
        let Some(samples) = first.filter(|_| inputs.iter().all(|input| count(input) == first)) else {
            let shapes: Vec<String> = inputs.iter().map(|input| shape_text(input.shape())).collect();
            let (names, shapes) = (names(), shapes.join(", "));
            return Err(Failure::invalid(format_args!(
                "{names}: the first axis must count the samples, at least one and equally many for every input; \
                 found {shapes}"
            )));
        };
        if let Some(size) = fixed.filter(|size| !samples.is_multiple_of(*size)) {
            let names = names();
            return Err(Failure::invalid(format_args!(
                "{names}: {samples} samples do not fill batches of {size}, as the model takes them"
            )));
        }
        Ok(Self { count: samples, inputs })
    }
}

impl Input {
    fn shape(&self) -> &[usize] {
        match self {
            Input::Memory(tensor) => tensor.shape(),
            Input::File { shape, .. } => shape,
        }
    }

    fn name(&self) -> Option<String> {
        match self {
            Input::Memory(_) => None,
            Input::File { path, .. } => Some(path.display().to_string()),
        }
    }
}

/// Sizes as they are written in messages: `[2, 3]`.
pub(crate) fn shape_text(sizes: &[usize]) -> String {
    format!("[{}]", sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

/// Opens a `.npy` file, which must be a regular file; only its header is read.
pub(crate) fn open_npy(path: &Path, limits: &Limits) -> Result<npy::Reader<File>, Failure> {
    check_is_file(path)?;
    let file = File::open(path).map_err(|error| Failure::io("read", path, &error))?;
    npy::Reader::new(file, limits).map_err(|error| Failure::from(error).about(path.display()))
}

/// Reads a whole `.npy` file.
pub(crate) fn read_npy(path: &Path, limits: &Limits) -> Result<Tensor, Failure> {
    open_npy(path, limits)?.tensor().map_err(|error| Failure::from(error).about(path.display()))
}

/// The `.npy` files of a folder, by name.
fn npy_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| Failure::io("read", folder, &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "npy") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::invalid(format_args!("{}: no .npy file in this folder", folder.display())));
    }
    Ok(files)
}

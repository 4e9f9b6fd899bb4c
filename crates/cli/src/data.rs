//! Samples from files, cut into batches that a model takes.

use std::fs;
use std::path::{Path, PathBuf};

use fourfold::graph::{Dim, Graph, Limits};
use fourfold::tensor::{DType, Tensor};

use crate::failure::Failure;
use crate::model::read_npy;

/// Samples in a batch, where the model lets us choose.
const BATCH: usize = 32;

/// The samples of every input of a model: one tensor for each input, in the order of the graph, in one or more parts.
///
/// The first axis of every tensor counts the samples.
#[derive(Debug)]
pub(crate) struct Samples {
    parts: Vec<Vec<Tensor>>,
    /// What the user gave, for messages.
    source: String,
}

impl Samples {
    /// Reads what the user gave: `FILE.npy`, a folder of `.npy` files, or `INPUT=FILE.npy` for each input.
    pub(crate) fn read(arguments: &[String], graph: &Graph, limits: &Limits) -> Result<Self, Failure> {
        let names: Vec<&str> = graph.inputs().iter().map(|&id| graph.value(id).name()).collect();
        let source = arguments.join(", ");
        let parts = match arguments {
            [one] if names.len() == 1 => {
                let path = path_of(one, names[0]);
                let files = if path.is_dir() { npy_files(&path)? } else { vec![path] };
                files.iter().map(|file| Ok(vec![read_npy(file, limits)?])).collect::<Result<_, Failure>>()?
            }
            _ => vec![named(arguments, &names, limits)?],
        };
        let samples = Self { parts, source };
        samples.check()?;
        Ok(samples)
    }

    /// Samples that are in memory already, for a model with one input.
    pub(crate) fn of(tensor: Tensor, source: &str) -> Self {
        Self { parts: vec![vec![tensor]], source: source.to_owned() }
    }

    /// The number of samples.
    pub(crate) fn count(&self) -> usize {
        self.parts.iter().map(|part| part[0].shape()[0]).sum()
    }

    /// Batches that the model takes: of 32 samples if its first axis is free, else of as many as it wants.
    pub(crate) fn batches(&self, graph: &Graph) -> Result<Vec<Vec<Tensor>>, Failure> {
        let first = graph.inputs().first().map(|&id| graph.value(id).ty().dims().first());
        let fixed = match first {
            Some(Some(Dim::Fixed(size))) => Some((*size).max(1)),
            _ => None,
        };
        let mut batches = Vec::new();
        for part in &self.parts {
            let count = part[0].shape()[0];
            if let Some(size) = fixed.filter(|size| !count.is_multiple_of(*size)) {
                let source = &self.source;
                return Err(Failure::invalid(format_args!(
                    "{source}: {count} samples do not fill batches of {size}, as the model takes them"
                )));
            }
            let size = fixed.unwrap_or(BATCH);
            for start in (0..count).step_by(size) {
                let range = start..count.min(start + size);
                batches.push(part.iter().map(|tensor| tensor.rows(range.clone())).collect::<Result<_, _>>()?);
            }
        }
        Ok(batches)
    }

    /// What looks wrong about the samples as calibration data.
    pub(crate) fn suspicions(&self) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        let count = self.count();
        if count < 32 {
            found.push(format!("only {count} calibration samples; 32 or more give steadier ranges"));
        }
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        for tensor in self.parts.iter().flatten().filter(|tensor| tensor.dtype() == DType::F32) {
            for &value in tensor.as_slice::<f32>()? {
                (min, max) = (min.min(value), max.max(value));
            }
        }
        if min == max {
            found.push(format!("all calibration values are {min}; ranges cannot be learned from them"));
        }
        if min >= 0.0 && max > 100.0 && max <= 255.0 {
            found.push(format!(
                "calibration values lie between {min} and {max}: are these pixels that the model wants scaled to 0..1?"
            ));
        }
        Ok(found)
    }

    fn check(&self) -> Result<(), Failure> {
        for part in &self.parts {
            let count = |tensor: &Tensor| tensor.shape().first().copied();
            let first = count(&part[0]);
            if first.is_none_or(|count| count == 0) || part.iter().any(|tensor| count(tensor) != first) {
                let shapes: Vec<String> = part.iter().map(|tensor| format!("{:?}", tensor.shape())).collect();
                let (source, shapes) = (&self.source, shapes.join(", "));
                return Err(Failure::invalid(format_args!(
                    "{source}: the first axis must count the samples, at least one and equally many for every input; found {shapes}"
                )));
            }
        }
        Ok(())
    }
}

/// One tensor for each input, from arguments `INPUT=FILE.npy` (or `FILE.npy` if there is one input).
pub(crate) fn named(arguments: &[String], names: &[&str], limits: &Limits) -> Result<Vec<Tensor>, Failure> {
    let expected = || names.iter().map(|name| format!("{name}=FILE.npy")).collect::<Vec<_>>().join(" ");
    let mut paths: Vec<Option<PathBuf>> = vec![None; names.len()];
    for argument in arguments {
        let place = match argument.split_once('=') {
            Some((name, path)) => names.iter().position(|known| *known == name).map(|place| (place, path)),
            None if names.len() == 1 => Some((0, argument.as_str())),
            None => None,
        };
        let Some((place, path)) = place else {
            return Err(Failure::usage(format_args!("`{argument}` names no input of the model; give {}", expected())));
        };
        if paths[place].replace(path.into()).is_some() {
            return Err(Failure::usage(format_args!("input `{}` is given twice", names[place])));
        }
    }
    let path = |(path, name): (Option<PathBuf>, &&str)| {
        path.ok_or_else(|| Failure::usage(format_args!("input `{name}` is missing; give {}", expected())))
    };
    let paths = paths.into_iter().zip(names).map(path).collect::<Result<Vec<_>, _>>()?;
    paths.iter().map(|path| read_npy(path, limits)).collect()
}

/// The path in `NAME=PATH` or `PATH`.
fn path_of(argument: &str, name: &str) -> PathBuf {
    let named = argument.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
    PathBuf::from(named.unwrap_or(argument))
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

//! Model files: told by content when read, by extension when written.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

use fourfold::format::container;
use fourfold::graph::{Graph, Limits};
use fourfold::onnx;
use fourfold::tensor::memory;

use crate::atomic;
use crate::failure::{Failure, Kind};

/// The two forms of a model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Onnx,
    Fourfold,
}

impl Form {
    /// The form that a file of that name is written in.
    pub(crate) fn of_name(path: &Path) -> Result<Self, Failure> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("onnx") => Ok(Form::Onnx),
            Some("fourfold") => Ok(Form::Fourfold),
            _ => Err(Failure::usage(format_args!(
                "{}: the name must end in .onnx or .fourfold, which chooses the form of the file",
                path.display()
            ))),
        }
    }

    /// The bytes of a graph in this form.
    pub(crate) fn encode(self, graph: &Graph) -> Result<Vec<u8>, Failure> {
        match self {
            Form::Onnx => Ok(onnx::export(graph)?),
            Form::Fourfold => Ok(container::to_bytes(graph)?),
        }
    }
}

/// A model as it was read.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) graph: Graph,
    pub(crate) form: Form,
    /// Bytes of the file.
    pub(crate) bytes: u64,
}

impl Model {
    /// Reads a model file.
    pub(crate) fn load(path: &Path, limits: &Limits) -> Result<Self, Failure> {
        let (file, length) = open(path, limits)?;
        let at_path = |failure: Failure| failure.about(path.display());
        if !container::is_container(&first_bytes(path)?) {
            return Self::decode(&read_all(file, length, path)?, limits).map_err(at_path);
        }
        let graph = container::read(file, length, limits).map_err(|error| at_path(error.into()))?;
        Ok(Self { graph, form: Form::Fourfold, bytes: length })
    }

    /// Reads a model from memory.
    pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, Failure> {
        let (graph, form) = if container::is_container(bytes) {
            (container::from_bytes(bytes, limits)?, Form::Fourfold)
        } else {
            (onnx::import(bytes, limits)?, Form::Onnx)
        };
        Ok(Self { graph, form, bytes: bytes.len() as u64 })
    }
}

/// Writes a graph in the form that the file's name chooses; returns the number of bytes.
pub(crate) fn save(graph: &Graph, path: &Path, force: bool) -> Result<u64, Failure> {
    let bytes = Form::of_name(path)?.encode(graph)?;
    atomic::write(path, &bytes, force)?;
    Ok(bytes.len() as u64)
}

/// Reads a whole file, which must be a regular file and no larger than allowed.
pub(crate) fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let (file, length) = open(path, limits)?;
    read_all(file, length, path)
}

/// Opens a file, which must be a regular file and no larger than allowed; returns its length, too.
fn open(path: &Path, limits: &Limits) -> Result<(File, u64), Failure> {
    let failed = |error: std::io::Error| Failure::io("read", path, &error);
    let metadata = check_is_file(path)?;
    let too_large = |limit: fourfold::graph::LimitExceeded| Failure::new(Kind::Limit, limit).about(path.display());
    Limits::check("file-bytes", metadata.len(), limits.file_bytes).map_err(too_large)?;
    Ok((File::open(path).map_err(failed)?, metadata.len()))
}

/// Reads a file of so many bytes; it may grow meanwhile.
fn read_all(file: File, length: u64, path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = memory::room(usize::try_from(length).unwrap_or(usize::MAX));
    let mut bytes = bytes.map_err(|error| Failure::from(error).about(path.display()))?;
    file.take(length).read_to_end(&mut bytes).map_err(|error| Failure::io("read", path, &error))?;
    Ok(bytes)
}

/// What is known of a file that can be read from any place, which devices and pipes cannot.
pub(crate) fn check_is_file(path: &Path) -> Result<Metadata, Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| Failure::io("read", path, &error))?;
    if metadata.is_file() {
        return Ok(metadata);
    }
    let what = if metadata.is_dir() { "a directory" } else { "not a regular file" };
    Err(Failure::new(Kind::Io, format_args!("cannot read {}: it is {what}", path.display())))
}

/// The first bytes of a file, by which its format is told; none if it is no regular file.
pub(crate) fn first_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    if path.is_file() {
        let read = File::open(path).and_then(|file| file.take(8).read_to_end(&mut bytes));
        read.map_err(|error| Failure::io("read", path, &error))?;
    }
    Ok(bytes)
}

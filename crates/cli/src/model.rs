//! Model files: recognized by content when read, by extension when written.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

use fourfold::ErrorKind;
use fourfold::format::container;
use fourfold::graph::{Fixed, Graph, Limits};
use fourfold::onnx;
use fourfold::tensor::memory;

use crate::atomic;
use crate::commands::Context;
use crate::failure::Failure;

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
}

/// A model as it was read.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) graph: Graph,
    pub(crate) form: Form,
    /// Bytes of the file, and of those in which its tensors lie.
    pub(crate) bytes: u64,
    /// Inputs that are constants, because the file has a default for them.
    pub(crate) defaults: Vec<String>,
}

impl Model {
    /// Reads a model file, and the files in which its tensors lie, with what the command line fixes.
    pub(crate) fn load(path: &Path, context: &Context) -> Result<Self, Failure> {
        Self::load_for(path, &[], context)
    }

    /// Reads a model file, in which inputs stay inputs that are named by arguments `NAME=PATH`, though there may be a
    /// default for them.
    pub(crate) fn load_for(path: &Path, given: &[String], context: &Context) -> Result<Self, Failure> {
        // Names may contain `=` themselves.
        let names = given.iter().flat_map(|value| value.match_indices('=').map(|(at, _)| &value[..at]));
        Self::load_fixed(path, &names.fold(context.fixed.clone(), |fixed, name| fixed.keep_input(name)), context)
    }

    /// Reads a model file with all of this fixed.
    pub(crate) fn load_fixed(path: &Path, fixed: &Fixed, context: &Context) -> Result<Self, Failure> {
        let limits = &context.limits;
        let (file, length) = open(path, limits)?;
        let at_path = |failure: Failure| failure.about(path.display());
        if container::is_container(&first_bytes(path)?) {
            let graph = container::read(file, length, limits).map_err(|error| at_path(error.into()))?;
            let graph =
                if fixed.is_empty() { graph } else { graph.fixed(fixed).map_err(|error| at_path(error.into()))? };
            return Ok(Self { graph, form: Form::Fourfold, bytes: length, defaults: Vec::new() });
        }
        let bytes = read_all(file, length, path)?;
        let folder = onnx::Folder::of(path).map_err(|error| Failure::io("read", path, &error))?;
        let options = onnx::ImportOptions { limits, fixed, resolver: &folder };
        let onnx::Imported { graph, notes, defaults } =
            onnx::import_with(&bytes, &options).map_err(|error| at_path(error.into()))?;
        notes.iter().for_each(|note| context.console.warning(format_args!("{}: {note}", path.display())));
        Ok(Self { graph, form: Form::Onnx, bytes: length + folder.file_bytes(), defaults })
    }

    /// Reads a model from memory.
    pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, Failure> {
        let (graph, form) = if container::is_container(bytes) {
            (container::from_bytes(bytes, limits)?, Form::Fourfold)
        } else {
            (onnx::import(bytes, limits)?, Form::Onnx)
        };
        Ok(Self { graph, form, bytes: bytes.len() as u64, defaults: Vec::new() })
    }
}

/// Writes a graph in the form that the file's name chooses; returns the number of bytes.
pub(crate) fn save(graph: &Graph, path: &Path, force: bool) -> Result<u64, Failure> {
    match Form::of_name(path)? {
        Form::Onnx => save_onnx(graph, onnx::Form::Qdq, path, force),
        Form::Fourfold => {
            let bytes = container::to_bytes(graph)?;
            atomic::write(path, &bytes, force)?;
            Ok(bytes.len() as u64)
        }
    }
}

/// Writes a graph as an ONNX file; one of more than 2 GiB gets a second file beside it, `NAME.onnx.data`.
pub(crate) fn save_onnx(graph: &Graph, form: onnx::Form, path: &Path, force: bool) -> Result<u64, Failure> {
    if !onnx::needs_two_files(graph) {
        let bytes = onnx::export_as(graph, form)?;
        atomic::write(path, &bytes, force)?;
        return Ok(bytes.len() as u64);
    }
    let name = format!("{}.data", path.file_name().unwrap_or_default().to_string_lossy());
    let beside = path.with_file_name(&name);
    atomic::check_free(&beside, force)?;
    let (bytes, data) = onnx::export_apart(graph, form, &name)?;
    // The model comes last: as long as it is not there, nothing reads the data.
    atomic::write(&beside, &data, force)?;
    atomic::write(path, &bytes, force)?;
    Ok(bytes.len() as u64 + data.len() as u64)
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
    let too_large = |limit: fourfold::graph::LimitExceeded| Failure::new(ErrorKind::Limit, limit).about(path.display());
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

/// The metadata of a regular file; directories, devices and pipes are refused.
pub(crate) fn check_is_file(path: &Path) -> Result<Metadata, Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| Failure::io("read", path, &error))?;
    if metadata.is_file() {
        return Ok(metadata);
    }
    let what = if metadata.is_dir() { "a directory" } else { "not a regular file" };
    Err(Failure::new(ErrorKind::Io, format_args!("cannot read {}: it is {what}", path.display())))
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

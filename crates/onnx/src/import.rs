//! From an ONNX file to a graph.

mod attributes;
mod constants;
mod emission;
mod fold;
mod importer;
mod names;
mod narrow;
mod operators;
mod patterns;
mod reading;
mod run;
mod schema;
mod weights;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use fourfold_graph::{ErrorKind, Fixed, Graph, Limits};
use fourfold_tensor::memory;
use prost::Message;

use self::importer::Importer;
use crate::Error;
use crate::model::external::{self, Folder, Nowhere, Resolve};
use crate::model::{defaults, fixed, floats, functions, needed};
use crate::proto::ModelProto;
use crate::scan::{recognize, scan};

pub use operators::OPERATORS;

/// The last version of the file format (`ir_version`) that is known.
const LAST_VERSION: i64 = 14;

/// How a model is read.
#[derive(Clone, Copy)]
pub struct ImportOptions<'a> {
    /// What is allowed.
    pub limits: &'a Limits,
    /// Sizes and inputs that are fixed before anything follows from them.
    pub fixed: &'a Fixed,
    /// Tensor data outside of the model file.
    pub resolver: &'a dyn Resolve,
}

/// What a model file became.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The model.
    pub graph: Graph,
    /// What changed on the way in and may change results, a sentence each; every kind of change is in it once.
    pub notes: Vec<String>,
    /// Inputs of the file that are constants here, because the file has a default for them; [`Fixed::keep_input`] makes
    /// one an input, [`Fixed::value`] another constant.
    pub defaults: Vec<String>,
}

/// Reads the model file at `path`, and the files beside it in which its tensors may lie.
///
/// # Errors
///
/// [`Error::File`] if the file cannot be read, [`Error::External`] if one beside it cannot; else as [`import`].
pub fn load(path: impl AsRef<Path>, limits: &Limits) -> Result<Graph, Error> {
    Ok(load_with(path, limits, &Fixed::new())?.graph)
}

/// Reads the model file at `path`, with sizes and inputs fixed.
///
/// # Errors
///
/// As [`load`]; [`fourfold_graph::Error::Fixed`] for what does not fit the model's inputs.
pub fn load_with(path: impl AsRef<Path>, limits: &Limits, fixed: &Fixed) -> Result<Imported, Error> {
    let path = path.as_ref();
    let failed = |error: std::io::Error| Error::File { reason: error.to_string() };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::File { reason: "it is not a regular file".to_owned() });
    }
    Limits::check("file-bytes", metadata.len(), limits.file_bytes)?;
    let resolver = &Folder::of(path).map_err(failed)?;
    let mut bytes = memory::room(usize::try_from(metadata.len()).unwrap_or(usize::MAX))?;
    // The file may grow while it is read.
    File::open(path).and_then(|file| file.take(metadata.len()).read_to_end(&mut bytes)).map_err(failed)?;
    import_with(&bytes, &ImportOptions { limits, fixed, resolver })
}

/// Reads a model all of whose tensors lie in the file; [`load`] reads the others.
///
/// # Errors
///
/// [`Error::NotOnnx`], [`Error::Corrupt`], [`Error::Decode`] and the like for invalid files; [`Error::Version`],
/// [`Error::Opset`], [`Error::Operators`], which lists all unsupported operators at once, [`Error::Unsupported`] and
/// [`Error::UnsupportedTensor`] for valid models that need more than fourfold has; [`Error::Limit`] for models larger
/// than allowed.
pub fn import(bytes: &[u8], limits: &Limits) -> Result<Graph, Error> {
    Ok(import_with(bytes, &ImportOptions { limits, fixed: &Fixed::new(), resolver: &Nowhere })?.graph)
}

/// Reads a model as the options say.
///
/// A free batch that the model itself fixes inside (it was traced with one sample) is 1: the model runs with that
/// batch.
///
/// # Errors
///
/// As [`import`]; [`Error::External`] and [`Error::Tensor`] for data outside of the file that the resolver refuses,
/// [`fourfold_graph::Error::Fixed`] for what does not fit the model's inputs.
pub fn import_with(bytes: &[u8], options: &ImportOptions<'_>) -> Result<Imported, Error> {
    let limits = options.limits;
    recognize(bytes)?;
    Limits::check("file-bytes", bytes.len() as u64, limits.file_bytes)?;
    scan(bytes, limits)?;
    let model = ModelProto::decode(bytes).map_err(|error| Error::Decode { reason: error.to_string() })?;
    match model.ir_version {
        1..=LAST_VERSION => {}
        version if version > LAST_VERSION => return Err(Error::Version { version }),
        _ => return Err(Error::Model { reason: "names no version of the file format; the file may be damaged" }),
    }
    let opset = opset(&model)?;
    let mut graph = model.graph.ok_or(Error::Model { reason: "has no graph; the file may be truncated" })?;
    crate::model::names::name_nodes(&mut graph);
    functions::inline(&mut graph, &model.functions, opset, limits)?;
    needed::keep_needed(&mut graph);
    operators::check(&graph)?;
    let read = external::inline(&mut graph, options.resolver, limits, bytes.len() as u64)?;
    let computed_elements = limits.computed_elements.max(read.saturating_mul(8));
    let limits = &Limits { computed_elements, ..limits.clone() };
    let defaults = defaults::take(&mut graph, options.fixed);
    fixed::fix(&mut graph, options.fixed)?;
    crate::model::names::check(&graph)?;
    schema::check(&graph, opset)?;
    let types = floats::owned(schema::types(&graph, opset)?);
    let border = &floats::keep_at_border(&mut graph, &types);
    let imported = match Importer::new(&graph, opset, limits, border).run() {
        Err(error) if may_be_a_fixed_batch(&error) => match fixed::batch_of_one(&graph) {
            Some(batch) => {
                fixed::fix(&mut graph, &batch)?;
                let mut imported = Importer::new(&graph, opset, limits, border).run().map_err(|_| error)?;
                imported
                    .notes
                    .push("its batch is free, but the model fixes it inside; it runs with batch 1".to_owned());
                Ok(imported)
            }
            None => Err(error),
        },
        result => result,
    };
    imported.map(|imported| Imported { defaults, ..imported })
}

/// Whether an error may come from a batch that is free in the input, and fixed in what the model makes of it: in the
/// target of a Reshape, in a class token that is joined to every sample, in the first state of a recurrent layer.
fn may_be_a_fixed_batch(error: &Error) -> bool {
    let operator = match error {
        Error::Unsupported { operator, .. } | Error::Node { operator, .. } => operator.clone(),
        Error::Graph(fourfold_graph::Error::Node { kind, .. }) => kind.to_string(),
        _ => return false,
    };
    let fixing = ["Reshape", "Concat", "Expand", "LSTM", "Lstm", "GRU", "Gru", "RNN", "Rnn"];
    error.kind() == ErrorKind::Unsupported && fixing.contains(&operator.as_str())
}

/// The version of the default operator set.
fn opset(model: &ModelProto) -> Result<i64, Error> {
    let default = model.opset_import.iter().filter(|set| is_default(&set.domain)).map(|set| set.version).max();
    match default {
        None => Err(Error::Model { reason: "names no version of its operators; the file may be truncated" }),
        Some(version) if (7..=schema::LAST_OPSET).contains(&version) => Ok(version),
        Some(version) => Err(Error::Opset { version }),
    }
}

fn is_default(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

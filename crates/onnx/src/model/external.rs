//! External data: tensor data outside of the model file.
//!
//! ```text
//! TensorProto.external_data = [(location, path), (offset, bytes)?, (length, bytes)?, (checksum, SHA-1)?]
//! ```
//!
//! The path is relative to the folder of the model file. A file from a stranger may name any path, so a location is
//! taken only if
//!
//! - it is relative, in the form of the specification (`/` between components), without `..`, drives, streams and NUL;
//! - what it leads to, all symbolic links followed, lies below the folder of the model file as it was given, or below
//!   the folder in which the model file really lies. Caches (that of huggingface_hub, for one) are folders of symbolic
//!   links into another folder;
//! - it is a regular file, neither a device nor a pipe, and holds the bytes that the tensor needs.
//!
//! What is read counts against the limit `file-bytes`, once for each tensor that reads it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use fourfold_graph::Limits;
use fourfold_tensor::memory;

use crate::Error;
use crate::proto::{GraphProto, StringStringEntryProto, TensorProto, data_type};

/// A span of bytes outside of the model file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The path, relative to the folder of the model file, as the model names it.
    pub path: String,
    /// The first byte.
    pub offset: u64,
    /// The number of bytes; up to the end of the file if the model does not say.
    pub length: Option<u64>,
}

/// Gives the bytes that tensors keep outside of the model file.
///
/// [`crate::load`] uses [`Folder`]; with [`crate::import_with`], a caller whose models lie in an archive or in memory
/// brings its own.
pub trait Resolve {
    /// The bytes of a location.
    ///
    /// # Errors
    ///
    /// [`Refusal`], which says why there are none.
    fn read(&self, location: &Location) -> Result<Vec<u8>, Refusal>;
}

/// Why there are no bytes, in words that go on from "data in `weights.bin`": "is not a regular file".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The location is not allowed, or does not hold what the tensor needs.
    Invalid(String),
    /// The file cannot be read.
    Io(String),
    /// There is no memory for them.
    Memory(fourfold_tensor::Error),
}

/// Refuses all external data: a model in memory has no folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nowhere;

impl Resolve for Nowhere {
    fn read(&self, _: &Location) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::Io("is not at hand: load the model by its path, not from memory".to_owned()))
    }
}

/// The folder of a model file.
#[derive(Debug)]
pub struct Folder {
    /// The folder of the path as it was given.
    beside: PathBuf,
    /// The real folders in which files may lie.
    allowed: Vec<PathBuf>,
    files: RefCell<Files>,
}

/// The files read so far. Only one is open at a time, because a model may have one for each of its tensors.
#[derive(Debug, Default)]
struct Files {
    /// The sizes of all files, by their real paths.
    sizes: HashMap<PathBuf, u64>,
    /// The file that was read last.
    last: Option<(PathBuf, File)>,
}

impl Folder {
    /// The folder of the model file at `path`.
    ///
    /// # Errors
    ///
    /// Those of the file system, if there is no such file.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let parent = |path: &Path| match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let beside = parent(path);
        let allowed = vec![beside.canonicalize()?, parent(&path.canonicalize()?)];
        Ok(Self { beside, allowed, files: RefCell::default() })
    }

    /// The bytes of all files that were read so far.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.files.borrow().sizes.values().sum()
    }

    /// The real path of a location that is allowed.
    fn resolve(&self, location: &str) -> Result<PathBuf, Refusal> {
        check_path(location)?;
        let real = self
            .beside
            .join(location)
            .canonicalize()
            .map_err(|error| Refusal::Io(format!("cannot be read: {error}")))?;
        if !self.allowed.iter().any(|folder| real.starts_with(folder)) {
            return Err(Refusal::Invalid("leads out of the model's folder by a symbolic link".to_owned()));
        }
        Ok(real)
    }
}

impl Resolve for Folder {
    fn read(&self, location: &Location) -> Result<Vec<u8>, Refusal> {
        let io = |error: std::io::Error| Refusal::Io(format!("cannot be read: {error}"));
        let real = self.resolve(&location.path)?;
        let mut files = self.files.borrow_mut();
        let mut file = match files.last.take() {
            Some((path, file)) if path == real => file,
            _ => {
                // A pipe would wait for a writer when it is opened.
                check_regular(&std::fs::metadata(&real).map_err(io)?)?;
                File::open(&real).map_err(io)?
            }
        };
        let metadata = file.metadata().map_err(io)?;
        check_regular(&metadata)?;
        let size = metadata.len();
        files.sizes.insert(real.clone(), size);
        let Location { offset, length, .. } = *location;
        let left = size.checked_sub(offset);
        let length = length.or(left).filter(|&length| left.is_some_and(|left| length <= left)).ok_or_else(|| {
            let length = length.map_or(String::new(), |length| format!("{length} "));
            Refusal::Invalid(format!("has {size} bytes, of which the tensor reads {length}from byte {offset} on"))
        })?;
        let mut bytes = memory::room(usize::try_from(length).unwrap_or(usize::MAX)).map_err(Refusal::Memory)?;
        file.seek(SeekFrom::Start(offset)).map_err(io)?;
        (&file).take(length).read_to_end(&mut bytes).map_err(io)?;
        files.last = Some((real, file));
        match bytes.len() as u64 == length {
            true => Ok(bytes),
            false => Err(Refusal::Io("became shorter while it was read".to_owned())),
        }
    }
}

fn check_regular(metadata: &Metadata) -> Result<(), Refusal> {
    if metadata.is_file() { Ok(()) } else { Err(Refusal::Invalid("is not a regular file".to_owned())) }
}

/// Checks that a location can only lead below the folder, links aside.
fn check_path(location: &str) -> Result<(), Refusal> {
    let invalid = |reason: &str| Err(Refusal::Invalid(reason.to_owned()));
    if location.is_empty() {
        return invalid("has no name");
    }
    if location.contains(['\\', ':', '\0']) {
        return invalid("is named with a drive, a stream or a character that paths in ONNX files do not have");
    }
    for component in Path::new(location).components() {
        match component {
            Component::Normal(_) | Component::CurDir => {}
            Component::ParentDir => return invalid("leads out of the model's folder with `..`"),
            Component::RootDir | Component::Prefix(_) => return invalid("is named by an absolute path"),
        }
    }
    Ok(())
}

/// Reads all external data into the model. Returns the bytes of model file and external data together; `inside` are
/// those of the model file.
pub(crate) fn inline(
    graph: &mut GraphProto,
    resolver: &dyn Resolve,
    limits: &Limits,
    inside: u64,
) -> Result<u64, Error> {
    let mut read = inside;
    let initializers = graph.initializer.iter_mut();
    let attributes = graph.node.iter_mut().flat_map(|node| {
        let named = node.output.first().cloned().unwrap_or_default();
        node.attribute
            .iter_mut()
            .filter_map(|attribute| attribute.t.as_mut())
            .map(move |tensor| (named.clone(), tensor))
    });
    let named = initializers.map(|tensor| (tensor.name.clone(), tensor)).chain(attributes);
    for (name, tensor) in named.filter(|(_, tensor)| tensor.data_location != 0 || !tensor.external_data.is_empty()) {
        let invalid = |reason: String| Error::Tensor { name: name.clone(), reason };
        let count = byte_count(tensor).map_err(|what| match what {
            Some(what) => Error::UnsupportedTensor { name: name.clone(), what },
            None => invalid(format!("has the shape {}", joined(&tensor.dims))),
        })?;
        let inside = [tensor.raw_data.len(), tensor.float_data.len(), tensor.int32_data.len(), tensor.int64_data.len()];
        if inside != [0; 4] {
            return Err(invalid("has its data twice, in the model and outside of it".to_owned()));
        }
        let location = location(&tensor.external_data).map_err(invalid)?;
        if let Some(length) = location.length.filter(|&length| length != count) {
            return Err(invalid(format!("has {length} bytes of external data, its shape and type need {count}")));
        }
        read = read.saturating_add(count);
        Limits::check("file-bytes", read, limits.file_bytes)?;
        let location = Location { length: Some(count), ..location };
        let bytes = resolver.read(&location).map_err(|refusal| match refusal {
            Refusal::Invalid(reason) => invalid(format!("its data in `{}` {reason}", location.path)),
            Refusal::Io(reason) => Error::External { name: name.clone(), location: location.path.clone(), reason },
            Refusal::Memory(error) => error.into(),
        })?;
        if bytes.len() as u64 != count {
            return Err(invalid(format!(
                "got {} bytes of external data, its shape and type need {count}",
                bytes.len()
            )));
        }
        tensor.raw_data = bytes;
        tensor.external_data.clear();
        tensor.data_location = 0;
    }
    Ok(read)
}

/// The bytes that the shape and type of a tensor need.
///
/// `Err(Some(what))` if the type is not supported, `Err(None)` if the shape is not valid.
fn byte_count(tensor: &TensorProto) -> Result<u64, Option<String>> {
    let bits = data_type::bits(tensor.data_type);
    let bits = bits.ok_or_else(|| Some(format!("external data of type {}", data_type::name(tensor.data_type))))?;
    let sizes = tensor.dims.iter().map(|&size| u64::try_from(size).ok());
    let product = |product: u64, size: Option<u64>| product.checked_mul(size?);
    let bits = sizes.into_iter().try_fold(bits, product);
    bits.map(|bits| bits.div_ceil(8)).ok_or(None)
}

fn joined(dims: &[i64]) -> String {
    let dims: Vec<String> = dims.iter().map(i64::to_string).collect();
    format!("[{}]", dims.join(", "))
}

/// Reads the entries of `external_data`.
fn location(entries: &[StringStringEntryProto]) -> Result<Location, String> {
    let (mut path, mut offset, mut length) = (None, None, None);
    for entry in entries {
        let number = || {
            let digits = entry.value.bytes().all(|byte| byte.is_ascii_digit());
            let number = entry.value.parse::<u64>().ok().filter(|_| digits);
            number.ok_or_else(|| {
                format!("external data with the {} `{}`, which is not a number of bytes", entry.key, entry.value)
            })
        };
        let twice = match entry.key.as_str() {
            "location" => path.replace(entry.value.clone()).is_some(),
            "offset" => offset.replace(number()?).is_some(),
            "length" => length.replace(number()?).is_some(),
            // Checksums and what later versions add say nothing about where the bytes are.
            _ => false,
        };
        if twice {
            return Err(format!("has two entries `{}` for its external data", entry.key));
        }
    }
    let path = path.ok_or("has external data without a location")?;
    Ok(Location { path, offset: offset.unwrap_or(0), length })
}

//! Where the samples of an input lie: whole files, members of archives, tensors in memory.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use fourfold::format::npy;
use fourfold::graph::Limits;
use fourfold::tensor::{DType, Tensor};

use super::convert::Conversion;
use super::form::Wanted;
use crate::failure::Failure;
use crate::model::check_is_file;

/// One tensor of samples, of which only type and sizes are known.
#[derive(Debug)]
pub(super) struct Item {
    place: Place,
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
}

#[derive(Debug)]
enum Place {
    Memory(Tensor),
    Npy(PathBuf),
}

/// What an item is read from.
#[derive(Debug)]
pub(super) enum Reader<'a> {
    Memory(&'a Tensor),
    Npy(npy::Reader<File>),
}

impl Item {
    pub(super) fn of(tensor: Tensor) -> Self {
        Self { dtype: tensor.dtype(), shape: tensor.shape().to_vec(), place: Place::Memory(tensor) }
    }

    /// Reads the header of a file.
    pub(super) fn open(path: &Path, limits: &Limits) -> Result<Self, Failure> {
        let reader = open_npy(path, limits)?;
        Ok(Self { dtype: reader.dtype(), shape: reader.shape().to_vec(), place: Place::Npy(path.to_owned()) })
    }

    /// Itself, if it fits an input in some form, and its elements can be made those of the input.
    pub(super) fn fitting(self, wanted: &Wanted) -> Result<Self, Failure> {
        if wanted.form(&self.shape).is_none() {
            return Err(self.failure(wanted.misfit(&self.shape)));
        }
        match Conversion::between(self.dtype, wanted.ty.dtype()) {
            Ok(_) => Ok(self),
            Err(reason) => Err(self.failure(format_args!("{reason}; input `{}` is {}", wanted.name, wanted.ty))),
        }
    }

    /// That something is wrong with it.
    pub(super) fn failure(&self, reason: impl std::fmt::Display) -> Failure {
        match self.name() {
            Some(name) => Failure::invalid(reason).about(name),
            None => Failure::invalid(reason),
        }
    }

    /// What to call it in messages.
    pub(super) fn name(&self) -> Option<String> {
        match &self.place {
            Place::Memory(_) => None,
            Place::Npy(path) => Some(path.display().to_string()),
        }
    }

    /// The file that it lies in.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Memory(_) => None,
            Place::Npy(path) => Some(path),
        }
    }

    pub(super) fn reader(&self, limits: &Limits) -> Result<Reader<'_>, Failure> {
        match &self.place {
            Place::Memory(tensor) => Ok(Reader::Memory(tensor)),
            Place::Npy(path) => {
                let reader = open_npy(path, limits)?;
                if (reader.dtype(), reader.shape()) != (self.dtype, &self.shape) {
                    return Err(Failure::invalid("the file was replaced while it was read").about(path.display()));
                }
                Ok(Reader::Npy(reader))
            }
        }
    }
}

impl Reader<'_> {
    /// Some rows: a range of the first axis, all other axes whole.
    pub(super) fn rows(&mut self, range: Range<usize>) -> Result<Tensor, Failure> {
        match self {
            Reader::Memory(tensor) => Ok(tensor.rows(range)?),
            Reader::Npy(reader) => Ok(reader.rows(range)?),
        }
    }

    pub(super) fn tensor(&mut self) -> Result<Tensor, Failure> {
        match self {
            Reader::Memory(tensor) => Ok((*tensor).clone()),
            Reader::Npy(reader) => Ok(reader.tensor()?),
        }
    }
}

/// Opens a `.npy` file, which must be a regular file; only its header is read.
pub(super) fn open_npy(path: &Path, limits: &Limits) -> Result<npy::Reader<File>, Failure> {
    check_is_file(path)?;
    let file = File::open(path).map_err(|error| Failure::io("read", path, &error))?;
    npy::Reader::new(file, limits).map_err(|error| Failure::from(error).about(path.display()))
}

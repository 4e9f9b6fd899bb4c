//! Where the samples of an input lie: whole files, members of archives, tensors in memory.

use std::cell::OnceCell;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use fourfold::format::{npy, npz};
use fourfold::graph::Limits;
use fourfold::tensor::{DType, Tensor};

use super::convert::Conversion;
use super::form::Wanted;
use super::images::{Pictures, is_image};
use crate::args::{Images, OnBadSample};
use crate::commands::Context;
use crate::failure::Failure;
use crate::model::{check_is_file, first_bytes};

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
    Npz { path: PathBuf, member: String },
    Image { path: PathBuf, pictures: Rc<Pictures> },
}

/// What an item is read from.
#[derive(Debug)]
pub(super) enum Reader<'a> {
    Memory(&'a Tensor),
    Npy(npy::Reader<File>),
    Npz(npz::Archive<File>, &'a str),
    Image { path: &'a Path, pictures: &'a Pictures, limits: Limits },
}

/// What a file is, told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Npy,
    Npz,
    Image,
}

/// Opens the files of one input.
#[derive(Debug)]
pub(super) struct Opener<'a> {
    wanted: &'a Wanted,
    images: &'a Images,
    context: &'a Context,
    /// How image files become samples, once there is one.
    pictures: OnceCell<Result<Rc<Pictures>, Failure>>,
}

impl<'a> Opener<'a> {
    pub(super) fn new(wanted: &'a Wanted, images: &'a Images, context: &'a Context) -> Self {
        Self { wanted, images, context, pictures: OnceCell::new() }
    }

    /// Reads the header of a file, which must fit the input.
    pub(super) fn open(&self, path: &Path) -> Result<Item, Failure> {
        let limits = &self.context.limits;
        let (file, member) = split_member(path);
        match kind(&file)? {
            Kind::Npy => Item::npy(file, limits)?.fitting(self.wanted),
            Kind::Npz => Item::npz(file, member.as_deref(), &self.wanted.name, limits)?.fitting(self.wanted),
            Kind::Image => self.image(path),
        }
    }

    fn image(&self, path: &Path) -> Result<Item, Failure> {
        let limits = &self.context.limits;
        let new = || Pictures::new(self.images, self.wanted, &self.context.console).map(Rc::new);
        let pictures = self.pictures.get_or_init(new).clone().map_err(|failure| failure.about(path.display()))?;
        let checked = self.images.on_bad_sample == OnBadSample::Skip;
        let (dtype, shape) = pictures.open(path, limits, checked).map_err(|failure| failure.about(path.display()))?;
        let item = Item { dtype, shape, place: Place::Image { path: path.to_owned(), pictures } };
        if self.wanted.form(&item.shape).is_none() {
            let (shape, name, ty) = (super::shape_text(&item.shape), &self.wanted.name, &self.wanted.ty);
            return Err(item.failure(format_args!(
                "the image becomes {shape}, which does not fit input `{name}`, {ty}; give --resize HxW, or --resize N \
                 and --crop N"
            )));
        }
        item.fitting(self.wanted)
    }
}

impl Item {
    pub(super) fn of(tensor: Tensor) -> Self {
        Self { dtype: tensor.dtype(), shape: tensor.shape().to_vec(), place: Place::Memory(tensor) }
    }

    /// Reads the header of a file of one array.
    fn npy(path: PathBuf, limits: &Limits) -> Result<Self, Failure> {
        let reader = open_npy(&path, limits)?;
        Ok(Self { dtype: reader.dtype(), shape: reader.shape().to_vec(), place: Place::Npy(path) })
    }

    /// Reads the header of an archive's member: the one that is asked for, or that has the input's name, or the only
    /// one.
    fn npz(path: PathBuf, asked: Option<&str>, input: &str, limits: &Limits) -> Result<Self, Failure> {
        let archive = open_npz(&path, limits)?;
        let member = choose(&archive, asked, input).map_err(|failure| failure.about(path.display()))?;
        let (dtype, shape, member) = (member.dtype(), member.shape().to_vec(), member.name().to_owned());
        Ok(Self { dtype, shape, place: Place::Npz { path, member } })
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
            Place::Npy(path) | Place::Image { path, .. } => Some(path.display().to_string()),
            Place::Npz { path, member } => Some(format!("{}:{member}", path.display())),
        }
    }

    /// The file that it lies in.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Memory(_) => None,
            Place::Npy(path) | Place::Npz { path, .. } | Place::Image { path, .. } => Some(path),
        }
    }

    pub(super) fn reader(&self, limits: &Limits) -> Result<Reader<'_>, Failure> {
        match &self.place {
            Place::Memory(tensor) => Ok(Reader::Memory(tensor)),
            Place::Npy(path) => {
                let reader = open_npy(path, limits)?;
                self.check_unchanged(reader.dtype(), reader.shape())?;
                Ok(Reader::Npy(reader))
            }
            Place::Npz { path, member } => {
                let archive = open_npz(path, limits)?;
                match archive.member(member) {
                    Some(found) => self.check_unchanged(found.dtype(), found.shape())?,
                    None => self.check_unchanged(self.dtype, &[])?,
                }
                Ok(Reader::Npz(archive, member))
            }
            Place::Image { path, pictures } => Ok(Reader::Image { path, pictures, limits: limits.clone() }),
        }
    }

    /// How it is made of an image, if it is.
    pub(super) fn pictures(&self) -> Option<&Rc<Pictures>> {
        match &self.place {
            Place::Image { pictures, .. } => Some(pictures),
            _ => None,
        }
    }

    fn check_unchanged(&self, dtype: DType, shape: &[usize]) -> Result<(), Failure> {
        if (dtype, shape) == (self.dtype, &self.shape) {
            return Ok(());
        }
        Err(self.failure("the file was replaced while it was read"))
    }
}

impl Reader<'_> {
    /// Some rows: a range of the first axis, all other axes whole.
    pub(super) fn rows(&mut self, range: Range<usize>) -> Result<Tensor, Failure> {
        match self {
            Reader::Memory(tensor) => Ok(tensor.rows(range)?),
            Reader::Npy(reader) => Ok(reader.rows(range)?),
            Reader::Npz(archive, member) => Ok(archive.rows(member, range)?),
            Reader::Image { .. } => Ok(self.tensor()?.rows(range)?),
        }
    }

    pub(super) fn tensor(&mut self) -> Result<Tensor, Failure> {
        match self {
            Reader::Memory(tensor) => Ok((*tensor).clone()),
            Reader::Npy(reader) => Ok(reader.tensor()?),
            Reader::Npz(archive, member) => Ok(archive.tensor(member)?),
            Reader::Image { path, pictures, limits } => pictures.read(path, limits),
        }
    }
}

/// A path, and the member of the archive that is named behind it.
fn split_member(path: &Path) -> (PathBuf, Option<String>) {
    let text = path.to_string_lossy();
    match text.rfind(".npz:").filter(|_| !path.exists()) {
        Some(at) => (PathBuf::from(&text[..at + 4]), Some(text[at + 5..].to_owned())),
        None => (path.to_owned(), None),
    }
}

fn kind(path: &Path) -> Result<Kind, Failure> {
    check_is_file(path)?;
    let start = first_bytes(path)?;
    let is_named_image = || {
        let named = ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff"];
        super::find::extension(path).is_some_and(|extension| named.contains(&extension.as_str()))
    };
    Ok(match start.as_slice() {
        [0x93, b'N', b'U', b'M', ..] => Kind::Npy,
        [b'P', b'K', ..] => Kind::Npz,
        start if is_image(start) || is_named_image() => Kind::Image,
        _ => Kind::Npy,
    })
}

/// The member that is asked for, or that has the input's name, or the only one.
fn choose<'a>(archive: &'a npz::Archive<File>, asked: Option<&str>, input: &str) -> Result<&'a npz::Member, Failure> {
    let members = archive.members();
    let named = |name: &str| members.iter().find(|member| member.name() == name);
    let found = match (asked, members) {
        (Some(asked), _) => named(asked),
        (None, [only]) => Some(only),
        (None, _) => named(input).or_else(|| named(&super::file_name(input))),
    };
    found.ok_or_else(|| {
        let names: Vec<String> = members.iter().map(|member| format!("`{}`", member.name())).collect();
        let (names, asked) = (names.join(", "), asked.unwrap_or(input));
        Failure::invalid(format_args!(
            "no array of the archive is named `{asked}`; name one of {names} behind it, as in FILE.npz:NAME"
        ))
    })
}

/// Reads a whole array: a `.npy` file, or the member of an archive that is named behind it or has the given name.
pub(crate) fn read_array(path: &Path, name: &str, limits: &Limits) -> Result<Tensor, Failure> {
    let (file, member) = split_member(path);
    let item = match kind(&file)? {
        Kind::Npz => Item::npz(file, member.as_deref(), name, limits)?,
        Kind::Npy | Kind::Image => Item::npy(file, limits)?,
    };
    let tensor = item.reader(limits)?.tensor();
    tensor.map_err(|failure| failure.about(item.name().unwrap_or_default()))
}

fn open_npz(path: &Path, limits: &Limits) -> Result<npz::Archive<File>, Failure> {
    let file = File::open(path).map_err(|error| Failure::io("read", path, &error))?;
    npz::Archive::new(file, limits).map_err(|error| Failure::from(error).about(path.display()))
}

/// Opens a `.npy` file; only its header is read.
fn open_npy(path: &Path, limits: &Limits) -> Result<npy::Reader<File>, Failure> {
    let file = File::open(path).map_err(|error| Failure::io("read", path, &error))?;
    npy::Reader::new(file, limits).map_err(|error| Failure::from(error).about(path.display()))
}

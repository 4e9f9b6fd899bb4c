//! Image files as samples.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fourfold::graph::{Dim, Limits};
use fourfold::images::{self, Image, Note, Preprocess, Resize};
use fourfold::tensor::{DType, Tensor};

use super::form::Wanted;
use crate::args::{Channels, Images, Layout, Size};
use crate::console::Console;
use crate::failure::Failure;
use crate::model::read_file;

/// How image files become samples of an input.
#[derive(Debug)]
pub(super) struct Pictures {
    preprocess: Preprocess,
    /// Conversions that were not asked for, and the files they were made on.
    notes: RefCell<BTreeMap<Note, BTreeSet<PathBuf>>>,
}

/// Whether a file that begins so is an image, of any format that has a name here.
pub(super) fn is_image(start: &[u8]) -> bool {
    images::Format::of(start).is_some()
}

impl Pictures {
    /// The options of the command line, and what follows from the input where there are none; prints the latter.
    pub(super) fn new(given: &Images, wanted: &Wanted, console: &Console) -> Result<Self, Failure> {
        let (layout, count) = axes(given.layout, wanted)?;
        let channels = channels(given.channels, count, wanted)?;
        let preprocess = Preprocess {
            resize: given.resize.map(|size| match size {
                Size::One(side) => Resize::Shorter(side as usize),
                Size::Both(height, width) => Resize::Exact { height: height as usize, width: width as usize },
            }),
            crop: given.crop.map(|size| match size {
                Size::One(side) => (side as usize, side as usize),
                Size::Both(height, width) => (height as usize, width as usize),
            }),
            scale: given.scale,
            mean: given.mean.clone(),
            std: given.std.clone(),
            layout,
            channels,
            dtype: if wanted.ty.dtype().is_float() { DType::F32 } else { DType::U8 },
            ..Preprocess::default()
        };
        preprocess.check().map_err(|error| Failure::usage(format_args!("--{error}")))?;
        console.message(format_args!("images for input `{}`: {}", wanted.name, text(&preprocess)));
        Ok(Self { preprocess, notes: RefCell::default() })
    }

    /// The type and sizes of a file's sample. The file is decoded if its size matters, or if it is to be `checked`.
    pub(super) fn open(&self, path: &Path, limits: &Limits, checked: bool) -> Result<(DType, Vec<usize>), Failure> {
        let is_fixed = self.preprocess.crop.is_some() || matches!(self.preprocess.resize, Some(Resize::Exact { .. }));
        let (height, width) = if is_fixed && !checked {
            (1, 1)
        } else {
            let image = decode(path, limits)?;
            (image.height(), image.width())
        };
        Ok((self.preprocess.dtype, self.preprocess.shape(height, width).to_vec()))
    }

    /// The sample of a file.
    pub(super) fn read(&self, path: &Path, limits: &Limits) -> Result<Tensor, Failure> {
        let image = decode(path, limits)?;
        for note in self.preprocess.notes(&image) {
            self.notes.borrow_mut().entry(note).or_default().insert(path.to_owned());
        }
        self.preprocess.apply(&image, limits).map_err(failure)
    }

    /// Warns of conversions of images that were not asked for.
    pub(super) fn warn(&self, console: &Console) {
        for (note, files) in self.notes.borrow().iter() {
            let first = files.first().map_or_else(String::new, |path| path.display().to_string());
            console.warning(format_args!("{} (the first: {first})", note.text(files.len())));
        }
    }
}

fn decode(path: &Path, limits: &Limits) -> Result<Image, Failure> {
    images::decode(&read_file(path, limits)?, limits).map_err(failure)
}

fn failure(error: images::Error) -> Failure {
    Failure::new(error.kind(), error)
}

/// Where the channels of a sample are, and how many, as far as the input says.
fn axes(given: Option<Layout>, wanted: &Wanted) -> Result<(images::Layout, Option<usize>), Failure> {
    let (name, ty) = (&wanted.name, &wanted.ty);
    let sample = match wanted.dims() {
        [_, sample @ ..] if sample.len() == 3 => sample,
        sample if sample.len() == 3 => sample,
        _ => {
            return Err(Failure::invalid(format_args!(
                "input `{name}` takes no images: it is {ty}, and has other axes"
            )));
        }
    };
    let is_count = |dim: &Dim| matches!(dim.fixed(), Some(1 | 3));
    let layout = match (given, is_count(&sample[0]), is_count(&sample[2])) {
        (Some(Layout::Nchw), ..) | (None, true, false) => images::Layout::Nchw,
        (Some(Layout::Nhwc), ..) | (None, false, true) => images::Layout::Nhwc,
        (None, ..) => {
            return Err(Failure::usage(format_args!(
                "input `{name}` is {ty}, which does not say where the channels of an image are; give --layout nchw or \
                 --layout nhwc"
            )));
        }
    };
    let channels = if layout == images::Layout::Nchw { &sample[0] } else { &sample[2] };
    Ok((layout, channels.fixed()))
}

/// The channels of a sample, of which the input takes so many.
fn channels(given: Option<Channels>, count: Option<usize>, wanted: &Wanted) -> Result<images::Channels, Failure> {
    let channels = match (given, count) {
        (Some(Channels::Rgb), _) | (None, Some(3)) => images::Channels::Rgb,
        (Some(Channels::Bgr), _) => images::Channels::Bgr,
        (Some(Channels::Gray), _) | (None, Some(1)) => images::Channels::Gray,
        (None, _) => {
            return Err(Failure::usage(format_args!(
                "input `{}` is {}, which does not say what channels it takes; give --channels rgb, bgr or gray",
                wanted.name, wanted.ty
            )));
        }
    };
    match count.filter(|&count| count != channels.count()) {
        None => Ok(channels),
        Some(count) => Err(Failure::usage(format_args!(
            "--channels gives {}, but input `{}` takes {count}; it is {}",
            channels.count(),
            wanted.name,
            wanted.ty
        ))),
    }
}

/// What becomes of an image, step by step.
fn text(preprocess: &Preprocess) -> String {
    let list = |numbers: &[f32]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut steps = vec![match preprocess.channels {
        images::Channels::Rgb => "RGB".to_owned(),
        images::Channels::Bgr => "BGR".to_owned(),
        images::Channels::Gray => "gray".to_owned(),
    }];
    match preprocess.resize {
        Some(Resize::Shorter(side)) => steps.push(format!("shorter side resized to {side}")),
        Some(Resize::Exact { height, width }) => steps.push(format!("resized to {height}x{width}")),
        None => {}
    }
    if let Some((height, width)) = preprocess.crop {
        steps.push(format!("cropped to {height}x{width}"));
    }
    if preprocess.dtype == DType::F32 {
        steps.push(preprocess.scale.map_or_else(|| "times 1/255".to_owned(), |scale| format!("times {scale}")));
    }
    if !preprocess.mean.is_empty() {
        steps.push(format!("less {}", list(&preprocess.mean)));
    }
    if !preprocess.std.is_empty() {
        steps.push(format!("divided by {}", list(&preprocess.std)));
    }
    steps.push(match preprocess.layout {
        images::Layout::Nchw => "channels first".to_owned(),
        images::Layout::Nhwc => "channels last".to_owned(),
    });
    steps.join(", ")
}

//! Stands in for image files in a command that was built without them.

use std::path::Path;

use fourfold::ErrorKind;
use fourfold::graph::Limits;
use fourfold::tensor::{DType, Tensor};

use super::form::Wanted;
use crate::args::Images;
use crate::console::Console;
use crate::failure::Failure;

/// No image becomes a sample.
#[derive(Debug)]
pub(super) enum Pictures {}

pub(super) fn is_image(start: &[u8]) -> bool {
    start.starts_with(b"\x89PNG") || start.starts_with(b"\xff\xd8\xff")
}

impl Pictures {
    pub(super) fn new(_: &Images, _: &Wanted, _: &Console) -> Result<Self, Failure> {
        Err(Failure::new(ErrorKind::Unsupported, "this command was built without its feature `images`"))
    }

    pub(super) fn open(&self, _: &Path, _: &Limits, _: bool) -> Result<(DType, Vec<usize>), Failure> {
        match *self {}
    }

    pub(super) fn read(&self, _: &Path, _: &Limits) -> Result<Tensor, Failure> {
        match *self {}
    }

    pub(super) fn warn(&self, _: &Console) {
        match *self {}
    }
}

//! Reading samples batch by batch.

use std::fs::File;

use fourfold::format::npy;
use fourfold::tensor::Tensor;

use super::{Input, Samples, Slice, open_npy};
use crate::failure::Failure;

/// Reads batches; the files of one part are open at a time.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    samples: &'a Samples,
    /// A part, and what its inputs are read from.
    open: Option<(usize, Vec<Source<'a>>)>,
}

#[derive(Debug)]
enum Source<'a> {
    Memory(&'a Tensor),
    File(npy::Reader<File>),
}

impl<'a> Stream<'a> {
    pub(super) fn new(samples: &'a Samples) -> Self {
        Self { samples, open: None }
    }

    /// The tensors of a batch, one for each input of the model.
    pub(crate) fn read(&mut self, slice: &Slice) -> Result<Vec<Tensor>, Failure> {
        let samples = self.samples;
        let sources = match self.open.take() {
            Some((part, sources)) if part == slice.part => sources,
            _ => {
                samples.parts[slice.part].inputs.iter().map(|input| source(input, samples)).collect::<Result<_, _>>()?
            }
        };
        let (_, sources) = self.open.insert((slice.part, sources));
        let rows = |source: &mut Source<'_>| match source {
            Source::Memory(tensor) => Ok(tensor.rows(slice.rows.clone())?),
            Source::File(reader) => {
                let rows = reader.rows(slice.rows.clone());
                rows.map_err(|error| Failure::from(error).about(samples.place(slice)))
            }
        };
        sources.iter_mut().map(rows).collect()
    }
}

fn source<'a>(input: &'a Input, samples: &Samples) -> Result<Source<'a>, Failure> {
    match input {
        Input::Memory(tensor) => Ok(Source::Memory(tensor)),
        Input::File { path, dtype, shape } => {
            let reader = open_npy(path, &samples.limits)?;
            if (reader.dtype(), reader.shape()) != (*dtype, shape) {
                return Err(Failure::invalid("the file was replaced while it was read").about(path.display()));
            }
            Ok(Source::File(reader))
        }
    }
}

//! Reading samples batch by batch.

use std::ops::Range;

use fourfold::tensor::Tensor;

use super::convert::convert;
use super::form::Form;
use super::item::Reader;
use super::plan::Feed;
use super::{Input, Samples, Slice};
use crate::failure::Failure;

/// Reads batches; one file of each input is open at a time.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    samples: &'a Samples,
    /// For each input an item, and what it is read from.
    open: Vec<Option<(usize, Reader<'a>)>>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(samples: &'a Samples) -> Self {
        Self { samples, open: samples.inputs.iter().map(|_| None).collect() }
    }

    /// The tensors of a batch, one for each input of the model.
    pub(crate) fn read(&mut self, slice: &Slice) -> Result<Vec<Tensor>, Failure> {
        let samples = self.samples;
        let feeds = samples.inputs.iter().zip(&samples.plan.feeds).enumerate();
        feeds.map(|(place, (input, feed))| self.input(place, input, *feed, slice.range.clone())).collect()
    }

    /// What an input gets in a batch.
    fn input(&mut self, place: usize, input: &Input, feed: Feed, range: Range<usize>) -> Result<Tensor, Failure> {
        let run = range.start;
        match (feed, input.form) {
            (Feed::Rows { unit }, _) => self.rows(place, input, range.start * unit..range.end * unit),
            (Feed::Entry, _) => self.entry(place, input, run),
            (Feed::File, _) => self.file(place, input, run),
            (Feed::Once, Form::Stacked) => self.entry(place, input, 0),
            (Feed::Once, Form::Same) if !input.wanted.is_by_steps && !input.wanted.dims().is_empty() => {
                self.rows(place, input, 0..input.count())
            }
            (Feed::Once, _) => self.file(place, input, 0),
        }
    }

    /// Some of the rows of all files, below each other.
    fn rows(&mut self, place: usize, input: &Input, range: Range<usize>) -> Result<Tensor, Failure> {
        let first = input.item_of(range.start);
        let mut pieces = Vec::new();
        for index in first..input.items.len() {
            let (start, end) = (input.starts[index], input.starts[index + 1]);
            if index > first && start >= range.end {
                break;
            }
            let rows = range.start.max(start) - start..range.end.min(end) - start;
            pieces.push(match input.form {
                Form::Same => self.read_item(place, input, index, |reader| reader.rows(rows))?,
                _ => self.file(place, input, index)?,
            });
        }
        match pieces.len() {
            1 => Ok(pieces.swap_remove(0)),
            _ => below_each_other(&pieces, range.len()),
        }
    }

    /// One of the entries of a new first axis.
    fn entry(&mut self, place: usize, input: &Input, number: usize) -> Result<Tensor, Failure> {
        let index = input.item_of(number);
        let at = number - input.starts[index];
        let entry = self.read_item(place, input, index, |reader| reader.rows(at..at + 1))?;
        Ok(entry.reshape(&entry.shape()[1..])?)
    }

    /// A whole file, with the axes of the input.
    fn file(&mut self, place: usize, input: &Input, index: usize) -> Result<Tensor, Failure> {
        let tensor = self.read_item(place, input, index, Reader::tensor)?;
        match input.form {
            Form::Same | Form::Stacked => Ok(tensor),
            Form::One => Ok(tensor.reshape(&[])?),
            Form::Sample { axis } => {
                let mut shape = tensor.shape().to_vec();
                shape.insert(axis, 1);
                Ok(tensor.reshape(&shape)?)
            }
        }
    }

    fn read_item(
        &mut self,
        place: usize,
        input: &Input,
        index: usize,
        read: impl FnOnce(&mut Reader<'a>) -> Result<Tensor, Failure>,
    ) -> Result<Tensor, Failure> {
        let samples = self.samples;
        let item = &samples.inputs[place].items[index];
        let slot = &mut self.open[place];
        if slot.as_ref().is_none_or(|(open, _)| *open != index) {
            *slot = None;
            *slot = Some((index, item.reader(&samples.limits)?));
        }
        let Some((_, reader)) = slot else { return Err(Failure::invalid("no file is open")) };
        let name = || item.name().unwrap_or_else(|| input.wanted.name.clone());
        read(reader)
            .and_then(|tensor| convert(tensor, input.wanted.ty.dtype()))
            .map_err(|failure| failure.about(name()))
    }
}

/// Tensors of the same sizes but the first, one after the other along the first axis.
fn below_each_other(pieces: &[Tensor], rows: usize) -> Result<Tensor, Failure> {
    let Some(first) = pieces.first() else { return Err(Failure::invalid("there are no rows")) };
    let mut shape = first.shape().to_vec();
    if let Some(other) = pieces.iter().find(|piece| piece.shape().get(1..) != shape.get(1..)) {
        let (one, other) = (super::shape_text(first.shape()), super::shape_text(other.shape()));
        return Err(Failure::invalid(format_args!("samples of {one} and of {other} do not go into one batch")));
    }
    shape[0] = rows;
    let mut all = Tensor::zeros(first.dtype(), &shape)?;
    let mut rest = all.bytes_mut()?;
    for piece in pieces {
        let (bytes, after) = rest.split_at_mut(piece.bytes().len());
        bytes.copy_from_slice(piece.bytes());
        rest = after;
    }
    Ok(all)
}

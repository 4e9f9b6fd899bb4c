//! Best fit, in one walk over the steps: a block takes the smallest free range that holds it, and gives it back when it
//! ends.

use std::collections::{BTreeMap, BTreeSet};

use super::{Arrangement, Block, Event};

/// The smaller arrangement of a walk from the first step to the last and one from the last to the first.
pub(super) fn smallest(blocks: &[Block], events: &[Event], alignment: usize) -> Arrangement {
    let back = events.iter().rev().map(|event| match *event {
        Event::Begins(block) => Event::Ends(block),
        Event::Ends(block) => Event::Begins(block),
    });
    best_fit(blocks, events.iter().copied(), alignment).smaller(best_fit(blocks, back, alignment))
}

fn best_fit(blocks: &[Block], events: impl Iterator<Item = Event>, alignment: usize) -> Arrangement {
    let (mut free, mut offsets, mut bytes) = (Free::default(), vec![0; blocks.len()], 0);
    let length = |block: usize| blocks[block].bytes.checked_next_multiple_of(alignment).unwrap_or(usize::MAX);
    for event in events {
        match event {
            Event::Begins(block) => {
                offsets[block] = free.take(length(block));
                bytes = bytes.max(offsets[block].saturating_add(blocks[block].bytes));
            }
            // What reaches beyond all memory cannot be given back, and no such arena can be had.
            Event::Ends(_) if bytes == usize::MAX => {}
            Event::Ends(block) => free.give(offsets[block], length(block)),
        }
    }
    Arrangement { offsets, bytes }
}

/// The free ranges below what was never taken; no two touch.
#[derive(Default)]
struct Free {
    /// Offset and length.
    ranges: BTreeMap<usize, usize>,
    /// Length and offset.
    by_length: BTreeSet<(usize, usize)>,
    end: usize,
}

impl Free {
    /// The offset of the smallest range of that length, the lowest among equals; else more is taken above all.
    fn take(&mut self, length: usize) -> usize {
        if let Some(&(found, offset)) = self.by_length.range((length, 0)..).next() {
            self.remove(offset, found);
            self.insert(offset + length, found - length);
            return offset;
        }
        let offset = match self.ranges.last_key_value() {
            Some((&offset, &found)) if offset + found == self.end => {
                self.remove(offset, found);
                offset
            }
            _ => self.end,
        };
        self.end = offset.saturating_add(length);
        offset
    }

    /// Makes a range free again, one with those that it touches.
    fn give(&mut self, offset: usize, length: usize) {
        let (mut begin, mut end) = (offset, offset + length);
        if let Some((&before, &found)) = self.ranges.range(..offset).next_back()
            && before + found == offset
        {
            self.remove(before, found);
            begin = before;
        }
        if let Some(&found) = self.ranges.get(&end) {
            self.remove(end, found);
            end += found;
        }
        self.insert(begin, end - begin);
    }

    fn insert(&mut self, offset: usize, length: usize) {
        if length > 0 {
            self.ranges.insert(offset, length);
            self.by_length.insert((length, offset));
        }
    }

    fn remove(&mut self, offset: usize, length: usize) {
        self.ranges.remove(&offset);
        self.by_length.remove(&(length, offset));
    }
}

//! Offsets for blocks of memory that live at different times.
//!
//! First fit, in the best of several orders ([`search`]): the largest blocks first, those with the largest product of
//! bytes and steps, those that come first; and then, again and again, what ended at the top before everything else. A
//! block is only compared with its neighbours, those that are alive with it. Networks have few of them: what a chain of
//! layers needs lives for two steps.
//!
//! Where blocks have very many neighbours, as thousands of branches that all wait for one sum, fewer orders are tried,
//! so that the number of comparisons is at most [`COMPARISONS`] for each block. Where not all of them are tried, one
//! walk over the steps ([`sweep`]), whose time does not depend on the neighbours, may do better.

mod search;
mod sweep;
#[cfg(test)]
mod tests;

use search::Neighbours;

/// Blocks start at multiples of this, so that vector loads do not cross cache lines.
const ALIGNMENT: usize = 64;

/// What elements of any type need; for arenas of values so small that whole cache lines would waste memory.
const MIN_ALIGNMENT: usize = 8;

/// How many comparisons of a block with a neighbour are allowed for each block, so that the time is linear in their
/// number.
const COMPARISONS: usize = 4096;

/// The number of comparisons that is allowed in any case: some hundredths of a second.
const FEW_COMPARISONS: usize = 1 << 24;

/// What a block needs: bytes, and the first and the last step that it must outlive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) bytes: usize,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// The offset of every block.
#[derive(Clone, Debug)]
pub(crate) struct Arrangement {
    pub(crate) offsets: Vec<usize>,
    /// Bytes of all.
    pub(crate) bytes: usize,
}

impl Arrangement {
    fn is_near(&self, live: usize) -> bool {
        self.bytes - self.bytes / 5 <= live
    }

    fn smaller(self, other: Self) -> Self {
        if other.bytes < self.bytes { other } else { self }
    }
}

/// What happens to a block, of that index, as the steps go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Begins(usize),
    Ends(usize),
}

/// The beginnings and ends of all blocks that have bytes, in the order of the steps; a block ends before one of a later
/// step begins.
fn events(blocks: &[Block]) -> Vec<Event> {
    let mut begins: Vec<usize> = (0..blocks.len()).collect();
    begins.retain(|&index| blocks[index].bytes > 0 && blocks[index].first <= blocks[index].last);
    let mut ends = begins.clone();
    begins.sort_by_key(|&index| blocks[index].first);
    ends.sort_by_key(|&index| blocks[index].last);
    let mut events = Vec::with_capacity(2 * begins.len());
    let mut ends = ends.into_iter().peekable();
    for begin in begins {
        while let Some(end) = ends.next_if(|&end| blocks[end].last < blocks[begin].first) {
            events.push(Event::Ends(end));
        }
        events.push(Event::Begins(begin));
    }
    events.extend(ends.map(Event::Ends));
    events
}

/// The largest sum of bytes alive at the same time: no arena can be smaller.
pub(crate) fn live_bytes(blocks: &[Block]) -> usize {
    peak_of(blocks, &events(blocks))
}

fn peak_of(blocks: &[Block], events: &[Event]) -> usize {
    let (mut alive, mut peak) = (0_u128, 0_u128);
    for event in events {
        match *event {
            Event::Begins(index) => alive += blocks[index].bytes as u128,
            Event::Ends(index) => alive -= blocks[index].bytes as u128,
        }
        peak = peak.max(alive);
    }
    usize::try_from(peak).unwrap_or(usize::MAX)
}

/// Gives every block an offset such that blocks alive at the same time do not overlap.
///
/// Blocks are aligned to cache lines if the arena is at most 1.25 times [`live_bytes`] then. Takes time linear in the
/// number of blocks but for sorting, whatever lives when.
pub(crate) fn arrange(blocks: &[Block]) -> Arrangement {
    let events = events(blocks);
    let (live, plenty) = (peak_of(blocks, &events), allowance(blocks.len()));
    let neighbours = Neighbours::of(blocks.len(), &events, plenty);
    let best = |alignment: usize| {
        let all = search::PASSES;
        let passes =
            neighbours.as_ref().map_or(0, |neighbours| (plenty / 2 / neighbours.comparisons().max(1)).min(all));
        let found = neighbours.as_ref().filter(|_| passes > 0);
        let found = found.map(|neighbours| search::smallest(blocks, neighbours, live, passes, alignment));
        match found {
            Some(found) if passes == all => found,
            Some(found) => found.smaller(sweep::smallest(blocks, &events, alignment)),
            None => sweep::smallest(blocks, &events, alignment),
        }
    };
    let wide = best(ALIGNMENT);
    if wide.is_near(live) { wide } else { wide.smaller(best(MIN_ALIGNMENT)) }
}

/// How many comparisons may be made for so many blocks.
fn allowance(blocks: usize) -> usize {
    FEW_COMPARISONS.max(COMPARISONS.saturating_mul(blocks))
}

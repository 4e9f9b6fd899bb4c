//! First fit in many orders, each block compared with its neighbours.

use super::{Arrangement, Block, Event};

/// How often the blocks at the top get their offsets anew, before all others.
const ROUNDS: usize = 24;

/// What orders blocks; the smallest comes first.
type Key = fn(&Block) -> usize;

/// The largest blocks first, those with the largest product of bytes and steps, those that come first.
const KEYS: [Key; 3] = [
    |block| usize::MAX - block.bytes,
    |block| usize::MAX - block.bytes.saturating_mul(block.last.saturating_sub(block.first).saturating_add(1)),
    |block| block.first,
];

/// The number of orders that are tried where it is not limited.
pub(super) const PASSES: usize = KEYS.len() * ROUNDS;

/// For each block those that are alive with it, of all that have bytes.
pub(super) struct Neighbours {
    /// The neighbours of block `b` are `indices[starts[b]..starts[b + 1]]`.
    starts: Vec<usize>,
    indices: Vec<usize>,
}

impl Neighbours {
    /// The neighbours of so many blocks, `None` if there are more than `max`.
    pub(super) fn of(blocks: usize, events: &[Event], max: usize) -> Option<Self> {
        let mut pairs = 0_usize;
        let mut alive = 0;
        for event in events {
            match event {
                Event::Begins(_) => {
                    pairs = pairs.saturating_add(alive);
                    alive += 1;
                }
                Event::Ends(_) => alive -= 1,
            }
        }
        if pairs.saturating_mul(2) > max {
            return None;
        }
        let mut starts = vec![0; blocks + 1];
        for_each_pair(blocks, events, |a, b| {
            starts[a + 1] += 1;
            starts[b + 1] += 1;
        });
        for block in 0..blocks {
            starts[block + 1] += starts[block];
        }
        let (mut indices, mut ends) = (vec![0; 2 * pairs], starts.clone());
        for_each_pair(blocks, events, |a, b| {
            for (of, neighbour) in [(a, b), (b, a)] {
                indices[ends[of]] = neighbour;
                ends[of] += 1;
            }
        });
        Some(Self { starts, indices })
    }

    /// How many neighbours are looked at when all blocks get their offsets once.
    pub(super) fn comparisons(&self) -> usize {
        self.indices.len()
    }

    fn of_block(&self, block: usize) -> &[usize] {
        &self.indices[self.starts[block]..self.starts[block + 1]]
    }
}

/// Calls `f` with every two blocks that are alive at the same time.
fn for_each_pair(blocks: usize, events: &[Event], mut f: impl FnMut(usize, usize)) {
    let (mut alive, mut positions) = (Vec::new(), vec![0; blocks]);
    for event in events {
        match *event {
            Event::Begins(block) => {
                alive.iter().for_each(|&other| f(block, other));
                positions[block] = alive.len();
                alive.push(block);
            }
            Event::Ends(block) => {
                alive.swap_remove(positions[block]);
                if let Some(&moved) = alive.get(positions[block]) {
                    positions[moved] = positions[block];
                }
            }
        }
    }
}

/// The smallest arrangement of so many orders; the search ends before if one is near to the bytes that are alive at
/// once.
pub(super) fn smallest(
    blocks: &[Block],
    neighbours: &Neighbours,
    live: usize,
    passes: usize,
    alignment: usize,
) -> Arrangement {
    let mut found: Option<Arrangement> = None;
    for (number, key) in KEYS.into_iter().enumerate() {
        let mut order: Vec<usize> = (0..blocks.len()).collect();
        order.sort_by_key(|&index| key(&blocks[index]));
        // Every order gets its share of the passes, the first ones what cannot be shared.
        for _ in 0..(passes + KEYS.len() - 1 - number) / KEYS.len() {
            let arrangement = first_fit(blocks, &order, alignment, neighbours);
            let is_on_top =
                |index: &usize| arrangement.offsets[*index].saturating_add(blocks[*index].bytes) < arrangement.bytes;
            order.sort_by_key(is_on_top);
            if found.as_ref().is_none_or(|found| arrangement.bytes < found.bytes) {
                found = Some(arrangement);
            }
            if found.as_ref().is_some_and(|found| found.bytes <= live.saturating_add(live / 64)) {
                break;
            }
        }
    }
    found.unwrap_or(Arrangement { offsets: Vec::new(), bytes: 0 })
}

/// Gives the blocks, in that order, the lowest offset that is free while they live.
fn first_fit(blocks: &[Block], order: &[usize], alignment: usize, neighbours: &Neighbours) -> Arrangement {
    let (mut offsets, mut is_placed) = (vec![0_usize; blocks.len()], vec![false; blocks.len()]);
    let mut taken: Vec<(usize, usize)> = Vec::new();
    let mut bytes = 0;
    for &index in order {
        let placed = neighbours.of_block(index).iter().filter(|&&other| is_placed[other]);
        taken.clear();
        taken.extend(placed.map(|&other| (offsets[other], offsets[other].saturating_add(blocks[other].bytes))));
        taken.sort_unstable();
        let mut offset = 0_usize;
        for &(begin, end) in &taken {
            if begin >= offset.saturating_add(blocks[index].bytes) {
                break;
            }
            offset = offset.max(end.checked_next_multiple_of(alignment).unwrap_or(usize::MAX));
        }
        (offsets[index], is_placed[index]) = (offset, true);
        bytes = bytes.max(offset.saturating_add(blocks[index].bytes));
    }
    Arrangement { offsets, bytes }
}

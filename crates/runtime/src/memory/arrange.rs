//! Offsets for blocks of memory that live at different times.

/// Blocks start at multiples of this, so that vector loads do not cross cache lines.
const ALIGNMENT: usize = 64;

/// What elements of any type need; for arenas of values so small that whole cache lines would waste memory.
const LEAST_ALIGNMENT: usize = 8;

/// How often the blocks at the top are placed anew, before all others.
const ROUNDS: usize = 24;

/// What a block needs: bytes, and the first and the last step that it must outlive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) bytes: usize,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Block {
    fn is_alive_with(&self, other: &Block) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// The place of every block.
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
}

/// The largest sum of bytes alive at the same time: no arena can be smaller.
pub(crate) fn live_bytes(blocks: &[Block]) -> usize {
    // A sum is largest when a block has just been added to it.
    let at = |step: usize| {
        let alive = blocks.iter().filter(|block| block.first <= step && step <= block.last);
        alive.fold(0, |sum: usize, block| sum.saturating_add(block.bytes))
    };
    blocks.iter().map(|block| at(block.first)).max().unwrap_or(0)
}

/// Gives every block an offset such that blocks alive at the same time do not overlap.
///
/// First fit, in the best of several orders: the largest blocks first, those that take the most of bytes and steps, those that come
/// first; and then, again and again, what ended at the top before everything else. Blocks are aligned to cache lines if the arena is
/// at most 1.25 times [`live_bytes`] then.
pub(crate) fn arrange(blocks: &[Block]) -> Arrangement {
    let live = live_bytes(blocks);
    let wide = best(blocks, live, ALIGNMENT);
    if wide.is_near(live) {
        return wide;
    }
    let narrow = best(blocks, live, LEAST_ALIGNMENT);
    if narrow.bytes < wide.bytes { narrow } else { wide }
}

/// The smallest arrangement found.
fn best(blocks: &[Block], live: usize, alignment: usize) -> Arrangement {
    let steps = |block: &Block| block.last.saturating_sub(block.first).saturating_add(1);
    let keys: [fn(&Block, usize) -> usize; 3] = [
        |block, _| usize::MAX - block.bytes,
        |block, steps| usize::MAX - block.bytes.saturating_mul(steps),
        |block, _| block.first,
    ];
    let mut found: Option<Arrangement> = None;
    for key in keys {
        let mut order: Vec<usize> = (0..blocks.len()).collect();
        order.sort_by_key(|&index| key(&blocks[index], steps(&blocks[index])));
        for _ in 0..ROUNDS {
            let arrangement = first_fit(blocks, &order, alignment);
            let is_on_top = |index: &usize| arrangement.offsets[*index] + blocks[*index].bytes < arrangement.bytes;
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
fn first_fit(blocks: &[Block], order: &[usize], alignment: usize) -> Arrangement {
    let mut offsets = vec![0; blocks.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(blocks.len());
    let mut bytes = 0;
    for &index in order {
        let block = blocks[index];
        let mut offset = 0_usize;
        for &other in &placed {
            if offsets[other] >= offset.saturating_add(block.bytes) {
                break;
            }
            if blocks[other].is_alive_with(&block) {
                let end = offsets[other].saturating_add(blocks[other].bytes);
                offset = offset.max(end.checked_next_multiple_of(alignment).unwrap_or(usize::MAX));
            }
        }
        offsets[index] = offset;
        bytes = bytes.max(offset.saturating_add(block.bytes));
        let place = placed.partition_point(|&other| offsets[other] <= offset);
        placed.insert(place, index);
    }
    Arrangement { offsets, bytes }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_of_different_times_share_bytes() {
        let chain: Vec<Block> = (0..10).map(|step| Block { bytes: 100, first: step, last: step + 1 }).collect();
        assert_eq!((arrange(&chain).bytes, live_bytes(&chain)), (228, 200), "two blocks at a time, the second aligned");
        let small: Vec<Block> = chain.iter().map(|block| Block { bytes: 8, ..*block }).collect();
        assert_eq!(arrange(&small).bytes, 16, "a cache line for each would be much more than is alive");
    }

    #[test]
    fn the_live_bytes_are_those_of_the_fullest_step() {
        let blocks = [(10, 0, 2), (20, 2, 3), (5, 3, 3), (24, 4, 4)];
        let blocks = blocks.map(|(bytes, first, last)| Block { bytes, first, last });
        assert_eq!((live_bytes(&blocks), live_bytes(&[])), (30, 0));
    }

    /// Blocks as networks have them: most live for a few steps, some for many; sizes spread over three orders of magnitude.
    fn made_up(seed: u64) -> Vec<Block> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = |count: u64| {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from((state >> 16) % count).expect("small")
        };
        let count = 2 + below(60);
        let block = |step: usize| {
            let length = if below(4) == 0 { below(40) } else { 1 + below(3) };
            Block { bytes: (1 + below(64)) << below(10), first: step, last: step + length }
        };
        (0..count).map(block).collect()
    }

    #[test]
    fn arenas_are_at_most_a_quarter_larger_than_what_is_alive() {
        for seed in 0..2000 {
            let blocks = made_up(seed);
            let (arena, live) = (arrange(&blocks).bytes, live_bytes(&blocks));
            assert!(live <= arena && 4 * arena <= 5 * live, "seed {seed}: {arena} bytes for {live}");
        }
    }

    proptest! {
        #[test]
        fn blocks_alive_together_do_not_overlap(
            blocks in proptest::collection::vec((0_usize..300, 0_usize..20, 0_usize..6), 0..30)
        ) {
            let blocks: Vec<Block> = blocks
                .into_iter()
                .map(|(bytes, first, length)| Block { bytes, first, last: first + length })
                .collect();
            let Arrangement { offsets, bytes } = arrange(&blocks);
            for (a, x) in blocks.iter().enumerate() {
                prop_assert!(offsets[a].is_multiple_of(LEAST_ALIGNMENT) && offsets[a] + x.bytes <= bytes);
                for (b, y) in blocks.iter().enumerate().skip(a + 1) {
                    let apart = offsets[a] + x.bytes <= offsets[b] || offsets[b] + y.bytes <= offsets[a];
                    prop_assert!(!x.is_alive_with(y) || apart || x.bytes == 0 || y.bytes == 0);
                }
            }
        }
    }
}

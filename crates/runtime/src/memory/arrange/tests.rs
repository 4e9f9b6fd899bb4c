//! Arenas: what shares bytes, how large they are, and how much work it is to find that out.

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

fn are_alive_together(a: &Block, b: &Block) -> bool {
    a.first <= b.last && b.first <= a.last
}

/// Checks that blocks that are alive together have bytes of their own.
fn check(blocks: &[Block], Arrangement { offsets, bytes }: &Arrangement) {
    for (a, x) in blocks.iter().enumerate() {
        assert!(offsets[a].is_multiple_of(MIN_ALIGNMENT) && offsets[a] + x.bytes <= *bytes);
        for (b, y) in blocks.iter().enumerate().skip(a + 1) {
            let apart = offsets[a] + x.bytes <= offsets[b] || offsets[b] + y.bytes <= offsets[a];
            assert!(!are_alive_together(x, y) || apart || x.bytes == 0 || y.bytes == 0, "{a}: {x:?}, {b}: {y:?}");
        }
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
        check(&blocks, &arrange(&blocks));
        check(&blocks, &sweep::smallest(&blocks, &events(&blocks), ALIGNMENT));
        // What is alive is the most that any step has.
        let at = |step: usize| {
            let alive = blocks.iter().filter(|block| block.first <= step && step <= block.last);
            alive.map(|block| block.bytes).sum::<usize>()
        };
        prop_assert_eq!(live_bytes(&blocks), (0..30).map(at).max().unwrap_or(0));
    }
}

/// As [`search::smallest`], but every block is compared with all that are placed: what the search must find, in
/// quadratic time.
fn by_comparing_all(blocks: &[Block], live: usize, alignment: usize) -> Arrangement {
    let first_fit = |order: &[usize]| {
        let (mut offsets, mut placed, mut bytes) = (vec![0; blocks.len()], Vec::<usize>::new(), 0);
        for &index in order {
            let block = blocks[index];
            let mut offset = 0_usize;
            for &other in placed.iter().filter(|&&other| are_alive_together(&blocks[other], &block)) {
                if offsets[other] < offset + block.bytes {
                    offset = offset.max((offsets[other] + blocks[other].bytes).next_multiple_of(alignment));
                }
            }
            offsets[index] = offset;
            bytes = bytes.max(offset + block.bytes);
            placed.insert(placed.partition_point(|&other| offsets[other] <= offset), index);
        }
        Arrangement { offsets, bytes }
    };
    let mut found: Option<Arrangement> = None;
    for key in [
        |block: &Block| usize::MAX - block.bytes,
        |block: &Block| usize::MAX - block.bytes * (block.last - block.first + 1),
        |block: &Block| block.first,
    ] {
        let mut order: Vec<usize> = (0..blocks.len()).collect();
        order.sort_by_key(|&index| key(&blocks[index]));
        for _ in 0..24 {
            let arrangement = first_fit(&order);
            order.sort_by_key(|&index| arrangement.offsets[index] + blocks[index].bytes < arrangement.bytes);
            found = Some(found.map_or(arrangement.clone(), |found| found.smaller(arrangement)));
            if found.as_ref().is_some_and(|found| found.bytes <= live + live / 64) {
                break;
            }
        }
    }
    found.expect("there are orders")
}

#[test]
fn comparing_neighbours_alone_changes_nothing() {
    for seed in 0..300 {
        let blocks = made_up(seed);
        let neighbours = Neighbours::of(blocks.len(), &events(&blocks), usize::MAX).expect("few");
        for alignment in [ALIGNMENT, MIN_ALIGNMENT] {
            let found = search::smallest(&blocks, &neighbours, live_bytes(&blocks), search::PASSES, alignment);
            let expected = by_comparing_all(&blocks, live_bytes(&blocks), alignment);
            assert_eq!((found.bytes, found.offsets), (expected.bytes, expected.offsets), "seed {seed}");
        }
    }
}

/// Blocks of `branches` that are all made before the first of them is read.
fn branches(branches: usize) -> Vec<Block> {
    let bytes = |branch: usize| 64 + 8 * (branch * 7919 % 61);
    (0..branches).map(|branch| Block { bytes: bytes(branch), first: branch, last: branches + branch }).collect()
}

/// Blocks of a chain whose values live for `life` steps.
fn chain(length: usize, life: usize) -> Vec<Block> {
    (0..length).map(|step| Block { bytes: 64 + 8 * (step * 7919 % 61), first: step, last: step + life }).collect()
}

#[test]
fn the_work_is_linear_in_the_blocks() {
    let pairs =
        |blocks: &[Block]| Neighbours::of(blocks.len(), &events(blocks), usize::MAX).map(|all| all.comparisons());
    // A block of a chain has the same neighbours however long the chain is, and all orders may be tried.
    for (life, length) in [(1, 5_000), (1, 20_000), (8, 5_000), (8, 20_000)] {
        let comparisons = 2 * life * length - life * (life + 1);
        assert_eq!(pairs(&chain(length, life)), Some(comparisons));
        assert!(2 * comparisons * search::PASSES <= allowance(length));
    }
    // Branches have quadratically many, so at some number they are not compared any more.
    assert_eq!(pairs(&branches(1_000)), Some(1_000 * 999));
    let many = branches(20_000);
    assert!(Neighbours::of(many.len(), &events(&many), allowance(many.len())).is_none());
    assert_eq!(allowance(80_000), 4 * allowance(20_000));
}

#[test]
fn large_arenas_are_at_most_a_quarter_larger_than_what_is_alive() {
    let network = |length: usize| -> Vec<Block> {
        let parts = (0_u64..).map(made_up).scan(0, |step, part| {
            let begin = *step;
            *step += part.len();
            Some(part.into_iter().map(move |at| Block { first: at.first + begin, last: at.last + begin, ..at }))
        });
        parts.flatten().take(length).collect()
    };
    let mixed = |length: usize| {
        let long = branches(length / 2).into_iter().map(|block| Block { bytes: 3 * block.bytes, ..block });
        long.chain(network(length / 2)).collect::<Vec<_>>()
    };
    for blocks in
        [chain(20_000, 1), chain(20_000, 300), branches(20_000), network(20_000), mixed(20_000), mixed(100_000)]
    {
        let (found, live) = (arrange(&blocks), live_bytes(&blocks));
        assert!(live <= found.bytes && 4 * found.bytes <= 5 * live, "{} bytes for {live}", found.bytes);
        let some = (0..blocks.len()).filter(|index| *index < 200 || index.is_multiple_of(blocks.len() / 500));
        let (offsets, some) = some.map(|index| (found.offsets[index], blocks[index])).unzip();
        let some: Vec<Block> = some;
        check(&some, &Arrangement { offsets, bytes: found.bytes });
    }
}

#[test]
fn sizes_beyond_all_memory_are_no_panic() {
    let blocks = [(0, 1), (1, 2), (2, 2)].map(|(first, last)| Block { bytes: usize::MAX - 7, first, last });
    assert_eq!((arrange(&blocks).bytes, live_bytes(&blocks)), (usize::MAX, usize::MAX));
    assert_eq!(sweep::smallest(&blocks, &events(&blocks), ALIGNMENT).bytes, usize::MAX);
}

//! How much memory real models run in.

mod digits;

use digits::every_model;
use fourfold::prelude::*;

#[test]
fn arenas_are_at_most_a_quarter_larger_than_what_is_alive_at_once() {
    for (name, images, graph) in every_model() {
        let plan = Plan::compile(&graph, &Options::default()).expect("a plan");
        for batch in [1, 2, 7, 32, 100] {
            let shape = [&[batch], &images.shape()[1..]].concat();
            let memory = plan.footprint(&[&shape]).expect("sizes that the model takes");
            assert!(memory.live_bytes > 0 && memory.live_bytes <= memory.arena_bytes, "{name}, {batch}: {memory}");
            assert!(4 * memory.arena_bytes <= 5 * memory.live_bytes, "{name}, {batch}: {memory}");
            assert!(memory.constant_bytes > 0, "{name}: {memory}");
        }
    }
}

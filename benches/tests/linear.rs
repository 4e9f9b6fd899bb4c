//! Networks of many nodes pass every stage. No time is asserted: with quadratic work the larger ones would take
//! minutes.

use fourfold::graph::Graph;
use fourfold::prelude::*;
use fourfold_benches::networks::{NETWORKS, Network};
use fourfold_benches::stages::run;

fn network(name: &str) -> Network {
    NETWORKS.into_iter().find(|(known, _)| *known == name).map(|(_, network)| network).expect("a network of that name")
}

#[test]
fn every_network_goes_through_every_stage() {
    for (name, network) in NETWORKS {
        let graph = network(600).expect(name);
        assert!(run(&graph).is_ok(), "{name}: {:?}", run(&graph).err());
    }
}

/// Does what the command `inspect` does with a graph.
fn inspected(graph: &Graph) -> usize {
    let calibration = prepare(&fuse(graph).expect("a float graph"), QConfig::fourfold()).expect("a float graph");
    calibration.layers().len()
}

#[test]
fn hundred_thousand_outputs_are_looked_up() {
    let graph = network("one output for each node")(99_999).expect("within the limits");
    assert_eq!(inspected(&graph), 99_999);
}

#[test]
fn one_value_may_be_read_by_many_nodes_and_many_values_alive_at_once() {
    for name in ["star, joined by Concat", "branches, all made before they are added", "first value added at the end"] {
        let graph = network(name)(40_000).expect("within the limits");
        assert!(inspected(&graph) >= 40_000);
        let plan = Plan::compile(&graph, &Options::default()).expect("a plan");
        let memory = plan.footprint(&[&[1, 4]]).expect("sizes that the graph takes");
        assert!(4 * memory.arena_bytes <= 5 * memory.live_bytes, "{name}: {memory}");
    }
}

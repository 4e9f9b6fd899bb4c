//! Whether time grows linearly with the nodes of a network: four times as many may take at most 4.5 times as long.
//!
//! ```text
//! cargo xtask bench linear [NAME]... [NODES]
//! ```
//!
//! For each network whose name contains a NAME, for every stage and in total: milliseconds for NODES nodes (default
//! 5,000), for four times as many, and the ratio. Each is the shortest of three times.

use std::time::Duration;

use fourfold_benches::networks::{NETWORKS, Network};
use fourfold_benches::stages::{STAGES, run};

/// How often each stage is timed.
const TIMES: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let nodes = arguments.iter().find_map(|text| text.parse().ok()).unwrap_or(5_000);
    let words: Vec<&String> = arguments.iter().filter(|text| text.parse::<usize>().is_err()).collect();
    print!("{:>42}", "ms, ms, ratio");
    STAGES.iter().for_each(|stage| print!(" {stage:>17}"));
    println!(" {:>17}", "all");
    for (name, network) in NETWORKS {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            let [short, long] = [nodes, 4 * nodes].map(|nodes| shortest(network, nodes));
            print!("{name:>42}");
            short.iter().zip(&long).for_each(|(&short, &long)| print!(" {:>17}", compared(short, long)));
            println!(" {:>17}", compared(short.iter().sum(), long.iter().sum()));
        }
    }
}

/// The shortest time of each stage.
fn shortest(network: Network, nodes: usize) -> Vec<Duration> {
    let graph = network(nodes).expect("a valid network");
    let times: Vec<_> = (0..TIMES).map(|_| run(&graph).expect("everything works")).collect();
    (0..STAGES.len()).map(|stage| times.iter().map(|times| times[stage]).min().unwrap_or_default()).collect()
}

fn compared(short: Duration, long: Duration) -> String {
    let [short, long] = [short, long].map(|time| 1e3 * time.as_secs_f64());
    format!("{short:.0} {long:.0} {:.1}", long / short.max(1e-3))
}

//! Timing of several contestants that take turns, so that noise hits all of them.

use std::time::{Duration, Instant};

/// The minimum time of a group of calls.
const GROUP: Duration = Duration::from_micros(400);

/// The number of groups per contestant.
const ROUNDS: usize = 15;

/// The shortest and the median time of a call of each contestant, in seconds.
pub(crate) fn time<const N: usize>(contestants: &mut [&mut dyn FnMut(); N]) -> [(f64, f64); N] {
    let counts = contestants.each_mut().map(|run| {
        let mut count = 1_u32;
        loop {
            let start = Instant::now();
            (0..count).for_each(|_| run());
            if start.elapsed() > GROUP {
                return count;
            }
            count *= 2;
        }
    });
    let mut times = [(); N].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        for (index, run) in contestants.iter_mut().enumerate() {
            let start = Instant::now();
            (0..counts[index]).for_each(|_| run());
            times[index].push(start.elapsed().as_secs_f64() / f64::from(counts[index]));
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        (times[0], times[times.len() / 2])
    })
}

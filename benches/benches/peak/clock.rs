//! Times of contestants that take turns.

use std::time::{Duration, Instant};

/// Times are taken over groups of calls of at least this length.
const GROUP: Duration = Duration::from_micros(400);

/// Groups of each contestant.
const ROUNDS: usize = 15;

/// The shortest and the median time of a call of each contestant in seconds; they take turns.
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
        for (place, run) in contestants.iter_mut().enumerate() {
            let start = Instant::now();
            (0..counts[place]).for_each(|_| run());
            times[place].push(start.elapsed().as_secs_f64() / f64::from(counts[place]));
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        (times[0], times[times.len() / 2])
    })
}

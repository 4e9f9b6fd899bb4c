//! One plan serves many sessions, on any threads, at the same time.

mod digits;

use std::sync::Arc;

use digits::every_model;
use fourfold::prelude::*;

/// Runs of each thread.
const RUNS: usize = 12;

fn is_shared_between_threads<T: Send + Sync>() {}

#[test]
fn plans_and_sessions_may_go_to_other_threads() {
    is_shared_between_threads::<Plan>();
    is_shared_between_threads::<Session>();
}

#[test]
fn two_threads_with_sessions_of_their_own_get_the_results_of_one() {
    for threads in [1, 2] {
        for (name, images, graph) in every_model() {
            let options = Options { threads: core::num::NonZeroUsize::new(threads), ..Options::default() };
            let plan = Arc::new(Plan::compile(&graph, &options).expect("a plan"));
            // Two sizes for each thread, so that the places of values change between runs.
            let batches = |first: usize| {
                [3, 5].map(|count| images.rows(first..first + count).expect("as many images as the test set has"))
            };
            let alone = |batch: &Tensor| {
                let mut session = Session::new(Arc::clone(&plan));
                session.run(std::slice::from_ref(batch)).expect("a run")[0].clone()
            };
            std::thread::scope(|scope| {
                for first in [0, 8] {
                    let (batches, plan, name) = (batches(first), Arc::clone(&plan), &name);
                    let expected = batches.each_ref().map(alone);
                    scope.spawn(move || {
                        let mut session = Session::new(plan);
                        for run in 0..RUNS {
                            let batch = &batches[run % 2];
                            let outputs = session.run(std::slice::from_ref(batch)).expect("a run");
                            assert_eq!(outputs[0].bytes(), expected[run % 2].bytes(), "{name}: run {run}");
                        }
                    });
                }
            });
        }
    }
}

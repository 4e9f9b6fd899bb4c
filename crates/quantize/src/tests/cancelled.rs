//! Calibrations that are stopped, and go on as if they had not been.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use fourfold_testing::noise;

use super::network;
use crate::{Calibration, Error, Progress, QConfig, fuse, prepare};

fn prepared(qconfig: QConfig) -> Calibration {
    prepare(&fuse(&network()).expect("a float graph"), qconfig).expect("a float graph")
}

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn a_batch_that_is_stopped_leaves_no_trace_wherever_it_is() {
    let batches = [1, 2, 3].map(|seed| [noise(&[2, 2, 6, 6], seed)]);
    for qconfig in [QConfig::fourfold(), QConfig::fbgemm()] {
        let mut whole = prepared(qconfig);
        batches.iter().for_each(|batch| whole.observe(batch).expect("finite"));
        let nodes = whole.graph().nodes().len();
        for last in 0..=nodes {
            let mut calibration = prepared(qconfig);
            calibration.observe(&batches[0]).expect("finite");
            let before = calibration.save();
            calibration.monitor(move |progress| {
                if progress.nodes_done == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert_eq!(calibration.observe(&batches[1]), Err(Error::Cancelled), "after {last} nodes");
            assert_eq!((calibration.save(), calibration.batches()), (before, 1), "after {last} nodes");
            calibration.monitor(go_on);
            batches[1..].iter().for_each(|batch| calibration.observe(batch).expect("finite"));
            assert_eq!(calibration.save(), whole.save(), "after {last} nodes");
        }
    }
}

#[test]
fn progress_goes_through_all_nodes_of_every_batch() {
    let mut calibration = prepared(QConfig::fourfold());
    let nodes = calibration.graph().nodes().len();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&seen);
    calibration.monitor(move |progress| {
        list.lock().unwrap_or_else(PoisonError::into_inner).push(*progress);
        ControlFlow::Continue(())
    });
    for seed in [1, 2] {
        calibration.observe(&[noise(&[1, 2, 6, 6], seed)]).expect("finite");
    }
    let of_batch = |batches| (0..=nodes).map(move |nodes_done| Progress { batches, nodes_done, nodes });
    let expected: Vec<Progress> = of_batch(0).chain(of_batch(1)).collect();
    assert_eq!(*seen.lock().unwrap_or_else(PoisonError::into_inner), expected);
}

#[test]
fn a_value_that_is_not_finite_is_an_error_before_a_stop() {
    let mut calibration = prepared(QConfig::fourfold());
    calibration.monitor(|_| ControlFlow::Break(()));
    let mut batch = noise(&[1, 2, 6, 6], 1);
    batch.as_mut_slice::<f32>().expect("f32")[0] = f32::NAN;
    assert!(matches!(calibration.observe(&[batch]), Err(Error::Observe { .. })));
}

//! Test support for the crates above the runtime: noise tensors, one run of a graph, comparison of floats.
//!
//! The functions panic where a test would fail. Architecture Invariant: only a dev-dependency. Tests of the runtime and
//! of the crates below it cannot use this crate, because it depends on them.

use std::sync::Arc;

use fourfold_graph::Graph;
use fourfold_runtime::{Options, Plan, Session};
use fourfold_tensor::Tensor;

/// Pseudo-random floats in `-1..1`, determined by `seed`.
///
/// # Panics
///
/// If the shape is too large.
#[must_use]
pub fn noise(shape: &[usize], seed: u32) -> Tensor {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).expect("sixteen bits")) / 32_768.0 - 1.0
    };
    let count = shape.iter().product();
    Tensor::from_vec(shape, std::iter::repeat_with(next).take(count).collect::<Vec<f32>>())
        .expect("as many as the shape has")
}

/// The outputs of `graph` for `inputs`, with the default options.
///
/// # Panics
///
/// If the graph cannot be compiled or run.
#[must_use]
pub fn run(graph: &Graph, inputs: &[Tensor]) -> Vec<Tensor> {
    run_with(graph, inputs, &Options::default())
}

/// The outputs of `graph`, compiled with `options`, for `inputs`.
///
/// # Panics
///
/// If the graph cannot be compiled or run.
#[must_use]
pub fn run_with(graph: &Graph, inputs: &[Tensor], options: &Options) -> Vec<Tensor> {
    let plan = Plan::compile(graph, options).expect("a plan");
    Session::new(Arc::new(plan)).run(inputs).expect("a run").to_vec()
}

/// The largest magnitude `max |x|`, 0 if there are no floats.
#[must_use]
pub fn largest(floats: &[f32]) -> f32 {
    floats.iter().fold(0.0, |largest, x| largest.max(x.abs()))
}

/// Whether there are as many floats as expected, each with `|actual - expected| <= absolute + relative * |expected|`.
/// A NaN is close to nothing.
#[must_use]
pub fn is_close(actual: &[f32], expected: &[f32], absolute: f32, relative: f32) -> bool {
    let is_near = |(a, e): (&f32, &f32)| (a - e).abs() <= absolute + relative * e.abs();
    actual.len() == expected.len() && actual.iter().zip(expected).all(is_near)
}

/// Asserts that floats differ by at most `tolerance`.
///
/// # Panics
///
/// If two differ by more, one is NaN, or the lengths differ.
pub fn assert_close(actual: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(actual.len(), expected.len(), "the number of floats");
    for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        assert!((actual - expected).abs() <= tolerance, "float {index} is {actual}, expected {expected}");
    }
}

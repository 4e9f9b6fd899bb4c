//! Stacked and bidirectional recurrent modules against single ones.

use fourfold::nn::{LSTM, Module, StateDict, build};
use fourfold::prelude::*;
use fourfold_testing::{assert_close, noise};

const STEPS: usize = 5;
const FEATURES: usize = 3;
const HIDDEN: usize = 4;

/// One direction of one layer under the keys that end in `suffix`.
fn direction(suffix: &str, features: usize, seed: u32) -> Vec<(String, Tensor)> {
    let rows = 4 * HIDDEN;
    let parts = [
        ("weight_ih", vec![rows, features]),
        ("weight_hh", vec![rows, HIDDEN]),
        ("bias_ih", vec![rows]),
        ("bias_hh", vec![rows]),
    ];
    let tensors = parts.iter().zip(seed..);
    tensors.map(|((name, shape), seed)| (format!("{name}_{suffix}"), noise(shape, seed))).collect()
}

/// The result for `x`, `[1, steps, features]`.
fn run(module: &impl Module, state: Vec<(String, Tensor)>, x: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let features = x[0].len();
    let input = ValueType::f32(&[Dim::from(1), Dim::from(STEPS), Dim::from(features)]);
    let graph = build("net", module, input, StateDict::from_iter(state)).expect("the keys of the module");
    let x = Tensor::from_vec(&[1, STEPS, features], x.concat()).expect("steps");
    let y = fourfold_testing::run(&graph, &[x]).remove(0);
    y.as_slice::<f32>().expect("f32").chunks(y.shape()[2]).map(<[f32]>::to_vec).collect()
}

#[test]
fn two_layers_in_two_directions_are_four_layers() {
    let seeds =
        [("l0", FEATURES, 1), ("l0_reverse", FEATURES, 2), ("l1", 2 * HIDDEN, 3), ("l1_reverse", 2 * HIDDEN, 4)];
    let state = seeds.iter().flat_map(|&(suffix, features, seed)| direction(suffix, features, seed)).collect();
    let x: Vec<Vec<f32>> =
        noise(&[STEPS, FEATURES], 9).as_slice::<f32>().expect("f32").chunks(FEATURES).map(<[f32]>::to_vec).collect();
    let both = LSTM::new(FEATURES, HIDDEN).num_layers(2).bidirectional(true).batch_first(true);
    let actual = run(&both, state, &x);

    let mut expected = x;
    for pair in seeds.chunks(2) {
        let layer = |&(_, features, seed): &(&str, usize, u32), x: &[Vec<f32>]| {
            run(&LSTM::new(features, HIDDEN).batch_first(true), direction("l0", features, seed), x)
        };
        let forth = layer(&pair[0], &expected);
        let reversed: Vec<Vec<f32>> = expected.iter().rev().cloned().collect();
        let back = layer(&pair[1], &reversed);
        expected = forth.into_iter().zip(back.into_iter().rev()).map(|(forth, back)| [forth, back].concat()).collect();
    }
    assert_eq!(actual.len(), expected.len());
    assert_close(&actual.concat(), &expected.concat(), 1e-6);
}

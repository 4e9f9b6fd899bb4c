//! Recurrent layers and cells with the weights, operands and results of PyTorch, for tests.
#![allow(dead_code, reason = "every test file uses a part")]

use std::collections::BTreeMap;
use std::path::Path;

use fourfold::graph::ValueId;
use fourfold::nn::{Builder, Error, GRU, GRUCell, LSTM, LSTMCell, RNN, RNNCell, Recurrent, RecurrentCell, StateDict};
use fourfold::prelude::*;

pub(crate) type Tensors = BTreeMap<String, Tensor>;

pub(crate) const FEATURES: usize = 5;
pub(crate) const HIDDEN: usize = 6;
pub(crate) const KINDS: [&str; 4] = ["lstm", "gru", "rnn", "rnn_relu"];
pub(crate) const LAYERS: [&str; 3] = ["one", "reversed_too", "plain"];
pub(crate) const CELLS: [&str; 2] = ["one", "plain"];

/// The tensors of a file.
pub(crate) fn tensors(name: &str) -> Tensors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let file = std::fs::read(path).expect("a file of the project");
    safetensors::read(&file, &Limits::default()).expect("a valid file")
}

/// The tensors of one case, by role.
pub(crate) fn case(name: &str) -> Tensors {
    let own = tensors("recurrent_modules.safetensors").into_iter().filter_map(|(key, tensor)| {
        let (case, role) = key.split_once('/')?;
        (case == name).then(|| (role.to_owned(), tensor))
    });
    own.collect()
}

pub(crate) fn state_dict(case: &Tensors) -> StateDict {
    let tensors = case.iter().filter_map(|(role, tensor)| Some((role.strip_prefix("state.")?, tensor)));
    tensors.map(|(key, tensor)| (format!("net.{key}"), tensor.clone())).collect()
}

/// The operands of a case that are there: `x`, `h_0`, `c_0`.
pub(crate) fn operands(case: &Tensors) -> Vec<Tensor> {
    ["x", "h_0", "c_0"].iter().filter_map(|role| case.get(*role)).cloned().collect()
}

/// The layers as the case has them.
pub(crate) fn layers<K>(layers: Recurrent<K>, form: &str) -> Recurrent<K> {
    match form {
        "one" => layers,
        "reversed_too" => layers.num_layers(2).bidirectional(true).batch_first(true),
        _ => layers.num_layers(2).bias(false),
    }
}

pub(crate) fn cell<K>(cell: RecurrentCell<K>, form: &str) -> RecurrentCell<K> {
    if form == "plain" { cell.bias(false) } else { cell }
}

/// The results of a module for `x` and states, in PyTorch's order.
pub(crate) type Forward = Box<dyn Fn(&mut Builder, ValueId, &[ValueId]) -> Result<Vec<ValueId>, Error>>;

pub(crate) fn unrolled(kind: &str, form: &str) -> Forward {
    match kind {
        "lstm" => {
            let lstm = layers(LSTM::new(FEATURES, HIDDEN), form);
            Box::new(move |builder, x, states| {
                let (y, [h, c]) = lstm.unroll(builder, x, states.try_into().ok())?;
                Ok(vec![y, h, c])
            })
        }
        "gru" => {
            let gru = layers(GRU::new(FEATURES, HIDDEN), form);
            Box::new(move |builder, x, states| {
                let (y, h) = gru.unroll(builder, x, states.first().copied())?;
                Ok(vec![y, h])
            })
        }
        _ => {
            let rnn = RNN::new(FEATURES, HIDDEN);
            let rnn = layers(if kind == "rnn_relu" { rnn.relu() } else { rnn }, form);
            Box::new(move |builder, x, states| {
                let (y, h) = rnn.unroll(builder, x, states.first().copied())?;
                Ok(vec![y, h])
            })
        }
    }
}

/// A cell applied to each step of `x`.
pub(crate) fn stepped(kind: &str, form: &str) -> Forward {
    fn over_steps(
        step: impl Fn(&mut Builder, ValueId, Option<ValueId>) -> Result<ValueId, Error> + 'static,
    ) -> Forward {
        Box::new(move |builder, x, states| {
            let mut h = states.first().copied();
            for index in 0..steps(builder, x) {
                let x = builder.select(x, 0, index)?;
                h = Some(step(builder, x, h)?);
            }
            Ok(h.into_iter().collect())
        })
    }
    match kind {
        "lstm" => {
            let lstm = cell(LSTMCell::new(FEATURES, HIDDEN), form);
            Box::new(move |builder, x, states| {
                let mut state: Option<[ValueId; 2]> = states.try_into().ok();
                for index in 0..steps(builder, x) {
                    let x = builder.select(x, 0, index)?;
                    state = Some(lstm.step(builder, x, state)?);
                }
                Ok(state.into_iter().flatten().collect())
            })
        }
        "gru" => {
            let gru = cell(GRUCell::new(FEATURES, HIDDEN), form);
            over_steps(move |builder, x, h| gru.step(builder, x, h))
        }
        _ => {
            let rnn = RNNCell::new(FEATURES, HIDDEN);
            let rnn = cell(if kind == "rnn_relu" { rnn.relu() } else { rnn }, form);
            over_steps(move |builder, x, h| rnn.step(builder, x, h))
        }
    }
}

pub(crate) fn steps(builder: &Builder, x: ValueId) -> i64 {
    builder.ty(x).dims()[0].fixed().and_then(|steps| i64::try_from(steps).ok()).expect("a fixed number of steps")
}

/// The graph of a module named `net`, with the operands of the case as inputs.
pub(crate) fn graph(case: &Tensors, forward: &Forward) -> Graph {
    let mut builder = Builder::new("recurrent", state_dict(case));
    let inputs = operands(case).into_iter().enumerate().map(|(index, tensor)| {
        let dims: Vec<Dim> = tensor.shape().iter().copied().map(Dim::from).collect();
        builder.input(&format!("input{index}"), ValueType::f32(&dims)).expect("an input")
    });
    let inputs: Vec<ValueId> = inputs.collect();
    let results = builder.within("net", |builder| forward(builder, inputs[0], &inputs[1..])).expect("what fits");
    results.into_iter().for_each(|result| builder.output(result));
    builder.finish().expect("the keys of PyTorch")
}

/// The names of all cases, what they compute, and the roles of the results.
pub(crate) fn every_case() -> Vec<(String, Forward, &'static [&'static str])> {
    let mut cases: Vec<(String, Forward, &'static [&'static str])> = Vec::new();
    for kind in KINDS {
        let layers = LAYERS.map(|form| (format!("{kind}.{form}"), unrolled(kind, form)));
        cases.extend(layers.map(|(name, forward)| (name, forward, &["y", "h_n", "c_n"][..])));
        let cells = CELLS.map(|form| (format!("{kind}_cell.{form}"), stepped(kind, form)));
        cases.extend(cells.map(|(name, forward)| (name, forward, &["h", "c"][..])));
    }
    cases
}

//! Recurrent layers and cells built from modules, against PyTorch 2.15: states within `1e-5` in float; dynamically quantized (fbgemm) the same codes
//! and scales of the weights, and states within `5e-6`, as for the layers of `recurrent.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use fourfold::graph::ValueId;
use fourfold::nn::{
    Builder, Error, GRU, GRUCell, LSTM, LSTMCell, Module, RNN, RNNCell, Recurrent, RecurrentCell, StateDict,
};
use fourfold::prelude::*;
use fourfold::quantize::quantize_dynamic_with;

type Tensors = BTreeMap<String, Tensor>;

const FEATURES: usize = 5;
const HIDDEN: usize = 6;
const KINDS: [&str; 4] = ["lstm", "gru", "rnn", "rnn_relu"];
const LAYERS: [&str; 3] = ["one", "reversed_too", "plain"];
const CELLS: [&str; 2] = ["one", "plain"];

/// The tensors of one case, by role.
fn case(name: &str) -> Tensors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recurrent_modules.safetensors");
    let file = std::fs::read(path).expect("a file of the project");
    let all = safetensors::read(&file, &Limits::default()).expect("a valid file").into_iter();
    let own = all.filter_map(|(key, tensor)| {
        let (case, role) = key.split_once('/')?;
        (case == name).then(|| (role.to_owned(), tensor))
    });
    own.collect()
}

fn state_dict(case: &Tensors) -> StateDict {
    let tensors = case.iter().filter_map(|(role, tensor)| Some((role.strip_prefix("state.")?, tensor)));
    tensors.map(|(key, tensor)| (format!("net.{key}"), tensor.clone())).collect()
}

/// The operands of a case that are there: `x`, `h_0`, `c_0`.
fn operands(case: &Tensors) -> Vec<Tensor> {
    ["x", "h_0", "c_0"].iter().filter_map(|role| case.get(*role)).cloned().collect()
}

/// The layers as the case has them.
fn layers<K>(layers: Recurrent<K>, form: &str) -> Recurrent<K> {
    match form {
        "one" => layers,
        "reversed_too" => layers.num_layers(2).bidirectional(true).batch_first(true),
        _ => layers.num_layers(2).bias(false),
    }
}

fn cell<K>(cell: RecurrentCell<K>, form: &str) -> RecurrentCell<K> {
    if form == "plain" { cell.bias(false) } else { cell }
}

/// The results of a module for `x` and states, in PyTorch's order.
type Forward = Box<dyn Fn(&mut Builder, ValueId, &[ValueId]) -> Result<Vec<ValueId>, Error>>;

fn unrolled(kind: &str, form: &str) -> Forward {
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
fn stepped(kind: &str, form: &str) -> Forward {
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

fn steps(builder: &Builder, x: ValueId) -> i64 {
    builder.ty(x).dims()[0].fixed().and_then(|steps| i64::try_from(steps).ok()).expect("a fixed number of steps")
}

/// The graph of a module named `net`, with the operands of the case as inputs.
fn graph(case: &Tensors, forward: &Forward) -> Graph {
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

fn run(graph: &Graph, case: &Tensors) -> Vec<Tensor> {
    let mut session = Session::new(Plan::compile(graph, &Options::default()).expect("a plan").into());
    session.run(&operands(case)).expect("a run").to_vec()
}

fn assert_near(actual: &Tensor, expected: &Tensor, tolerance: f32, what: &str) {
    assert_eq!(actual.shape(), expected.shape(), "{what}");
    let pairs = actual.as_slice::<f32>().expect("f32").iter().zip(expected.as_slice::<f32>().expect("f32"));
    let error = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(error <= tolerance, "{what}: {error}");
}

/// Asserts that the weights of a graph are PyTorch's, and that each is there once.
fn assert_codes(graph: &Graph, case: &Tensors, what: &str) {
    let constants = graph.values().iter().filter_map(|value| Some((value, value.constant()?, value.ty().params()?)));
    let constants: Vec<_> = constants.collect();
    let expected = case.keys().filter(|role| role.starts_with("q.") && !role.ends_with("_reverse"));
    assert_eq!(constants.len(), expected.count(), "{what}");
    for (value, codes, params) in constants {
        let key = value.name().strip_prefix("net.").expect("a weight of the module");
        let mut rows = 0;
        for key in [key.to_owned(), format!("{key}_reverse")] {
            let Some(expected) = case.get(&format!("q.{key}")) else { continue };
            let own = codes.rows(rows..rows + expected.shape()[0]).expect("the rows of a direction");
            assert!(own == *expected, "{what}: {key}");
            let scale = params.scales().get(rows).unwrap_or(&params.scales()[0]).get();
            assert_eq!(scale, case[&format!("scale.{key}")].as_slice::<f32>().expect("f32")[0], "{what}: {key}");
            rows += expected.shape()[0];
        }
        assert_eq!(rows, codes.shape()[0], "{what}: {key}");
    }
}

/// Compares a module with PyTorch in both forms, those of the results that the case has.
fn assert_agrees(name: &str, forward: &Forward, roles: &[&str]) {
    let case = case(name);
    let float = graph(&case, forward);
    let results = run(&float, &case);
    let named = |form: &str| roles.iter().filter_map(|role| case.get(&format!("{form}.{role}"))).collect::<Vec<_>>();
    assert_eq!(results.len(), named("float").len(), "{name}");
    for (index, (actual, expected)) in results.iter().zip(named("float")).enumerate() {
        assert_near(actual, expected, 1e-5, &format!("{name} {}", roles[index]));
    }
    let torch = quantize_dynamic_with(&float, QConfig::dynamic()).expect("recurrent layers").into_graph();
    assert!(torch.is_quantized(), "{name}");
    let expected = named("dynamic");
    if !expected.is_empty() {
        assert_codes(&torch, &case, name);
        for (index, (actual, expected)) in run(&torch, &case).iter().zip(expected).enumerate() {
            assert_near(actual, expected, 5e-6, &format!("{name} {}, dynamic", roles[index]));
        }
    }
    let kinds = [OpKind::Lstm, OpKind::Gru, OpKind::Rnn];
    let rows = quantize_dynamic(&float, &kinds, DType::I8).expect("recurrent layers").into_graph();
    assert!(rows.is_quantized(), "{name}");
    for (actual, expected) in run(&rows, &case).iter().zip(named("float")) {
        // Two steps of a code of 8 bits, and no less than those of a state between -1 and 1; ReLU has no bound.
        let largest = expected.as_slice::<f32>().expect("f32").iter().fold(1.0_f32, |largest, x| largest.max(x.abs()));
        assert_near(actual, expected, largest * 2.0 / 127.0, &format!("{name}, by rows"));
    }
}

#[test]
fn layers_agree_with_pytorch() {
    for kind in KINDS {
        for form in LAYERS {
            assert_agrees(&format!("{kind}.{form}"), &unrolled(kind, form), &["y", "h_n", "c_n"]);
        }
    }
}

#[test]
fn cells_agree_with_pytorch() {
    for kind in KINDS {
        for form in CELLS {
            assert_agrees(&format!("{kind}_cell.{form}"), &stepped(kind, form), &["h", "c"]);
        }
    }
}

#[test]
fn modules_begin_with_zeros_and_give_the_hidden_states_alone() {
    let forward =
        |module: Box<dyn Module>| -> Forward { Box::new(move |builder, x, _| Ok(vec![module.forward(builder, x)?])) };
    for kind in KINDS {
        let case = case(&format!("{kind}.plain"));
        let module: Box<dyn Module> = match kind {
            "lstm" => Box::new(layers(LSTM::new(FEATURES, HIDDEN), "plain")),
            "gru" => Box::new(layers(GRU::new(FEATURES, HIDDEN), "plain")),
            "rnn" => Box::new(layers(RNN::new(FEATURES, HIDDEN), "plain")),
            _ => Box::new(layers(RNN::new(FEATURES, HIDDEN).relu(), "plain")),
        };
        assert_near(&run(&graph(&case, &forward(module)), &case)[0], &case["float.y"], 1e-5, kind);
    }
    // A cell without a state is the same as one with a state of zeros.
    let case = case("lstm_cell.plain");
    let cell = cell(LSTMCell::new(FEATURES, HIDDEN), "plain");
    let first = |given: bool| -> Forward {
        Box::new(move |builder, x, _| {
            let x = builder.select(x, 0, 0)?;
            if !given {
                return Ok(vec![cell.forward(builder, x)?]);
            }
            let zeros = Tensor::zeros(DType::F32, &[3, HIDDEN])?;
            let zeros = builder.constant("zeros", |_| Ok(zeros))?;
            Ok(vec![cell.step(builder, x, Some([zeros; 2]))?[0]])
        })
    };
    assert_eq!(run(&graph(&case, &first(false)), &case), run(&graph(&case, &first(true)), &case));
}

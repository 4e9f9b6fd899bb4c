//! Recurrent layers and cells built from modules, against PyTorch 2.15: states within `1e-5` in float; dynamically
//! quantized (fbgemm) the same quantized weights and scales, and states within `5e-6`, as for the layers of
//! `recurrent.rs`.

mod recurrent_cases;

use fourfold::nn::{GRU, LSTM, LSTMCell, Module, RNN};
use fourfold::prelude::*;
use fourfold::quantize::quantize_dynamic_with;
use fourfold_testing::{is_close, largest, run};
use recurrent_cases::*;

fn assert_near(actual: &Tensor, expected: &Tensor, tolerance: f32, what: &str) {
    assert_eq!(actual.shape(), expected.shape(), "{what}");
    let [actual, expected] = [actual, expected].map(|y| y.as_slice::<f32>().expect("f32"));
    assert!(is_close(actual, expected, tolerance, 0.0), "{what}: {actual:?}, {expected:?}");
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
    let results = run(&float, &operands(&case));
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
        for (index, (actual, expected)) in run(&torch, &operands(&case)).iter().zip(expected).enumerate() {
            assert_near(actual, expected, 5e-6, &format!("{name} {}, dynamic", roles[index]));
        }
    }
    let kinds = [OpKind::Lstm, OpKind::Gru, OpKind::Rnn];
    let rows = quantize_dynamic(&float, &kinds, DType::I8).expect("recurrent layers").into_graph();
    assert!(rows.is_quantized(), "{name}");
    for (actual, expected) in run(&rows, &operands(&case)).iter().zip(named("float")) {
        // Two steps of 8 bits, and no less than those of a state between -1 and 1; ReLU has no bound.
        let largest = largest(expected.as_slice().expect("f32")).max(1.0);
        assert_near(actual, expected, largest * 2.0 / 127.0, &format!("{name}, by rows"));
    }
}

#[test]
fn layers_and_cells_agree_with_pytorch() {
    let cases = every_case();
    assert_eq!(cases.len(), 20);
    for (name, forward, roles) in cases {
        assert_agrees(&name, &forward, roles);
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
        let outputs = run(&graph(&case, &forward(module)), &operands(&case));
        assert_near(&outputs[0], &case["float.y"], 1e-5, kind);
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
    let [without, with] = [false, true].map(|given| run(&graph(&case, &first(given)), &operands(&case)));
    assert_eq!(without, with);
}

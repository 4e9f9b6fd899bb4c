//! Dynamically quantized recurrent layers. Weights equal those of PyTorch 2.15 (fbgemm), states agree within 5e-6. A
//! model trained on real data agrees with ONNX Runtime.

mod digits;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use digits::{LSTM, array, bytes, run};
use fourfold::graph::{Cell, Direction, Op, Recurrent, Reshape, Slice, Transpose};
use fourfold::onnx;
use fourfold::prelude::*;
use fourfold::quantize::quantize_dynamic_with;
use fourfold::schemes::DynamicScheme;
use fourfold_testing::is_close;

type Tensors = BTreeMap<String, Tensor>;

/// The tensors of PyTorch, by `case/name`.
fn torch() -> Tensors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recurrent.safetensors");
    let bytes = std::fs::read(path).expect("a file of the project");
    safetensors::read(&bytes, &Limits::default()).expect("a valid file")
}

fn floats(tensor: &Tensor) -> &[f32] {
    tensor.as_slice().expect("f32")
}

/// Tensors concatenated along their first axis.
fn joined(parts: &[&Tensor], shape: &[usize]) -> Tensor {
    let elements: Vec<f32> = parts.iter().flat_map(|part| floats(part)).copied().collect();
    Tensor::from_vec(shape, elements).expect("as many")
}

/// The suffixes of the weights of one layer, for each direction.
fn suffixes(layer: usize, ways: usize) -> Vec<String> {
    ["", "_reverse"][..ways].iter().map(|way| format!("l{layer}{way}")).collect()
}

/// The layers of a case, one after another; each gives the states of all steps.
fn model(case: &Tensors, cell: Cell, layers: usize, ways: usize) -> Graph {
    let dims = |tensor: &Tensor| ValueType::f32(&tensor.shape().iter().copied().map(Dim::from).collect::<Vec<_>>());
    let mut builder = GraphBuilder::new("recurrent");
    let mut x = builder.input("x", dims(&case["x"])).expect("an input");
    let (steps, batch, hidden) = (case["x"].shape()[0], case["x"].shape()[1], case["h0"].shape()[2]);
    let direction = if ways == 2 { Direction::Bidirectional } else { Direction::Forward };
    for layer in 0..layers {
        let suffixes = suffixes(layer, ways);
        let part = |name: &str| suffixes.iter().map(|suffix| &case[&format!("{name}_{suffix}")]).collect::<Vec<_>>();
        let rows = ways * cell.gates() * hidden;
        let mut operands = vec![x];
        for name in ["w_ih", "w_hh"] {
            let parts = part(name);
            let weight = joined(&parts, &[rows, parts[0].shape()[1]]);
            operands.push(builder.constant(&format!("{name}{layer}"), weight).expect("a weight"));
        }
        let bias = joined(&[part("b_ih"), part("b_hh")].concat(), &[2, rows]);
        operands.push(builder.constant(&format!("b{layer}"), bias).expect("a bias"));
        let with_cell_state = cell == Cell::Lstm;
        for name in if with_cell_state { &["h0", "c0"][..] } else { &["h0"] } {
            let state = case[*name].rows(layer * ways..(layer + 1) * ways).expect("the states of a layer");
            operands.push(builder.constant(&format!("{name}{layer}"), state).expect("a state"));
        }
        let op = Recurrent { cell, direction, with_cell_state, dynamic: None };
        let states = builder.node(&format!("states{layer}"), Op::Recurrent(op), &operands).expect("a layer");
        builder.output(states);
        let slice = Op::Slice(Slice { axis: 3, start: 0, step: 1, length: Dim::from(hidden) });
        let h = builder.node(&format!("h{layer}"), slice, &[states]).expect("the hidden state");
        let axes = vec![0, 2, 1, 3];
        let turned =
            builder.node(&format!("turned{layer}"), Op::Transpose(Transpose { axes }), &[h]).expect("the batch first");
        let shape = [steps, batch, ways * hidden].map(Dim::from).to_vec();
        x = builder.node(&format!("y{layer}"), Op::Reshape(Reshape { dims: shape }), &[turned]).expect("side by side");
    }
    builder.output(x);
    builder.finish().expect("a valid graph")
}

fn assert_near(actual: &[f32], expected: &[f32], what: &str) {
    assert!(is_close(actual, expected, 5e-6, 0.0), "{what}: {actual:?}, {expected:?}");
}

#[test]
fn layers_of_pytorch_agree() {
    let torch = torch();
    let names: BTreeSet<&str> = torch.keys().filter_map(|name| name.split_once('/')).map(|(case, _)| case).collect();
    assert_eq!(names.len(), 10);
    for name in names {
        let tensors = torch.iter().filter_map(|(key, tensor)| {
            let (case, role) = key.split_once('/')?;
            (case == name).then(|| (role.to_owned(), tensor.clone()))
        });
        let case: Tensors = tensors.collect();
        let cell = if name.starts_with("lstm") { Cell::Lstm } else { Cell::Gru };
        let ways = if case.contains_key("w_ih_l0_reverse") { 2 } else { 1 };
        let layers = if case.contains_key("w_ih_l1") { 2 } else { 1 };
        let float = model(&case, cell, layers, ways);
        let quantized = quantize_dynamic_with(&float, QConfig::dynamic()).expect("recurrent layers");
        let graph = quantized.graph();
        let nodes = graph.nodes().iter().filter(|node| matches!(node.op(), Op::Recurrent(_)));
        for (layer, node) in nodes.enumerate() {
            assert!(matches!(node.op(), Op::Recurrent(op) if op.dynamic == Some(DynamicScheme::TorchPerTensor)));
            for (operand, role) in [(1, "w_ih"), (2, "w_hh")] {
                let weight = graph.value(node.inputs()[operand]);
                let codes = weight.constant().expect("a constant");
                let scales = weight.ty().params().expect("codes").scales();
                let rows = codes.shape()[0] / ways;
                for (way, suffix) in suffixes(layer, ways).into_iter().enumerate() {
                    let part = codes.rows(way * rows..(way + 1) * rows).expect("the rows of a direction");
                    assert!(part == case[&format!("{role}_{suffix}_q")], "{name} {role}_{suffix}");
                    let expected = floats(&case[&format!("{role}_{suffix}_scale")])[0];
                    let scale = if scales.len() == 1 { scales[0] } else { scales[way * rows] };
                    assert_eq!(scale.get(), expected, "{name} {role}_{suffix}");
                }
            }
        }
        let outputs = fourfold_testing::run(graph, std::slice::from_ref(&case["x"]));
        assert_near(floats(&outputs[layers]), floats(&case["y"]), name);
        let (steps, hidden) = (case["x"].shape()[0], case["h0"].shape()[2]);
        for (layer, states) in outputs[..layers].iter().enumerate() {
            let (batch, width) = (states.shape()[2], states.shape()[3]);
            // The last step of each direction.
            let row = |way: usize, row: usize, first: usize| {
                let step = if way == 0 { steps - 1 } else { 0 };
                floats(states)[((step * ways + way) * batch + row) * width + first..][..hidden].to_vec()
            };
            for (role, first) in [("h_n", 0), ("c_n", hidden)].into_iter().take(width / hidden) {
                let last = (0..ways).flat_map(|way| (0..batch).flat_map(move |index| row(way, index, first)));
                let last: Vec<f32> = last.collect();
                let expected = case[role].rows(layer * ways..(layer + 1) * ways).expect("the states of a layer");
                assert_near(&last, floats(&expected), &format!("{name} {role}"));
            }
        }
    }
}

#[test]
fn digits_lstm_quantized_by_onnx_runtime_agrees() {
    let file = bytes("tests/data/digits_lstm_dynamic.onnx");
    let graph = onnx::import(&file, &Limits::default()).expect("a supported model");
    let is_dynamic =
        |op: &Op| matches!(op, Op::Recurrent(Recurrent { dynamic: Some(DynamicScheme::OnnxPerTensor), .. }));
    assert!(graph.nodes().iter().any(|node| is_dynamic(node.op())));
    let (images, expected) = (LSTM.images("test"), array("tests/data/digits_lstm_dynamic_expected_b1.npy"));
    let mut errors = Vec::new();
    for index in 0..images.shape()[0] {
        let alone = run(&graph, &images.rows(index..index + 1).expect("an image"), None);
        let expected = expected.rows(index..index + 1).expect("a row");
        let pairs = floats(&alone).iter().zip(floats(&expected));
        errors.push(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max));
    }
    // A hidden state in the middle between two quantized values may become the other one: a step of 1/255 of its range.
    errors.sort_by(f32::total_cmp);
    assert!(errors[495] <= 2e-6 && errors[499] <= 0.02, "{:?}", &errors[490..]);
}

//! Loading: names, shapes, and everything that does not fit.

use std::collections::BTreeSet;

use fourfold_graph::{Dim, Graph, OpKind, ValueId, ValueType};
use fourfold_tensor::{DType, Tensor};
use proptest::prelude::*;

use crate::*;

/// What an empty state dict lacks: the keys of a module and their shapes.
fn keys(module: &impl Module, input: ValueType) -> Vec<(String, Vec<usize>)> {
    match build("net", module, input, StateDict::default()) {
        Err(Error::StateDict(mismatch)) => {
            assert!(mismatch.unexpected.is_empty() && mismatch.misshaped.is_empty());
            mismatch.missing.into_iter().map(|missing| (missing.key, missing.expected)).collect()
        }
        Ok(_) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

/// A state dict that fits, of zeros.
fn zeros(module: &impl Module, input: ValueType) -> StateDict {
    let tensors = keys(module, input).into_iter();
    tensors.map(|(key, shape)| (key, Tensor::zeros(DType::F32, &shape).expect("small"))).collect()
}

fn loaded(module: &impl Module, input: ValueType) -> Graph {
    build("net", module, input.clone(), zeros(module, input)).expect("a state dict of its own keys")
}

fn input(dims: &[usize]) -> ValueType {
    let fixed = dims.iter().map(|&size| Dim::from(size));
    ValueType::f32(&[Dim::symbol("batch")].into_iter().chain(fixed).collect::<Vec<_>>())
}

/// The shape of the result, the batch being symbolic.
fn shown(graph: &Graph) -> String {
    graph.value(graph.outputs()[0]).ty().to_string()
}

#[test]
fn keys_and_shapes_are_those_of_pytorch() {
    let table: Vec<(Box<dyn Module>, ValueType, &str)> = vec![
        (Box::new(Linear::new(4, 3)), input(&[4]), "weight[3, 4]; bias[3]"),
        (Box::new(Linear::new(4, 3).bias(false)), input(&[4]), "weight[3, 4]"),
        (Box::new(Conv1d::new(4, 6, 3).groups(2)), input(&[4, 9]), "weight[6, 2, 3]; bias[6]"),
        (Box::new(Conv2d::new(4, 6, [3, 1]).bias(false)), input(&[4, 9, 9]), "weight[6, 4, 3, 1]"),
        (Box::new(Conv3d::new(1, 2, 2)), input(&[1, 4, 4, 4]), "weight[2, 1, 2, 2, 2]; bias[2]"),
        (Box::new(ConvTranspose2d::new(4, 6, 3).groups(2)), input(&[4, 9, 9]), "weight[4, 3, 3, 3]; bias[6]"),
        (Box::new(BatchNorm2d::new(5)), input(&[5, 2, 2]), "weight[5]; bias[5]; running_mean[5]; running_var[5]"),
        (Box::new(BatchNorm2d::new(5).affine(false)), input(&[5, 2, 2]), "running_mean[5]; running_var[5]"),
        (Box::new(LayerNorm::over(&[2, 3])), input(&[2, 3]), "weight[2, 3]; bias[2, 3]"),
        (Box::new(LayerNorm::new(3).bias(false)), input(&[2, 3]), "weight[3]"),
        (Box::new(LayerNorm::new(3).elementwise_affine(false)), input(&[2, 3]), ""),
        (Box::new(GroupNorm::new(2, 4)), input(&[4, 3]), "weight[4]; bias[4]"),
        (
            Box::new(LSTM::new(3, 5)),
            input(&[2, 3]),
            "weight_ih_l0[20, 3]; weight_hh_l0[20, 5]; bias_ih_l0[20]; bias_hh_l0[20]",
        ),
        (Box::new(RNN::new(3, 5).bias(false).relu()), input(&[2, 3]), "weight_ih_l0[5, 3]; weight_hh_l0[5, 5]"),
        (
            Box::new(GRU::new(3, 5).num_layers(2).bidirectional(true).bias(false)),
            input(&[2, 3]),
            "weight_ih_l0[15, 3]; weight_ih_l0_reverse[15, 3]; weight_hh_l0[15, 5]; weight_hh_l0_reverse[15, 5]; \
             weight_ih_l1[15, 10]; weight_ih_l1_reverse[15, 10]; weight_hh_l1[15, 5]; weight_hh_l1_reverse[15, 5]",
        ),
        (Box::new(LSTMCell::new(3, 5)), input(&[3]), "weight_ih[20, 3]; weight_hh[20, 5]; bias_ih[20]; bias_hh[20]"),
        (Box::new(GRUCell::new(3, 5).bias(false)), input(&[3]), "weight_ih[15, 3]; weight_hh[15, 5]"),
        (Box::new(RNNCell::new(3, 5).relu()), input(&[3]), "weight_ih[5, 3]; weight_hh[5, 5]; bias_ih[5]; bias_hh[5]"),
        (
            Box::new(MultiheadAttention::new(6, 2)),
            input(&[2, 6]),
            "in_proj_weight[18, 6]; in_proj_bias[18]; out_proj.weight[6, 6]; out_proj.bias[6]",
        ),
        (
            Box::new(TransformerEncoderLayer::new(4, 2).dim_feedforward(8)),
            input(&[2, 4]),
            "self_attn.in_proj_weight[12, 4]; self_attn.in_proj_bias[12]; self_attn.out_proj.weight[4, 4]; \
             self_attn.out_proj.bias[4]; norm1.weight[4]; norm1.bias[4]; linear1.weight[8, 4]; linear1.bias[8]; \
             linear2.weight[4, 8]; linear2.bias[4]; norm2.weight[4]; norm2.bias[4]",
        ),
    ];
    for (module, input, expected) in table {
        let found = keys(&module, input);
        let found: Vec<String> = found.iter().map(|(key, shape)| format!("{key}{shape:?}")).collect();
        let expected: BTreeSet<&str> = expected.split("; ").filter(|key| !key.is_empty()).collect();
        assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    }
}

#[test]
fn results_have_the_shapes_of_pytorch() {
    let table: Vec<(Box<dyn Module>, ValueType, &str)> = vec![
        (Box::new(MaxPool2d::new(3).stride(2).padding(1)), input(&[4, 8, 8]), "f32[batch, 4, 4, 4]"),
        (Box::new(AvgPool2d::new(2)), input(&[4, 9, 8]), "f32[batch, 4, 4, 4]"),
        (Box::new(AdaptiveAvgPool2d::new([1, 2])), input(&[4, 8, 8]), "f32[batch, 4, 1, 2]"),
        (Box::new(AdaptiveAvgPool2d::new(1)), input(&[4, 8, 8]), "f32[batch, 4, 1, 1]"),
        (
            Box::new(ConvTranspose2d::new(4, 6, 3).stride(2).padding(1).output_padding(1)),
            input(&[4, 8, 8]),
            "f32[batch, 6, 16, 16]",
        ),
        (Box::new(LSTM::new(3, 5).bidirectional(true).num_layers(2)), input(&[2, 3]), "f32[batch, 2, 10]"),
        (Box::new(LSTM::new(3, 5).batch_first(true)), input(&[2, 3]), "f32[batch, 2, 5]"),
        (Box::new(GRU::new(3, 5).batch_first(true).bidirectional(true)), input(&[2, 3]), "f32[batch, 2, 10]"),
        (Box::new(LSTMCell::new(3, 5)), input(&[3]), "f32[batch, 5]"),
        (Box::new(MultiheadAttention::new(6, 3)), input(&[2, 6]), "f32[batch, 2, 6]"),
        (Box::new(MultiheadAttention::new(6, 3).batch_first(true)), input(&[2, 6]), "f32[batch, 2, 6]"),
        (Box::new(Sequential::new().push(Flatten).push(Dropout).push(ReLU)), input(&[4, 8]), "f32[batch, 32]"),
        (Box::new(Softmax(-1)), input(&[4, 8]), "f32[batch, 4, 8]"),
    ];
    for (module, input, expected) in table {
        let graph = loaded(&module, input);
        assert_eq!(shown(&graph), expected, "{graph}");
    }
}

#[test]
fn state_dicts_of_other_real_numbers_are_those_in_f32() {
    let net = Sequential::new().push(Linear::new(2, 3));
    let state = |dtype| {
        let weight = Tensor::from_vec(&[3, 2], vec![0.5_f32, -1.0, 0.25, 96.0, 2.0_f32.powi(-14), 0.0]).expect("six");
        let bias = Tensor::from_vec(&[3], vec![1.5_f32, -0.75, 3.0]).expect("three");
        let tensors = [("0.weight", weight), ("0.bias", bias)];
        StateDict::from_iter(tensors.map(|(key, tensor)| (key, tensor.to_float(dtype).expect("floats"))))
    };
    let expected = build("net", &net, input(&[1, 2]), state(DType::F32)).expect("complete");
    for dtype in [DType::F16, DType::BF16, DType::F64] {
        assert_eq!(build("net", &net, input(&[1, 2]), state(dtype)).as_ref(), Ok(&expected), "{dtype}");
    }
    let rounded = StateDict::from_iter([
        ("0.weight", Tensor::from_vec(&[1, 1], vec![0.1_f64]).expect("one")),
        ("0.bias", Tensor::from_vec(&[1], vec![0_i32]).expect("one")),
    ]);
    let error = build("net", &Sequential::new().push(Linear::new(1, 1)), input(&[1, 1]), rounded).expect_err("a type");
    assert_eq!(
        error.to_string(),
        "the state dict does not fit the modules\n  mis-shaped: `0.bias` is i32[1], expected f32[1]"
    );
}

#[test]
fn everything_that_does_not_fit_is_listed_at_once() {
    let net =
        Sequential::new().push(Conv2d::new(1, 2, 3)).push(BatchNorm2d::new(2)).push(Flatten).push(Linear::new(8, 3));
    let tensor = |shape: &[usize]| Tensor::zeros(DType::F32, shape).expect("small");
    let state = StateDict::from_iter([
        ("0.weight", tensor(&[2, 3, 3, 3])),
        ("0.bias", tensor(&[2])),
        ("1.weight", tensor(&[2])),
        ("1.running_mean", tensor(&[2])),
        ("1.running_var", Tensor::zeros(DType::I64, &[2]).expect("small")),
        ("1.num_batches_tracked", Tensor::zeros(DType::I64, &[]).expect("small")),
        ("3.weight", tensor(&[3, 8])),
        ("3.bias", tensor(&[1, 3])),
        ("4\n.bias", tensor(&[])),
        ("optimizer", tensor(&[7])),
    ]);
    let error = build("net", &net, input(&[1, 4, 4]), state).expect_err("much is wrong");
    let expected = "the state dict does not fit the modules
  missing: `1.bias`, expected f32[2]
  unexpected: `4\\n.bias`
  unexpected: `optimizer`
  mis-shaped: `0.weight` is f32[2, 3, 3, 3], expected f32[2, 1, 3, 3]
  mis-shaped: `1.running_var` is i64[2], expected f32[2]
  mis-shaped: `3.bias` is f32[1, 3], expected f32[3]";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn nodes_and_constants_are_named_by_paths() {
    let block = Residual::new("conv", Sequential::new().push(Conv2d::new(2, 2, 1)).push(ReLU))
        .shortcut("downsample", Conv2d::new(2, 2, 1));
    let graph = loaded(&Sequential::new().push_named("features", Sequential::new().push(block)), input(&[2, 3, 3]));
    let nodes: Vec<&str> = graph.nodes().iter().map(|node| node.name()).collect();
    assert_eq!(nodes, ["features.0.conv.0", "features.0.conv.1", "features.0.downsample", "features.0.add"]);
    let constants = graph.values().iter().filter(|value| value.constant().is_some());
    let constants: Vec<&str> = constants.map(|value| value.name()).collect();
    let expected = ["conv.0.weight", "conv.0.bias", "downsample.weight", "downsample.bias"];
    assert_eq!(constants, expected.map(|key| format!("features.0.{key}")));
    assert_eq!(loaded(&ReLU, input(&[2])).nodes()[0].name(), OpKind::Relu.to_string());
}

#[test]
fn a_module_applied_twice_has_its_weights_once() {
    struct Twice;
    impl Module for Twice {
        fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
            let attention = MultiheadAttention::new(4, 2);
            let x = builder.apply("shared", &attention, x)?;
            builder.apply("shared", &attention, x)
        }
    }
    let graph = loaded(&Twice, input(&[3, 4]));
    let once = loaded(&MultiheadAttention::new(4, 2), input(&[3, 4]));
    let constants = |graph: &Graph| graph.values().iter().filter(|value| value.constant().is_some()).count();
    assert_eq!((graph.nodes().len(), constants(&graph)), (2 * once.nodes().len(), constants(&once)));
    assert_eq!(keys(&Twice, input(&[3, 4])).len(), 4);
}

#[test]
fn arguments_that_do_not_fit_are_errors_with_the_module() {
    let table: Vec<(Box<dyn Module>, ValueType, &str)> = vec![
        (Box::new(Conv2d::new(3, 4, 3).groups(2)), input(&[3, 8, 8]), "module `a`: 2 groups do not divide"),
        (Box::new(Conv2d::new(3, 4, 3).groups(0)), input(&[3, 8, 8]), "module `a`: 0 groups do not divide"),
        (Box::new(MultiheadAttention::new(6, 4)), input(&[2, 6]), "module `a`: 4 heads do not divide 6"),
        (Box::new(MultiheadAttention::new(6, 0)), input(&[2, 6]), "module `a`: 0 heads do not divide 6"),
        (Box::new(MultiheadAttention::new(6, 2)), input(&[6]), "module `a.q`: [batch, 6] is not"),
        (Box::new(AdaptiveAvgPool2d::new(3)), input(&[4, 8, 8]), "module `a`: [batch, 4, 8, 8] cannot be divided"),
        (Box::new(AdaptiveAvgPool2d::new(0)), input(&[4, 8, 8]), "module `a`: [batch, 4, 8, 8] cannot be divided"),
        (Box::new(LSTM::new(3, 4).num_layers(0)), input(&[2, 3]), "module `a`: 0 layers"),
        (Box::new(LSTM::new(3, usize::MAX / 2)), input(&[2, 3]), "module `a`: a hidden size of"),
        (Box::new(LSTM::new(3, 4)), input(&[3]), "module `a`: 1 layers on [batch, 3]"),
        (Box::new(GRUCell::new(3, usize::MAX / 2)), input(&[3]), "module `a`: a hidden size of"),
        (Box::new(GRUCell::new(3, 4)), input(&[2, 3]), "module `a`: a cell on [batch, 2, 3]; needs [batch, in]"),
        (Box::new(GRUCell::new(2, 4)), input(&[3]), "node `a`"),
        (Box::new(Softmax(-4)), input(&[2, 3]), "module `a`: axis -4 of an operand with 3 axes"),
        (Box::new(LayerNorm::over(&[1, 2, 3])), input(&[3]), "module `a`: 3 axes to normalize over"),
        (Box::new(Linear::new(4, 3)), input(&[5]), "node `a`"),
    ];
    for (module, input, expected) in table {
        let error =
            build("net", &Sequential::new().push_named("a", module), input, StateDict::default()).expect_err(expected);
        assert!(error.to_string().starts_with(expected), "{error}, expected {expected}");
    }
}

#[test]
fn states_that_do_not_fit_are_errors_with_the_module() {
    let error = |dims: &[usize], forward: &dyn Fn(&mut Builder, ValueId, ValueId) -> Result<(), Error>| {
        let mut builder = Builder::new("net", StateDict::default());
        let x = builder.input("x", ValueType::f32(&[7.into(), 2.into(), 3.into()])).expect("an input");
        let dims: Vec<Dim> = dims.iter().copied().map(Dim::from).collect();
        let state = builder.input("state", ValueType::f32(&dims)).expect("an input");
        builder.within("a", |builder| forward(builder, x, state)).expect_err("a state that does not fit").to_string()
    };
    let lstm = LSTM::new(3, 5).num_layers(2).bidirectional(true);
    let layers = |builder: &mut Builder, x, state| lstm.unroll(builder, x, Some([state; 2])).map(|_| ());
    let expected = "module `a`: an initial state of shape [2, 2, 5]; needs [4, batch, 5]";
    assert_eq!(error(&[2, 2, 5], &layers), expected);
    assert!(error(&[2, 5], &layers).starts_with("module `a`: an initial state of shape [2, 5]"));
    let found = error(&[4, 3, 5], &layers);
    assert!(found.contains("`a.l0`") && found.contains("initial state has shape [2, 3, 5]"), "{found}");
    let cell = GRUCell::new(3, 5);
    let step = |builder: &mut Builder, x, state| {
        let x = builder.select(x, 0, 0)?;
        cell.step(builder, x, Some(state)).map(|_| ())
    };
    assert_eq!(error(&[1, 2, 5], &step), "module `a`: a cell on [1, 2, 5]; needs [batch, hidden]");
    assert!(error(&[2, 6], &step).contains("initial state has shape [1, 2, 6]"));
}

proptest! {
    /// One key renamed is one missing and one unexpected, whatever the network.
    #[test]
    fn a_renamed_key_is_missing_and_unexpected(
        widths in prop::collection::vec(1_usize..6, 2..6),
        choice: prop::sample::Index,
    ) {
        let layers = widths.windows(2).fold(Sequential::new(), |net, pair| net.push(Linear::new(pair[0], pair[1])));
        let all = keys(&layers, input(&widths[..1]));
        let (key, shape) = choice.get(&all).clone();
        let renamed = format!("{key}.old");
        let tensors = all.iter().map(|(name, shape)| {
            let name = if *name == key { &renamed } else { name };
            (name.clone(), Tensor::zeros(DType::F32, shape).expect("small"))
        });
        let found = build("net", &layers, input(&widths[..1]), tensors.collect());
        let missing = vec![Missing { key, expected: shape }];
        let mismatch = Mismatch { missing, unexpected: vec![renamed], misshaped: Vec::new() };
        prop_assert_eq!(found, Err(Error::StateDict(mismatch)));
    }
}

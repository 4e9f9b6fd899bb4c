//! Quantized graphs, written to ONNX and read again, are the same graphs and give the same bits.

mod digits;

use digits::{ATTN, CNN, MLP, MOBILE, run};
use fourfold::graph::{Activation, Add, Clip, Node, Op, Softmax, Transpose, ValueId};
use fourfold::onnx;
use fourfold::prelude::*;
use fourfold_testing::noise;
use proptest::prelude::*;

/// A graph after the way to ONNX and back.
fn again(graph: &Graph) -> Graph {
    onnx::import(&onnx::export(graph).expect("a QDQ form"), &Limits::default()).expect("a supported model")
}

/// The same, written as quantized operators.
fn again_on_codes(graph: &Graph) -> Graph {
    let bytes = onnx::export_as(graph, onnx::Form::QOperator).expect("QOperator form");
    onnx::import(&bytes, &Limits::default()).expect("a supported model")
}

/// Every node as operator, names, parameters and constants, sorted: a file may hold them in another order.
fn meaning(graph: &Graph) -> Vec<String> {
    let value = |id: &ValueId| {
        let value = graph.value(*id);
        // One scale for a single channel is one for all.
        let params = value.ty().params().map(|params| {
            let shared = (params.scales().len() > 1).then(|| params.granularity().clone());
            (params.dtype(), shared, params.scales()[0], params.zero_points()[0])
        });
        match value.constant() {
            Some(constant) => format!("{} {params:?} {:?}", value.name(), constant.to_le_bytes()),
            None => format!("{} {params:?}", value.name()),
        }
    };
    let node = |node: &Node| {
        let inputs: Vec<String> = node.inputs().iter().map(value).collect();
        format!("{} {:?} {inputs:?} -> {}", node.name(), node.op(), value(&node.output()))
    };
    let mut all: Vec<String> = graph.nodes().iter().map(node).collect();
    all.sort();
    all
}

#[test]
fn digits_models_come_back() {
    for digits in [CNN, MLP, MOBILE] {
        let graph = digits.statically(QConfig::fourfold());
        let back = again(&graph);
        assert_eq!(meaning(&back), meaning(&graph), "{}", digits.name);
        let images = digits.images("test");
        assert!(run(&back, &images, None) == run(&graph, &images, None), "{}", digits.name);
        // A range of 0 to 127 is a clamp in the file.
        let graph = digits.statically(QConfig::fbgemm());
        assert!(run(&again(&graph), &images, None) == run(&graph, &images, None), "{}", digits.name);
    }
}

#[test]
fn operators_on_codes_give_the_same_bits() {
    for digits in [CNN, MLP, MOBILE, ATTN] {
        let images = digits.images("test");
        for qconfig in [QConfig::fourfold(), QConfig::fbgemm(), QConfig::qnnpack()] {
            let graph = digits.statically(qconfig);
            assert!(run(&again_on_codes(&graph), &images, None) == run(&graph, &images, None), "{}", digits.name);
        }
    }
}

/// What follows in a random model.
#[derive(Clone, Copy, Debug)]
enum Step {
    Conv { channels: usize, kernel: usize },
    Depthwise,
    Relu,
    Clip { max: f32 },
    MaxPool,
    AveragePool,
    Add,
    Transpose,
    Softmax,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1_usize..5, 1_usize..4).prop_map(|(channels, kernel)| Step::Conv { channels, kernel }),
        Just(Step::Depthwise),
        Just(Step::Relu),
        (0.1_f32..4.0).prop_map(|max| Step::Clip { max }),
        Just(Step::MaxPool),
        Just(Step::AveragePool),
        Just(Step::Add),
        Just(Step::Transpose),
        Just(Step::Softmax),
    ]
}

/// Floats in `-1..1`, others with every call.
fn numbers(shape: &[usize], seed: &mut u32) -> Tensor {
    *seed = seed.wrapping_add(1);
    noise(shape, *seed)
}

/// A float model of an input `[n, 2, 6, 6]`.
fn random(steps: &[Step], linear: bool, mut seed: u32) -> Graph {
    let mut builder = GraphBuilder::new("random");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 2.into(), 6.into(), 6.into()])).expect("valid");
    let (mut last, mut before) = (x, None);
    for (index, step) in steps.iter().enumerate() {
        let name = format!("{index}");
        let channels = builder.value(last).ty().dims()[1].fixed().expect("known");
        let window = Window::new(&[3, 3]).with_padding(1);
        let dims = |builder: &GraphBuilder, id| builder.value(id).ty().dims().to_vec();
        let next = match *step {
            Step::Conv { channels: out, kernel } => {
                let (weight, bias) = (numbers(&[out, channels, kernel, kernel], &mut seed), numbers(&[out], &mut seed));
                let window = Window::new(&[kernel, kernel]).with_padding(kernel / 2);
                builder.conv(&name, last, window, 1, weight, (index % 2 == 0).then_some(bias))
            }
            Step::Depthwise => {
                let weight = numbers(&[channels, 1, 3, 3], &mut seed);
                builder.conv(&name, last, window, channels, weight, None)
            }
            Step::Relu => builder.relu(&name, last),
            Step::Clip { max } => builder.node(&name, Op::Clip(Clip { min: -0.25, max }), &[last]),
            Step::MaxPool => builder.node(&name, Op::MaxPool(window), &[last]),
            Step::AveragePool => {
                let pool = fourfold::graph::AveragePool { window, count_include_pad: index % 2 == 0 };
                builder.node(&name, Op::AveragePool(pool), &[last])
            }
            Step::Add => {
                let other = before.filter(|&id| dims(&builder, id) == dims(&builder, last)).unwrap_or(last);
                builder.node(&name, Op::Add(Add { activation: Activation::None }), &[last, other])
            }
            Step::Transpose => builder.node(&name, Op::Transpose(Transpose { axes: vec![0, 1, 3, 2] }), &[last]),
            Step::Softmax => builder.node(&name, Op::Softmax(Softmax { axis: 3 }), &[last]),
        };
        (before, last) = (Some(last), next.expect("a valid node"));
    }
    if linear {
        let width = builder.value(last).ty().dims()[3].fixed().expect("known");
        let weight = numbers(&[5, width], &mut seed);
        last = builder.linear("fc", last, weight, Some(numbers(&[5], &mut seed))).expect("valid");
        last = builder.relu("last", last).expect("valid");
    }
    builder.output(last);
    builder.finish().expect("a valid graph")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn random_models_come_back(
        steps in proptest::collection::vec(step(), 1..7),
        linear: bool,
        reduced: bool,
        mut seed: u32,
    ) {
        let float = fuse(&random(&steps, linear, seed)).expect("a float model");
        let qconfig = if reduced { QConfig::fbgemm() } else { QConfig::fourfold() };
        let mut calibration = prepare(&float, qconfig).expect("a float model");
        calibration.observe(&[numbers(&[4, 2, 6, 6], &mut seed)]).expect("finite");
        let graph = calibration.convert().expect("calibrated").into_graph();
        let back = again(&graph);
        // A clamp of floats is an operator of its own in the file, and stays one.
        let is_whole = |node: &Node| {
            node.op().activation() == Activation::None || graph.value(node.output()).ty().params().is_some()
        };
        if !reduced && graph.nodes().iter().all(is_whole) {
            prop_assert_eq!(meaning(&back), meaning(&graph));
        }
        let x = numbers(&[3, 2, 6, 6], &mut seed);
        let expected = run(&graph, &x, None);
        prop_assert!(run(&back, &x, None) == expected);
        prop_assert!(run(&again_on_codes(&graph), &x, None) == expected);
    }
}

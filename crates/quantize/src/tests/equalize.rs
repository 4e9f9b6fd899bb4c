//! Equalization keeps the function and evens the ranges.

use fourfold_graph::{
    Activation, AveragePool, BatchNorm, Clip, Conv, Flatten, Graph, GraphBuilder, NewNode, Op, ValueId, Window,
};
use fourfold_tensor::Tensor;
use fourfold_testing::{assert_close, largest, noise};
use proptest::prelude::*;

use super::{images, run_floats};
use crate::weighted::Weighted;
use crate::{ChannelStatistics, Error, QConfig, equalize, equalize_with_statistics, fuse, prepare};

/// Noise in which each output channel is multiplied by its factor.
fn uneven(shape: &[usize], seed: u32, factors: &[f32]) -> Tensor {
    let mut weight = noise(shape, seed);
    let row = weight.len() / shape[0];
    for (channel, row) in weight.as_mut_slice::<f32>().expect("f32").chunks_exact_mut(row).enumerate() {
        row.iter_mut().for_each(|w| *w *= factors[channel % factors.len()]);
    }
    weight
}

/// A layer with its activation fused.
fn conv(builder: &mut GraphBuilder, name: &str, x: ValueId, groups: usize, weight: Tensor, top: Activation) -> ValueId {
    let channels = weight.shape()[0];
    let size = weight.shape()[2];
    let inputs = [
        x,
        builder.constant(&format!("{name}.weight"), weight).expect("valid"),
        builder.constant(&format!("{name}.bias"), noise(&[channels], 50)).expect("valid"),
    ];
    let window = Window::new(&[size, size]).with_padding(size / 2);
    builder.node(name, Op::Conv(Conv { window, groups, activation: top, dynamic: None }), &inputs).expect("valid")
}

/// Pointwise, depthwise and pointwise again, pooling, Flatten over two positions, linear.
pub(super) fn mobile(factors: &[f32], top: Activation) -> Graph {
    let mut builder = GraphBuilder::new("mobile");
    let x = images(&mut builder);
    let wide = conv(&mut builder, "expand", x, 1, uneven(&[6, 2, 1, 1], 1, factors), top);
    let depth = conv(&mut builder, "depthwise", wide, 6, uneven(&[6, 1, 3, 3], 2, factors), top);
    let thin = conv(&mut builder, "project", depth, 1, uneven(&[4, 6, 1, 1], 3, factors), Activation::None);
    let pool = builder.node("max", Op::MaxPool(Window::new(&[3, 3]).with_stride(3)), &[thin]).expect("valid");
    let window = Window::new(&[1, 2]);
    let pool = builder.node("mean", Op::AveragePool(AveragePool { window, count_include_pad: false }), &[pool]);
    let flat = builder.node("flat", Op::Flatten(Flatten { axis: 1 }), &[pool.expect("valid")]).expect("valid");
    let y = builder.linear("fc", flat, noise(&[3, 8], 5), Some(noise(&[3], 6))).expect("valid");
    builder.output(y);
    builder.finish().expect("a valid graph")
}

/// The largest magnitudes of a node's output channels, and of its input channels.
fn ranges(graph: &Graph, name: &str) -> [Vec<f64>; 2] {
    let node = graph.nodes().iter().find(|node| node.name() == name).expect("a node");
    let layer = Weighted::new(graph, node).expect("finite");
    [layer.ranges_of_outputs(|_| 1.0), layer.ranges_of_inputs(|_| 1.0)]
}

#[test]
fn ranges_are_alike_on_both_sides_of_every_pair() {
    let graph = mobile(&[1.0, 1e-3, 300.0, 0.02], Activation::Relu);
    let equalized = equalize(&graph).expect("float");
    let near =
        |a: &[f64], b: &[f64]| a.iter().zip(b).for_each(|(a, b)| assert!((a / b - 1.0).abs() < 0.01, "{a}, {b}"));
    for [first, second] in [["expand", "depthwise"], ["depthwise", "project"]] {
        near(&ranges(&equalized, first)[0], &ranges(&equalized, second)[1]);
    }
    let of_fc: Vec<f64> = ranges(&equalized, "fc")[1].chunks(2).map(|two| two[0].max(two[1])).collect();
    near(&ranges(&equalized, "project")[0], &of_fc);
    // The unevenness is spread over three layers, so its cube root comes off the depthwise one.
    let spread = |graph: &Graph| {
        let ranges = &ranges(graph, "depthwise")[0];
        ranges.iter().copied().fold(0.0, f64::max) / ranges.iter().copied().fold(f64::INFINITY, f64::min)
    };
    assert!(spread(&equalized) < spread(&graph) / 10.0, "{} of {}", spread(&equalized), spread(&graph));
}

#[test]
fn equalizing_twice_changes_next_to_nothing() {
    let once = equalize(&mobile(&[1.0, 1e-3, 300.0, 0.02], Activation::Relu)).expect("float");
    let twice = equalize(&once).expect("float");
    for name in ["expand", "depthwise", "project", "fc"] {
        for (once, twice) in ranges(&once, name)[0].iter().zip(&ranges(&twice, name)[0]) {
            assert!((once / twice - 1.0).abs() < 0.02, "{name}: {once}, {twice}");
        }
    }
}

#[test]
fn layers_that_others_read_keep_their_weights() {
    let network = fuse(&super::network()).expect("float");
    let equalized = equalize(&network).expect("float");
    // relu1 is read twice and conv2 ends in the sum; only the sum, which is no layer, stands before fc.
    assert_eq!(equalized, network);
    let clamped = mobile(&[1.0, 0.01], Activation::Clamp { min: 0.0, max: 6.0 });
    let equalized = equalize(&clamped).expect("float");
    assert_eq!(ranges(&equalized, "expand"), ranges(&clamped, "expand"), "a clamp has one bound for all channels");
    assert_ne!(ranges(&equalized, "project"), ranges(&clamped, "project"), "no clamp stands before the linear layer");
    let quantized = {
        let mut calibration = prepare(&network, QConfig::fourfold()).expect("float");
        calibration.observe(&[noise(&[1, 2, 6, 6], 1)]).expect("a batch");
        calibration.convert().expect("calibrated").into_graph()
    };
    assert_eq!(equalize(&quantized), Err(Error::AlreadyQuantized));
}

/// A layer with batch normalization and ReLU6, then another layer.
fn normalized(scale: [f32; 4], bias: [f32; 4]) -> Graph {
    let mut builder = GraphBuilder::new("normalized");
    let x = images(&mut builder);
    let y = super::conv(&mut builder, "first", x, 1);
    let mut inputs = vec![y];
    for (name, values) in [("scale", scale), ("bias", bias), ("mean", [0.1; 4]), ("variance", [1.5; 4])] {
        let constant = Tensor::from_vec(&[4], values.to_vec()).expect("four");
        inputs.push(builder.constant(name, constant).expect("valid"));
    }
    let y = builder.node("bn", Op::BatchNorm(BatchNorm { epsilon: 1e-5 }), &inputs).expect("valid");
    let y = builder.node("relu6", Op::Clip(Clip { min: 0.0, max: 6.0 }), &[y]).expect("valid");
    let y = super::conv(&mut builder, "second", y, 3);
    builder.output(y);
    builder.finish().expect("valid")
}

#[test]
fn channels_below_a_clamp_are_scaled_and_the_others_are_not() {
    let graph = normalized([1e-3, 5.0, 0.1, 0.02], [0.01, 2.0, 7.0, 0.3]);
    let fused = fuse(&graph).expect("float");
    let statistics = ChannelStatistics::of_batch_norms(&graph).expect("float");
    let (equalized, divided) = equalize_with_statistics(&fused, &statistics).expect("float");
    let (before, after) = (ranges(&fused, "first"), ranges(&equalized, "first"));
    let moved: Vec<bool> = before[0].iter().zip(&after[0]).map(|(before, after)| before != after).collect();
    assert_eq!(moved, [true, false, false, true]);
    for channel in 0..4 {
        let scale = before[0][channel] / after[0][channel];
        let (old, new) =
            (statistics.get("first").expect("known")[channel], divided.get("first").expect("known")[channel]);
        assert!((old.mean / new.mean / scale - 1.0).abs() < 1e-5, "{old:?}, {new:?}, {scale}");
        assert!(!moved[channel] || new.mean + 6.0 * new.variance.sqrt() <= 6.001);
    }
    let x = noise(&[4, 2, 6, 6], 3);
    let expected = run_floats(&fused, &x);
    assert_close(&run_floats(&equalized, &x), &expected, 1e-5 * largest(&expected));
}

proptest! {
    /// The function stays, however uneven the weights are.
    #[test]
    fn relu_networks_compute_the_same(powers in prop::collection::vec(-12_i8..12, 4), seed in any::<u32>()) {
        let factors: Vec<f32> = powers.iter().map(|&power| f32::from(power).exp2()).collect();
        let graph = mobile(&factors, Activation::Relu);
        let equalized = equalize(&graph).expect("float");
        let x = noise(&[2, 2, 6, 6], seed);
        let expected = run_floats(&graph, &x);
        assert_close(&run_floats(&equalized, &x), &expected, 2e-5 * largest(&expected));
    }

    /// Zeros, huge and subnormal weights make nothing that is infinite, NaN or newly subnormal.
    #[test]
    fn hostile_weights_stay_finite(
        factors in prop::collection::vec(
            prop::sample::select(vec![0.0, -0.0, 1e-45, 1e-40, 1e-38, 1e-30, 1e-19, 1.0, 1e19, 1e30, 3e38]),
            6,
        ),
        top in prop::sample::select(vec![Activation::Relu, Activation::None]),
    ) {
        let graph = mobile(&factors, top);
        let equalized = equalize(&graph).expect("finite weights");
        for (node, old) in equalized.nodes().iter().zip(graph.nodes()).filter(|(node, _)| node.inputs().len() > 2) {
            for (operand, old) in node.inputs()[1..].iter().zip(&old.inputs()[1..]) {
                let elements = |graph: &Graph, id: ValueId| -> Vec<f32> {
                    graph.value(id).constant().expect("a constant").as_slice::<f32>().expect("f32").to_vec()
                };
                for (new, old) in elements(&equalized, *operand).into_iter().zip(elements(&graph, *old)) {
                    prop_assert!(new.is_finite() && (!new.is_subnormal() || new == old), "{old} became {new}");
                }
            }
        }
    }
}

#[test]
fn a_weight_that_is_not_finite_is_refused() {
    let graph = mobile(&[f32::INFINITY], Activation::Relu);
    assert!(matches!(equalize(&graph), Err(Error::Weight { node, .. }) if node == "expand"));
}

#[test]
fn a_constant_that_two_layers_read_keeps_them_as_they_are() {
    let mut builder = GraphBuilder::new("shared");
    let x = images(&mut builder);
    let weight = builder.constant("weight", noise(&[2, 2, 1, 1], 1)).expect("valid");
    let conv = Conv { window: Window::new(&[1, 1]), groups: 1, activation: Activation::Relu, dynamic: None };
    let mut layer = |name: &str, x: ValueId| {
        let new = NewNode { name, output: name, op: Op::Conv(conv.clone()), inputs: &[x, weight], params: None };
        builder.add(new).expect("valid")
    };
    let first = layer("first", x);
    let second = layer("second", first);
    builder.output(second);
    let graph = builder.finish().expect("valid");
    assert_eq!(equalize(&graph), Ok(graph));
}

//! Bias correction takes out the mean errors.

use fourfold_graph::{Flatten, Graph, GraphBuilder, Op};
use fourfold_schemes::dequantize;
use fourfold_tensor::Tensor;
use fourfold_testing::noise;

use super::{batch_norm, conv, images, network, run_floats};
use crate::{ChannelStatistics, Error, QConfig, Quantized, correct_bias, correct_bias_data_free, fuse, prepare};

fn batches() -> Vec<[Tensor; 1]> {
    (0..4).map(|seed| [noise(&[3, 2, 6, 6], seed)]).collect()
}

fn quantized(graph: &Graph, qconfig: QConfig) -> Quantized {
    let mut calibration = prepare(graph, qconfig).expect("a float graph");
    batches().iter().for_each(|batch| calibration.observe(batch).expect("a batch"));
    calibration.convert().expect("calibrated")
}

fn per_tensor() -> QConfig {
    QConfig::fourfold().with_per_channel_weights(false)
}

/// A linear layer without activation at the end, whose mean error can be seen in the results.
fn mean_errors(float: &Graph, quantized: &Graph) -> Vec<f64> {
    let mut sums = vec![0.0; 3];
    for [x] in batches() {
        for (index, (y, q)) in run_floats(float, &x).into_iter().zip(run_floats(quantized, &x)).enumerate() {
            sums[index % 3] += f64::from(q) - f64::from(y);
        }
    }
    sums.into_iter().map(|sum| sum / 12.0).collect()
}

fn bias<'g>(graph: &'g Graph, name: &str) -> &'g [i32] {
    let node = graph.nodes().iter().find(|node| node.name() == name).expect("a node");
    graph.value(node.inputs()[2]).constant().expect("a constant").as_slice().expect("i32")
}

#[test]
fn the_means_become_those_of_the_float_graph() {
    let float = fuse(&network()).expect("float");
    for qconfig in [QConfig::fourfold(), per_tensor()] {
        let before = quantized(&float, qconfig);
        let after = correct_bias(&float, &before, &batches()).expect("batches");
        assert_eq!(after.layers(), before.layers());
        let output = before.graph().values().iter().find(|value| value.name() == "fc.codes").expect("codes");
        let step = f64::from(output.ty().params().expect("quantized").scales()[0].get());
        // What is left is the rounding of twelve results, half a step each at most, and much less on average.
        for error in mean_errors(&float, after.graph()) {
            assert!(error.abs() <= 0.25 * step, "{error} of {step}");
        }
        let largest = |errors: Vec<f64>| errors.into_iter().fold(0.0_f64, |largest, error| largest.max(error.abs()));
        let (old, new) = (mean_errors(&float, before.graph()), mean_errors(&float, after.graph()));
        assert!(largest(new.clone()) <= largest(old.clone()).max(0.1 * step), "{old:?} became {new:?}");
        let again = correct_bias(&float, &after, &batches()).expect("batches");
        for name in ["conv1", "conv2", "fc"] {
            let changes = bias(after.graph(), name).iter().zip(bias(again.graph(), name));
            assert!(changes.into_iter().all(|(a, b)| a.abs_diff(*b) <= 1), "{name} has nothing left to correct");
        }
    }
}

#[test]
fn a_layer_without_bias_gets_one() {
    let mut builder = GraphBuilder::new("bare");
    let x = images(&mut builder);
    let flat = builder.node("flat", Op::Flatten(Flatten { axis: 1 }), &[x]).expect("valid");
    let y = builder.linear("fc", flat, noise(&[3, 72], 5), None).expect("valid");
    builder.output(y);
    let float = builder.finish().expect("valid");
    let before = quantized(&float, per_tensor());
    let after = correct_bias(&float, &before, &batches()).expect("batches");
    let node = after.graph().nodes().iter().find(|node| node.name() == "fc").expect("a node");
    let value = after.graph().value(node.inputs()[2]);
    let (codes, params) = (value.constant().expect("a constant"), value.ty().params().expect("quantized"));
    let real = dequantize(codes, params).expect("codes");
    // The bias is the mean error of the weights' rounding: small, and the opposite of what was wrong.
    let old = mean_errors(&float, before.graph());
    let new = mean_errors(&float, after.graph());
    for ((real, old), new) in real.as_slice::<f32>().expect("f32").iter().zip(old).zip(new) {
        assert!((f64::from(*real) + old - new).abs() < 0.02, "{real}, {old}, {new}");
    }
}

#[test]
fn without_data_the_known_means_are_corrected() {
    let mut builder = GraphBuilder::new("pair");
    let x = images(&mut builder);
    let y = conv(&mut builder, "first", x, 1);
    let y = batch_norm(&mut builder, "bn", y);
    let y = builder.relu("relu", y).expect("valid");
    let weight = noise(&[5, 4, 1, 1], 3);
    let y = builder.conv("second", y, fourfold_graph::Window::new(&[1, 1]), 1, weight.clone(), Some(noise(&[5], 4)));
    builder.output(y.expect("valid"));
    let graph = builder.finish().expect("valid");
    let statistics = ChannelStatistics::of_batch_norms(&graph).expect("float");
    let float = fuse(&graph).expect("float");
    let before = quantized(&float, per_tensor());
    let after = correct_bias_data_free(&float, &before, &statistics).expect("the float graph");
    assert_eq!(bias(after.graph(), "first"), bias(before.graph(), "first"), "nothing is known of its operand");
    let node = before.graph().nodes().iter().find(|node| node.name() == "second").expect("a node");
    let value = |operand: usize| before.graph().value(node.inputs()[operand]);
    let params = |operand: usize| value(operand).ty().params().expect("quantized");
    let rounded = dequantize(value(1).constant().expect("a constant"), params(1)).expect("codes");
    let means: Vec<f64> =
        statistics.get("first").expect("known").iter().map(|of| of.clamped((0.0, 1e30)).mean).collect();
    let step = f64::from(params(0).scales()[0].get()) * f64::from(params(1).scales()[0].get());
    for output in 0..5 {
        let error: f64 = (0..4)
            .map(|input| {
                let at = |tensor: &Tensor| f64::from(tensor.as_slice::<f32>().expect("f32")[output * 4 + input]);
                (at(&rounded) - at(&weight)) * means[input]
            })
            .sum();
        let moved = bias(after.graph(), "second")[output] - bias(before.graph(), "second")[output];
        assert!((f64::from(moved) * step + error).abs() <= 0.51 * step, "{moved} * {step} against {error}");
    }
    let none = correct_bias_data_free(&float, &before, &ChannelStatistics::default()).expect("the float graph");
    assert_eq!(none, before, "nothing is known, nothing is corrected");
    assert!(ChannelStatistics::of_batch_norms(&float).expect("float").is_empty(), "fused away");
}

#[test]
fn what_does_not_belong_is_refused() {
    let float = fuse(&network()).expect("float");
    let int8 = quantized(&float, per_tensor());
    let none: [[Tensor; 1]; 0] = [];
    assert_eq!(correct_bias(&float, &int8, &none), Err(Error::NotCalibrated));
    let other = super::equalize::mobile(&[1.0], fourfold_graph::Activation::Relu);
    let error = correct_bias(&other, &int8, &batches()).expect_err("another model");
    assert!(error.to_string().contains("`conv1`") && error.to_string().contains("prepare"), "{error}");
    let nan = [[Tensor::from_vec(&[1, 2, 6, 6], vec![f32::NAN; 72]).expect("as many")]];
    assert!(matches!(correct_bias(&float, &int8, &nan), Err(Error::Observe { value, .. }) if value == "x"));
}

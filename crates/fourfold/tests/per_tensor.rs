//! One scale for every weight: what is lost, and what equalization and bias correction win back.

mod digits;

use std::collections::HashMap;

use digits::{CNN, Digits, MOBILE, accuracy};
use fourfold::graph::{Activation, NewNode};
use fourfold::prelude::*;

fn per_tensor() -> QConfig {
    QConfig::fourfold().with_per_channel_weights(false)
}

/// The equalized model and the statistics of its channels.
fn equalized(digits: &Digits) -> (Graph, ChannelStatistics) {
    let float = digits.float();
    let statistics = ChannelStatistics::of_batch_norms(&float).expect("a float model");
    equalize_with_statistics(&fuse(&float).expect("a float model"), &statistics).expect("finite weights")
}

#[test]
fn one_scale_alone_leaves_digits_mobile_at_chance() {
    let of_mobile = accuracy(&MOBILE, &MOBILE.statically(per_tensor()));
    assert!(of_mobile < 30.0, "{of_mobile} %");
    // Nor are biases to blame.
    let fused = fuse(&MOBILE.float()).expect("a float model");
    let quantized = MOBILE.calibrated(&fused, per_tensor());
    let corrected = correct_bias(&fused, &quantized, &MOBILE.batches()).expect("finite images");
    let of_corrected = accuracy(&MOBILE, corrected.graph());
    assert!(of_corrected < 30.0, "{of_corrected} %");
}

#[test]
fn equalization_and_bias_correction_win_digits_mobile_back() {
    let (float, statistics) = equalized(&MOBILE);
    let of_float = accuracy(&MOBILE, &float);
    assert!(of_float >= 100.0, "float {of_float} %");
    let quantized = MOBILE.calibrated(&float, per_tensor());
    let with_data = correct_bias(&float, &quantized, &MOBILE.batches()).expect("finite images");
    let without = correct_bias_data_free(&float, &quantized, &statistics).expect("the float graph");
    for (how, graph) in [("plain", quantized.graph()), ("data", with_data.graph()), ("data free", without.graph())] {
        let found = accuracy(&MOBILE, graph);
        assert!(found >= 97.0, "{how}: {found} %");
    }
}

#[test]
fn nothing_is_lost_where_nothing_was_wrong() {
    let (float, statistics) = equalized(&CNN);
    let of_float = accuracy(&CNN, &CNN.float());
    let quantized = CNN.calibrated(&float, per_tensor());
    let with_data = correct_bias(&float, &quantized, &CNN.batches()).expect("finite images");
    let without = correct_bias_data_free(&float, &quantized, &statistics).expect("the float graph");
    for graph in [&float, quantized.graph(), with_data.graph(), without.graph()] {
        let found = accuracy(&CNN, graph);
        assert!(of_float - found <= 0.6, "{found} % of {of_float} %");
    }
}

#[test]
fn digits_mobile_needs_its_clamps() {
    let fused = fuse(&MOBILE.float()).expect("a float model");
    let mut builder = GraphBuilder::new("relu");
    let mut values = HashMap::new();
    for id in fused.value_ids() {
        let value = fused.value(id);
        let new = match value.constant() {
            Some(constant) => builder.constant(value.name(), constant.clone()),
            None if fused.inputs().contains(&id) => builder.input(value.name(), value.ty().clone()),
            None => continue,
        };
        values.insert(id, new.expect("of a valid graph"));
    }
    for node in fused.nodes() {
        let inputs: Vec<_> = node.inputs().iter().map(|id| values[id]).collect();
        let is_clamped = matches!(node.op().activation(), Activation::Clamp { .. });
        let relu = node.op().with_activation(Activation::Relu).filter(|_| is_clamped);
        let op = relu.unwrap_or_else(|| node.op().clone());
        let new = NewNode { name: node.name(), output: node.name(), op, inputs: &inputs, params: None };
        values.insert(node.output(), builder.add(new).expect("of a valid graph"));
    }
    fused.outputs().iter().for_each(|id| builder.output(values[id]));
    let without = accuracy(&MOBILE, &builder.finish().expect("a valid graph"));
    assert!(without < 30.0, "ReLU in the place of ReLU6: {without} %");
}

#[test]
fn the_corrected_model_has_the_same_bytes_each_time() {
    let corrected = || {
        let (float, _) = equalized(&MOBILE);
        let quantized = MOBILE.calibrated(&float, per_tensor());
        let corrected = correct_bias(&float, &quantized, &MOBILE.batches()[..2]).expect("finite images");
        container::to_bytes(corrected.graph()).expect("a graph")
    };
    assert!(corrected() == corrected());
}

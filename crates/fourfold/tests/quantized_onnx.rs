//! Models that ONNX Runtime quantized, imported and run in integers, against ONNX Runtime's own results.

mod digits;

use std::collections::BTreeMap;

use digits::{CNN, Digits, MLP, MOBILE, array, bytes, run};
use fourfold::graph::{Linear, Node, Op};
use fourfold::onnx;
use fourfold::prelude::*;
use fourfold::schemes::DynamicScheme;

fn model(name: &str) -> Graph {
    onnx::import(&bytes(&format!("tests/data/{name}.onnx")), &Limits::default()).expect("a supported model")
}

/// How many nodes of each operator are quantized, and how many are float.
fn operators(graph: &Graph) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let (mut on_codes, mut on_reals) = (BTreeMap::new(), BTreeMap::new());
    for node in graph.nodes() {
        let is_codes = graph.value(node.output()).ty().params().is_some();
        let count = if is_codes { &mut on_codes } else { &mut on_reals };
        *count.entry(node.op().kind().to_string()).or_default() += 1;
    }
    (on_codes, on_reals)
}

fn counts(list: &[(&str, usize)]) -> BTreeMap<String, usize> {
    list.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
}

/// The number of elements that differ, and the largest difference.
fn difference(graph: &Graph, digits: &Digits, name: &str) -> (usize, f32) {
    let actual = run(graph, &digits.images("test"), None);
    let expected = array(&format!("tests/data/{name}_expected.npy"));
    assert_eq!(actual.shape(), expected.shape());
    let pairs = actual.as_slice::<f32>().expect("f32").iter().zip(expected.as_slice::<f32>().expect("f32"));
    let different =
        pairs.filter(|(actual, expected)| actual != expected).map(|(actual, expected)| (actual - expected).abs());
    different.fold((0, 0.0), |(count, largest), error| (count + 1, error.max(largest)))
}

#[test]
fn operators_on_codes_give_the_same_bits() {
    for (name, digits) in [("digits_cnn_qop", &CNN), ("digits_mobile_qop", &MOBILE)] {
        let graph = model(name);
        assert_eq!(operators(&graph).1, counts(&[("Dequantize", 1)]), "{name}");
        assert_eq!(difference(&graph, digits, name), (0, 0.0), "{name}");
    }
}

#[test]
fn quantized_and_dequantized_operators_run_in_integers() {
    let convolutions =
        counts(&[("Add", 1), ("Conv", 3), ("Flatten", 1), ("Linear", 2), ("MaxPool", 1), ("Quantize", 1)]);
    for (name, digits) in [("digits_cnn_qdq", &CNN), ("digits_cnn_qdq_pertensor", &CNN), ("digits_mobile_qdq", &MOBILE)]
    {
        let graph = model(name);
        let (on_codes, on_reals) = operators(&graph);
        if name != "digits_mobile_qdq" {
            assert_eq!(on_codes, convolutions, "{name}");
        }
        assert_eq!(on_reals, counts(&[("Dequantize", 1)]), "{name}");
        assert_eq!(difference(&graph, digits, name), (0, 0.0), "{name}");
    }
}

#[test]
fn dynamically_quantized_products_agree() {
    let graph = model("digits_mlp_dynamic");
    let linear =
        |node: &&Node| matches!(node.op(), Op::Linear(Linear { dynamic: Some(DynamicScheme::OnnxPerTensor), .. }));
    assert_eq!(graph.nodes().iter().filter(linear).count(), 3);
    assert_eq!(difference(&graph, &MLP, "digits_mlp_dynamic"), (0, 0.0));
    let (images, expected) = (MLP.images("test"), array("tests/data/digits_mlp_dynamic_expected_b1.npy"));
    for index in 0..images.shape()[0] {
        let alone = run(&graph, &images.rows(index..index + 1).expect("an image"), None);
        assert_eq!(alone, expected.rows(index..index + 1).expect("a row"), "image {index}");
    }
}

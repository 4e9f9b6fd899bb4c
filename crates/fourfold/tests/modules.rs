//! The digits models built from modules and their PyTorch state dicts.

mod digits;
mod networks;

use std::collections::BTreeMap;

use digits::{ATTN, CNN, Digits, LSTM, MLP, MOBILE, array, bytes, run};
use fourfold::nn::{Error, Module, StateDict, build};
use fourfold::prelude::*;
use fourfold_testing::largest;

fn tensors(name: &str) -> BTreeMap<String, Tensor> {
    let file = bytes(&format!("tests/data/{name}.safetensors"));
    safetensors::read(&file, &Limits::default()).expect("a valid file")
}

/// Asserts that the modules with the state dict of PyTorch give the logits of ONNX Runtime.
fn assert_agrees(digits: &Digits, size: usize, module: &impl Module) {
    assert_agrees_with(digits, size, module, tensors(digits.name));
}

fn assert_agrees_with(digits: &Digits, size: usize, module: &impl Module, tensors: BTreeMap<String, Tensor>) {
    let state = StateDict::new(tensors);
    let graph = build(digits.name, module, networks::images(size), state).expect("the same names and shapes");
    let expected = array(&format!("tests/data/{}_expected.npy", digits.name));
    let expected = expected.as_slice::<f32>().expect("f32");
    for graph in [fuse(&graph).expect("a float model"), graph] {
        let actual = run(&graph, &digits.images("test"), None);
        assert_eq!(actual.shape(), [500, 10]);
        let largest = largest(expected);
        for (actual, expected) in actual.as_slice::<f32>().expect("f32").iter().zip(expected) {
            let error = (actual - expected).abs();
            assert!(error <= 1e-4 * expected.abs().max(0.01 * largest), "{}: {actual}, {expected}", digits.name);
        }
    }
}

#[test]
fn digits_cnn_agrees_with_onnx_runtime() {
    assert_agrees(&CNN, 8, &networks::Cnn);
}

#[test]
fn digits_mobile_agrees_with_onnx_runtime() {
    assert_agrees(&MOBILE, 16, &networks::mobile());
}

#[test]
fn digits_mlp_agrees_with_onnx_runtime() {
    assert_agrees(&MLP, 8, &networks::Mlp);
}

#[test]
fn digits_attn_agrees_with_onnx_runtime() {
    assert_agrees(&ATTN, 8, &networks::Attn);
}

#[test]
fn digits_lstm_agrees_with_onnx_runtime() {
    assert_agrees(&LSTM, 8, &networks::Lstm);
}

/// The state dict of digits_attn with the keys of `nn.TransformerEncoderLayer`, which has query, key and value in one
/// tensor.
fn packed() -> BTreeMap<String, Tensor> {
    let mut tensors = tensors("digits_attn");
    for block in ["blocks.0", "blocks.1"] {
        for kind in ["weight", "bias"] {
            let parts = ["q", "k", "v"].map(|part| tensors.remove(&format!("{block}.{part}.{kind}")).expect("a layer"));
            let elements = parts.iter().flat_map(|part| part.as_slice::<f32>().expect("f32")).copied().collect();
            let shape = [&[3 * 64], &parts[0].shape()[1..]].concat();
            let packed = Tensor::from_vec(&shape, elements).expect("three parts");
            tensors.insert(format!("{block}.self_attn.in_proj_{kind}"), packed);
            let names = [
                ("proj", "self_attn.out_proj"),
                ("ln1", "norm1"),
                ("ln2", "norm2"),
                ("fc1", "linear1"),
                ("fc2", "linear2"),
            ];
            for (old, new) in names {
                let tensor = tensors.remove(&format!("{block}.{old}.{kind}")).expect("a layer");
                tensors.insert(format!("{block}.{new}.{kind}"), tensor);
            }
        }
    }
    tensors
}

#[test]
fn transformer_encoder_layers_agree_with_onnx_runtime() {
    for batch_first in [true, false] {
        assert_agrees_with(&ATTN, 8, &networks::Encoder { batch_first }, packed());
    }
}

#[test]
fn a_state_dict_of_another_model_is_refused_with_all_differences() {
    let error = build("digits", &networks::Mlp, networks::images(8), StateDict::new(tensors("digits_cnn")));
    let Err(Error::StateDict(mismatch)) = &error else { panic!("{error:?}") };
    let missing: Vec<&str> = mismatch.missing.iter().map(|missing| missing.key.as_str()).collect();
    assert_eq!(missing, ["fc3.weight", "fc3.bias"]);
    let misshaped: Vec<&str> = mismatch.misshaped.iter().map(|misshaped| misshaped.key.as_str()).collect();
    assert_eq!(misshaped, ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]);
    assert_eq!(mismatch.unexpected.len(), 3 * 6);
    let shown = error.expect_err("above").to_string();
    assert!(shown.contains("\n  mis-shaped: `fc2.weight` is f32[10, 64], expected f32[64, 128]\n"), "{shown}");
    assert!(shown.contains("\n  unexpected: `bn1.num_batches_tracked`\n"), "{shown}");
}

#[test]
fn a_renamed_key_is_one_missing_and_one_unexpected() {
    let tensors = tensors("digits_mobile");
    let needed = tensors.keys().filter(|key| !key.ends_with("num_batches_tracked"));
    for key in needed {
        let renamed = format!("{key}_");
        let state = tensors.iter().map(|(name, tensor)| match name == key {
            true => (renamed.clone(), tensor.clone()),
            false => (name.clone(), tensor.clone()),
        });
        let state = StateDict::from_iter(state);
        let error = build("mobile", &networks::mobile(), networks::images(16), state).expect_err("renamed");
        let Error::StateDict(mismatch) = error else { panic!("{key}: {error}") };
        assert_eq!(mismatch.missing.len(), 1, "{key}");
        assert_eq!((&mismatch.missing[0].key, mismatch.missing[0].expected.as_slice()), (key, tensors[key].shape()));
        assert_eq!(mismatch.unexpected, [renamed]);
        assert!(mismatch.misshaped.is_empty(), "{key}");
    }
}

#[test]
fn rules_name_modules_as_in_pytorch() {
    let state = StateDict::new(tensors("digits_mobile"));
    let graph = build("mobile", &networks::mobile(), networks::images(16), state).expect("the same names and shapes");
    let fused = fuse(&graph).expect("a float model");
    let mapping = QConfigMapping::new(QConfig::fourfold()).set_module_name("features.3", None);
    let quantized = MOBILE.calibrated(&fused, mapping).into_graph();
    for node in quantized.nodes().iter().filter(|node| node.op().kind() == OpKind::Conv) {
        let is_float = quantized.value(node.inputs()[0]).ty().is_f32();
        assert_eq!(is_float, node.name().starts_with("features.3."), "{}", node.name());
    }
}

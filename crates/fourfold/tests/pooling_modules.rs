//! Poolings with `ceil_mode` built from modules, against PyTorch 2.15: maxima exactly, means within rounding.

use std::collections::BTreeMap;
use std::path::Path;

use fourfold::nn::{AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d, Module, StateDict, build};
use fourfold::prelude::*;
use fourfold_testing::{is_close, run};

fn modules() -> Vec<(&'static str, Box<dyn Module>)> {
    vec![
        ("max1", Box::new(MaxPool1d::new(3).stride(2).ceil_mode(true))),
        ("max1.dilated", Box::new(MaxPool1d::new(3).stride(4).padding(1).dilation(2).ceil_mode(true))),
        ("max1.longer", Box::new(MaxPool1d::new(3).stride(2).ceil_mode(true))),
        ("max1.behind", Box::new(MaxPool1d::new(2).stride(3).padding(1).ceil_mode(true))),
        ("max2", Box::new(MaxPool2d::new([3, 2]).stride(2).padding([1, 0]).ceil_mode(true))),
        ("max3", Box::new(MaxPool3d::new(2).ceil_mode(true))),
        ("avg1", Box::new(AvgPool1d::new(3).stride(2).ceil_mode(true))),
        ("avg1.behind", Box::new(AvgPool1d::new(2).stride(3).padding(1).ceil_mode(true))),
        ("avg2", Box::new(AvgPool2d::new([3, 2]).stride(2).padding([1, 0]).ceil_mode(true))),
        ("avg2.padded", Box::new(AvgPool2d::new(4).stride(3).padding(2).ceil_mode(true))),
        ("avg2.without", Box::new(AvgPool2d::new(4).stride(3).padding(2).ceil_mode(true).count_include_pad(false))),
        ("avg2.even", Box::new(AvgPool2d::new(2).padding(1).ceil_mode(true))),
        ("avg3", Box::new(AvgPool3d::new([2, 3, 2]).padding(1).ceil_mode(true))),
    ]
}

fn tensors() -> BTreeMap<String, Tensor> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pooling_modules.safetensors");
    safetensors::read(&std::fs::read(path).expect("a file of the project"), &Limits::default()).expect("a valid file")
}

#[test]
fn windows_past_the_end_agree_with_pytorch() {
    let (tensors, modules) = (tensors(), modules());
    assert_eq!(tensors.len(), 2 * modules.len());
    for (name, module) in modules {
        let (x, expected) = (&tensors[&format!("{name}/x")], &tensors[&format!("{name}/y")]);
        let dims: Vec<Dim> = x.shape().iter().copied().map(Dim::from).collect();
        let graph = build("pool", &module, ValueType::f32(&dims), StateDict::default()).expect("a pooling");
        let actual = &run(&graph, std::slice::from_ref(x))[0];
        assert_eq!(actual.shape(), expected.shape(), "{name}");
        let tolerance = if name.starts_with("max") { 0.0 } else { 1e-6 };
        let [actual, expected] = [actual, expected].map(|y| y.as_slice::<f32>().expect("f32"));
        assert!(is_close(actual, expected, tolerance, 0.0), "{name}: {actual:?}, {expected:?}");
    }
}

#[test]
fn ceil_mode_needs_sizes() {
    let dims = ["batch".into(), 3.into(), "width".into()];
    let pool = MaxPool1d::new(2).ceil_mode(true);
    let error = build("pool", &pool, ValueType::f32(&dims), StateDict::default()).expect_err("an unknown size");
    assert!(error.to_string().contains("ceil_mode needs the size of axis 2"), "{error}");
}

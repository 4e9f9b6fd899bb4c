//! Models with quantized values of 2 to 16 bits, and those that PyTorch exported and onnxruntime.quantization
//! quantized, saved and loaded.

use std::collections::BTreeMap;

use fourfold::format::{container, safetensors};
use fourfold::onnx;
use fourfold::prelude::*;
use fourfold_testing::run;

#[test]
fn what_is_loaded_is_what_was_saved() {
    for file in ["codes", "tools"] {
        let path = format!("{}/../onnx/tests/data/{file}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let tensors = safetensors::read(&std::fs::read(path).expect("a file of the project"), &Limits::default());
        let tensors: BTreeMap<String, Tensor> = tensors.expect("valid safetensors");
        for (name, model) in &tensors {
            let Some(case) = name.strip_suffix("/model") else { continue };
            let graph =
                onnx::import(model.bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{case}: {error}"));
            let saved = container::to_bytes(&graph).unwrap_or_else(|error| panic!("{case}: {error}"));
            let loaded = container::from_bytes(&saved, &Limits::default());
            let loaded = loaded.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(loaded, graph, "{case}");
            let inputs = tensors.range(format!("{case}/in/")..format!("{case}/in0"));
            let inputs: Vec<Tensor> = inputs.map(|(_, input)| input.clone()).collect();
            assert_eq!(run(&loaded, &inputs), run(&graph, &inputs), "{case}");
        }
    }
}

//! Small models with inputs and the outputs of ONNX Runtime.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fourfold_tensor::{DType, Tensor};
use safetensors::{Dtype, SafeTensors};

/// The model, inputs and outputs of a case.
#[derive(Default)]
pub(crate) struct Case {
    pub(crate) model: Vec<u8>,
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) outputs: Vec<Tensor>,
}

/// The cases of a file of `tests/data`, by their names.
pub(crate) fn cases(file: &str) -> BTreeMap<String, Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file).with_extension("safetensors");
    let bytes = fs::read(path).expect("a file of the project");
    let tensors = SafeTensors::deserialize(&bytes).expect("valid safetensors");
    let mut names: Vec<&str> = tensors.names();
    names.sort_unstable();
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for name in names {
        let view = tensors.tensor(name).expect("a known name");
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::U8 => DType::U8,
            Dtype::I8 => DType::I8,
            Dtype::I32 => DType::I32,
            Dtype::I64 => DType::I64,
            Dtype::BOOL => DType::Bool,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::F64 => DType::F64,
            other => panic!("{name} is of {other:?}"),
        };
        let tensor = || Tensor::from_le_bytes(dtype, view.shape(), view.data()).expect("a whole tensor");
        let mut parts = name.split('/');
        let case = cases.entry(parts.next().expect("a case").to_owned()).or_default();
        match parts.next() {
            Some("model") => case.model = view.data().to_vec(),
            Some("in") => case.inputs.push(tensor()),
            _ => case.outputs.push(tensor()),
        }
    }
    cases
}

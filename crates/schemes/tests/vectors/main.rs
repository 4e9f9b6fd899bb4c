//! Quantized values and fixed-point products against those of PyTorch, ONNX Runtime and LiteRT.

use std::fs;
use std::path::Path;

use fourfold_tensor::{DType, Tensor};
use safetensors::{Dtype, SafeTensors};

mod fixed_point;
mod quantize;

/// Calls `test` with a file of `tests/data`.
fn with_vectors(name: &str, test: impl Fn(&SafeTensors<'_>)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let bytes = fs::read(path).expect("the vectors");
    test(&SafeTensors::deserialize(&bytes).expect("valid safetensors"));
}

/// A tensor of the vectors.
fn tensor(vectors: &SafeTensors<'_>, name: &str) -> Tensor {
    let view = vectors.tensor(name).unwrap_or_else(|_| panic!("{name}"));
    let dtype = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::I8 => DType::I8,
        Dtype::U8 => DType::U8,
        Dtype::I32 => DType::I32,
        other => panic!("{name} is of {other:?}"),
    };
    Tensor::from_le_bytes(dtype, view.shape(), view.data()).expect("a whole tensor")
}

/// The elements of a tensor of integers.
fn integers(vectors: &SafeTensors<'_>, name: &str) -> Vec<i32> {
    let tensor = tensor(vectors, name);
    match tensor.dtype() {
        DType::I8 => tensor.as_slice::<i8>().expect("i8").iter().copied().map(i32::from).collect(),
        DType::U8 => tensor.as_slice::<u8>().expect("u8").iter().copied().map(i32::from).collect(),
        _ => tensor.as_slice::<i32>().expect("i32").to_vec(),
    }
}

/// The elements of a tensor of `f64`.
fn doubles(vectors: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let view = vectors.tensor(name).unwrap_or_else(|_| panic!("{name}"));
    let elements = view.data().chunks_exact(8);
    elements.map(|bytes| f64::from_le_bytes(bytes.try_into().expect("eight bytes"))).collect()
}

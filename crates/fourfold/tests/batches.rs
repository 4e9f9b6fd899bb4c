//! The result of a sample has the same bits in any batch, whatever else is in it.

mod digits;

use digits::{every_model, run};
use fourfold::prelude::*;

/// The samples of both tensors, one below the other.
fn below(first: &Tensor, second: &Tensor) -> Tensor {
    let mut shape = first.shape().to_vec();
    shape[0] += second.shape()[0];
    let [first, second] = [first, second].map(|tensor| tensor.as_slice::<f32>().expect("f32"));
    Tensor::from_vec(&shape, [first, second].concat()).expect("as many elements")
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.as_slice::<f32>().expect("f32").iter().map(|x| x.to_bits()).collect()
}

#[test]
fn a_sample_has_the_same_bits_in_any_batch() {
    // Files whose dynamic quantization has one scale for the whole batch, as ONNX Runtime writes them, are left out.
    let models = every_model().into_iter().filter(|(name, ..)| !name.ends_with("_dynamic"));
    for (name, images, graph) in models {
        let batch = images.rows(0..5).expect("images");
        let zeros = Tensor::zeros(DType::F32, batch.shape()).expect("small");
        let huge = Tensor::from_vec(batch.shape(), vec![1e6_f32; batch.len()]).expect("small");
        let expected = run(&graph, &batch, None);
        let width = expected.len() / 5;
        for (index, expected) in bits(&expected).chunks_exact(width).enumerate() {
            let alone = run(&graph, &images.rows(index..index + 1).expect("an image"), None);
            assert_eq!(bits(&alone), expected, "{name}: sample {index} alone");
        }
        for padding in [zeros, huge] {
            let padded = run(&graph, &below(&batch, &padding), None);
            assert_eq!(bits(&padded)[..5 * width], bits(&expected), "{name}: padded");
        }
    }
}

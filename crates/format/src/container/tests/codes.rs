//! Quantized values of more than 8 bits, which no tensor holds, and sums of quantized products.

use fourfold_graph::{GraphBuilder, Linear, Op, ValueType};
use fourfold_schemes::{QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use super::{per_channel, per_tensor, read};
use crate::container::to_bytes;

#[test]
fn fake_quantization_is_of_minor_version_5() {
    let scale = Scale::new(0.5).expect("normal");
    let sixteen = QuantParams::per_tensor(DType::I32, (0, 65_535), scale, 40_000).expect("valid");
    let mut builder = GraphBuilder::new("fake");
    let x = builder.input("x", ValueType::f32(&[2.into(), 3.into()])).expect("valid");
    let y = builder.node("y", Op::FakeQuantize(sixteen), &[x]).expect("valid");
    let z = builder.node("z", Op::FakeQuantize(per_channel(DType::I8, (-8, 7), &[0.5, 0.25])), &[y]).expect("valid");
    builder.output(z);
    let graph = builder.finish().expect("a valid graph");
    let bytes = to_bytes(&graph).expect("a known graph");
    assert_eq!(bytes[10..12], [5, 0]);
    assert_eq!(read(&bytes), Ok(graph));
}

#[test]
fn sums_of_codes_are_of_minor_version_5() {
    let mut builder = GraphBuilder::new("sums");
    let x = builder.input("x", ValueType::quantized(&[2.into(), 3.into()], per_tensor(0.5, 7))).expect("valid");
    let weight = Tensor::from_vec(&[1, 3], vec![1_u8, 2, 255]).expect("three");
    let weight = builder.quantized_constant("w", weight, per_tensor(1.0, 9)).expect("valid");
    let y = builder.node("y", Op::Linear(Linear::default()), &[x, weight]).expect("valid");
    builder.output(y);
    let graph = builder.finish().expect("a valid graph");
    let bytes = to_bytes(&graph).expect("a known graph");
    assert_eq!(bytes[10..12], [5, 0]);
    assert_eq!(read(&bytes), Ok(graph));
}

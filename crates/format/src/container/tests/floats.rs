//! Floats of other types than `f32`.

use fourfold_graph::{Cast, CastTo, GraphBuilder, Op, ValueType};
use fourfold_tensor::{DType, Tensor, bf16, f16};

use super::damaged::forged;
use super::read;
use crate::Error;
use crate::container::{record, to_bytes};

#[test]
fn each_type_is_of_minor_version_5_wherever_it_stands() {
    let numbers = [
        Tensor::from_slice(&[2], &[f16::MAX, f16::MIN_POSITIVE_SUBNORMAL]),
        Tensor::from_slice(&[2], &[bf16::MAX, bf16::NEG_INFINITY]),
        Tensor::from_slice(&[2], &[f64::MIN_POSITIVE, -0.1]),
    ];
    for constant in numbers.map(|tensor| tensor.expect("two")) {
        let dtype = constant.dtype();
        let graph_of = |input: DType, to: CastTo, with_constant: bool| {
            let mut builder = GraphBuilder::new("floats");
            let x = builder.input("x", ValueType::plain(input, &["n".into()])).expect("valid");
            let y = builder.node("y", Op::Cast(Cast { to }), &[x]).expect("a conversion");
            builder.output(y);
            if with_constant {
                let constant = builder.constant("constant", constant.clone()).expect("new");
                builder.output(constant);
            }
            builder.finish().expect("a valid graph")
        };
        for graph in [
            graph_of(dtype, CastTo::F32, false),
            graph_of(DType::F32, CastTo::of(dtype), false),
            graph_of(DType::F32, CastTo::F32, true),
        ] {
            let bytes = to_bytes(&graph).expect("a known graph");
            assert_eq!(bytes[10..12], [5, 0], "{dtype}");
            assert_eq!(read(&bytes), Ok(graph), "{dtype}");
        }
        let older = graph_of(DType::F32, CastTo::U8, false);
        assert_eq!(to_bytes(&older).expect("a known graph")[10..12], [4, 0]);
    }
}

#[test]
fn types_that_are_none_are_refused() {
    let forged = |dtype| {
        forged(|header| {
            let Some(record::Item::Input { ty, .. }) = header.items.first_mut() else { panic!("an input comes first") };
            ty.dtype = dtype;
        })
    };
    // A layer computes in f32, and there is no tenth type.
    assert!(matches!(forged(6), Err(Error::Graph(_))));
    assert!(matches!(forged(9), Err(Error::Corrupt { .. })));
}

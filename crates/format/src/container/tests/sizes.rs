//! Sizes that are computed from those of the inputs.

use fourfold_graph::{Dim, GraphBuilder, Op, Slice, ValueType};

use super::damaged::forged;
use super::read;
use crate::Error;
use crate::container::{record, to_bytes};

#[test]
fn quotients_of_sizes_are_of_minor_version_3() {
    let half = Dim::symbol("h").polynomial().and_then(|size| size.floor_div(2)).expect("small");
    let size = half.mul(&half).and_then(|square| square.sub(&half)).and_then(Dim::computed).expect("a size");
    let mut builder = GraphBuilder::new("half");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("h"), 3.into()])).expect("valid");
    let y = builder.node("y", Op::Slice(Slice { axis: 0, start: 0, step: 1, length: size }), &[x]).expect("valid");
    builder.output(y);
    let graph = builder.finish().expect("a valid graph");
    let bytes = to_bytes(&graph).expect("a known graph");
    assert_eq!(bytes[10..12], [3, 0]);
    assert_eq!(read(&bytes), Ok(graph));
    let forged = |divisor| {
        forged(|header| {
            let term = |symbol: &str| record::Term { coefficient: 1, symbols: vec![symbol.to_owned()] };
            let quotients = vec![record::Quotient { dividend: vec![term("n")], divisor }];
            let divided = record::Dim::Divided(vec![record::DividedTerm { term: term("n"), quotients }]);
            let Some(record::Item::Input { ty, .. }) = header.items.first_mut() else { panic!("an input comes first") };
            ty.dims[0] = divided;
        })
    };
    assert_eq!(
        forged(2).map(|graph| graph.value(graph.inputs()[0]).ty().to_string()),
        Ok("f32[n*floor(n/2), 2]".to_owned())
    );
    assert!(matches!(forged(0), Err(Error::Corrupt { .. })));
}

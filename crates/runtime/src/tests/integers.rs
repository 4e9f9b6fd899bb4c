//! What integers and numbers that choose cannot do is an error.

use fourfold_graph::{Binary, Dim, Gather, GraphBuilder, Op, ValueType};
use fourfold_tensor::{DType, Tensor};

use crate::{Error, Options, Plan, Session};

/// The error of a node that reads `x: [n, 2]` of a type and a constant.
fn refused(dtype: DType, op: Op, constant: Tensor, x: Tensor) -> Error {
    let mut builder = GraphBuilder::new("test");
    let x_id = builder.input("x", ValueType::plain(dtype, &[Dim::symbol("n"), 2.into()])).expect("an input");
    let constant = builder.constant("c", constant).expect("a constant");
    let y = builder.node("y", op, &[x_id, constant]).expect("a node");
    builder.output(y);
    let plan = Plan::compile(&builder.finish().expect("a graph"), &Options::default()).expect("a plan");
    let error = Session::new(plan.into()).run(&[x]).map(<[Tensor]>::to_vec).expect_err("an error");
    let Error::Node { source, .. } = error else { panic!("{error}") };
    *source
}

#[test]
fn integers_are_not_divided_by_zero() {
    for function in [Binary::Div, Binary::Mod, Binary::Fmod] {
        let x = Tensor::from_slice(&[1, 2], &[7_i32, 8]).expect("two");
        let zero = Tensor::from_slice(&[2], &[2_i32, 0]).expect("two");
        assert_eq!(refused(DType::I32, Op::Binary(function), zero, x), Error::DivisionByZero, "{function:?}");
    }
    let zero = Tensor::from_slice(&[1, 2], &[1_i64, 0]).expect("two");
    let minus_one = Tensor::from_slice(&[], &[-1_i64]).expect("one");
    assert_eq!(refused(DType::I64, Op::Binary(Binary::Pow), minus_one, zero), Error::DivisionByZero);
}

#[test]
fn nothing_is_chosen_from_an_empty_axis() {
    let first = || Tensor::from_slice(&[1], &[0_i64]).expect("one");
    let empty = Tensor::zeros(DType::F32, &[0, 2]).expect("empty");
    let gather = Op::Gather(Gather { axis: 0 });
    assert_eq!(refused(DType::F32, gather, first(), empty), Error::Index { index: 0, size: 0 });
}

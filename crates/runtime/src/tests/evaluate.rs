//! Operators of constants against sessions that get the same operands as inputs.

use fourfold_graph::{
    Activation, Add, Conv, Coordinates, Dim, Error as GraphError, Gather, Interpolation, Limits, Linear, Op, Reshape,
    Resize, Slice, Softmax, Transpose, Window,
};
use fourfold_tensor::{DType, Tensor};

use super::quantized::per_tensor;
use super::{noise, one_node, run};
use crate::{Constant, Error, Evaluation, evaluate};

/// An operator, the shapes of its inputs, and its constants.
type Case<'c> = (Op, &'c [&'c [usize]], Vec<Tensor>);

/// Computes an operator of plain constants within those limits.
fn evaluated(op: &Op, operands: &[Tensor], limits: &Limits, max_macs: u64) -> Result<Tensor, Error> {
    let operands: Vec<Constant> = operands.iter().cloned().map(Constant::from).collect();
    let evaluation = Evaluation { name: "y", op, operands: &operands, params: None, limits, max_macs };
    evaluate(&evaluation).map(|result| result.tensor)
}

#[test]
fn constants_give_the_bits_of_a_session() {
    let conv = Conv { window: Window::new(&[3, 3]), groups: 1, activation: Activation::Relu, dynamic: None };
    let linear = Linear { activation: Activation::None, dynamic: None };
    let resize = Resize {
        scales: vec![1.0, 1.0, 2.0, 1.5],
        sizes: vec![None; 4],
        interpolation: Interpolation::Linear,
        coordinates: Coordinates::HalfPixel,
    };
    let image: &[usize] = &[2, 3, 5, 4];
    let reshape = Op::Reshape(Reshape { dims: vec![Dim::Fixed(6), Dim::Fixed(20)] });
    let cases: [Case<'_>; 9] = [
        (Op::Conv(conv), &[image], vec![noise(&[7, 3, 3, 3], 1), noise(&[7], 2)]),
        (Op::Linear(linear), &[image], vec![noise(&[5, 4], 1)]),
        (Op::MatMul, &[&[3, 4], &[2, 4, 5]], vec![]),
        (Op::MaxPool(Window::new(&[2, 2])), &[image], vec![]),
        (Op::GlobalAveragePool, &[image], vec![]),
        (Op::Add(Add { activation: Activation::None }), &[image, &[3, 1, 4]], vec![]),
        (Op::Transpose(Transpose { axes: vec![2, 0, 3, 1] }), &[image], vec![]),
        (reshape, &[image], vec![]),
        (Op::Resize(resize), &[image], vec![]),
    ];
    for (op, shapes, constants) in cases {
        let inputs: Vec<Tensor> = (3..).zip(shapes).map(|(seed, shape)| noise(shape, seed)).collect();
        let expected = run(&one_node(op.clone(), shapes, &constants), &inputs);
        let operands = [inputs, constants].concat();
        let actual = evaluated(&op, &operands, &Limits::default(), u64::MAX).expect("computed");
        assert_eq!(actual, expected, "{op:?}");
    }
}

#[test]
fn quantized_constants_bring_parameters() {
    let [a, b, y] = [(0.5, 3), (0.25, 4), (1.0, 10)].map(|(scale, zero)| per_tensor(DType::U8, scale, zero));
    let constant = |values: &[u8], params: &fourfold_schemes::QuantParams| Constant {
        tensor: Tensor::from_slice(&[2], values).expect("two"),
        params: Some(params.clone()),
    };
    let (op, limits) = (Op::Add(Add { activation: Activation::None }), Limits::default());
    let operands = [constant(&[7, 3], &a), constant(&[4, 12], &b)];
    let evaluation =
        Evaluation { name: "sum", op: &op, operands: &operands, params: Some(&y), limits: &limits, max_macs: 0 };
    assert_eq!(evaluate(&evaluation), Ok(constant(&[12, 12], &y)));
}

#[test]
fn constants_are_refused_by_kind() {
    let limits = Limits::default();
    let matrices = [noise(&[4, 4], 1), noise(&[4, 4], 2)];
    assert_eq!(evaluated(&Op::MatMul, &matrices, &limits, 63), Err(Error::Work { macs: 64, limit: 63 }));
    let softmax = Op::Softmax(Softmax { axis: 2 });
    assert!(matches!(
        evaluated(&softmax, &matrices[..1], &limits, 0),
        Err(Error::Graph(GraphError::Node { node, .. })) if node == "y"
    ));
    let small = Limits { arena_bytes: 60, ..Limits::default() };
    assert!(
        evaluated(&Op::Relu, &matrices[..1], &small, 0)
            .is_err_and(|error| error.kind() == fourfold_graph::ErrorKind::Limit)
    );
    let gather = [matrices[0].clone(), Tensor::from_slice(&[1], &[4_i64]).expect("one")];
    let outside = Error::Index { index: 4, size: 4 };
    assert_eq!(
        evaluated(&Op::Gather(Gather { axis: 0 }), &gather, &limits, 0),
        Err(Error::Node { node: "y".to_owned(), source: Box::new(outside) })
    );
    let symbolic = Op::Slice(Slice { axis: 0, start: 0, step: 1, length: Dim::symbol("n") });
    assert!(matches!(evaluated(&symbolic, &matrices[..1], &limits, 0), Err(Error::Unbound { .. } | Error::Graph(_))));
}

//! Operators on two quantized activations, and functions by table, against the equations, in plain loops.
#![expect(clippy::cast_precision_loss, reason = "8-bit numbers and small sums")]

use std::sync::Arc;

use fourfold_graph::{Binary, Dim, GraphBuilder, NewNode, Op, Unary, ValueType};
use fourfold_schemes::{QuantParams, dequantize, quantize};
use fourfold_tensor::{DType, Tensor};

use super::quantized::{centered, combined, on_quantized, per_tensor, requantized, sum};
use super::{noise, run};
use crate::{Error, Options, Plan, Session};

/// The shapes of two operands and, for both, the matrix of each result.
type Matrices<'a> = (&'a [usize], &'a [usize], &'a [usize], &'a [usize]);

/// A result, by the differences of two quantized values from their zero points.
type Formula<'a> = &'a dyn Fn(i32, i32) -> f32;

/// The positions in the operands of a broadcast of `[3, 2, 5]` and `[2, 1]`.
fn positions(index: usize) -> [usize; 2] {
    [index, index / 5 % 2]
}

#[test]
fn products_of_matrices_follow_equations_3_and_4() {
    let types = [
        (per_tensor(DType::U8, 0.01, 100), per_tensor(DType::I8, 0.008, -7), per_tensor(DType::U8, 0.02, 120)),
        (per_tensor(DType::I8, 0.01, 3), per_tensor(DType::U8, 0.009, 130), per_tensor(DType::I8, 0.03, -5)),
        (per_tensor(DType::U8, 1.0 / 256.0, 0), per_tensor(DType::U8, 0.011, 128), per_tensor(DType::U8, 0.01, 77)),
    ];
    let shapes: [Matrices<'_>; 3] = [
        (&[4, 5], &[5, 3], &[0], &[0]),
        (&[2, 1, 4, 5], &[3, 5, 3], &[0, 0, 0, 1, 1, 1], &[0, 1, 2, 0, 1, 2]),
        (&[2, 4, 5], &[5, 3], &[0, 1], &[0, 0]),
    ];
    for (a_params, b_params, y_params) in types {
        for (a_shape, b_shape, a_matrices, b_matrices) in shapes {
            let inputs = [(a_shape, a_params.clone()), (b_shape, b_params.clone())];
            let graph = on_quantized(Op::MatMul, &inputs, &[], Some(y_params.clone()));
            let (a, b) = (noise(a_shape, 3), noise(b_shape, 4));
            let actual = run(&graph, &[a.clone(), b.clone()]);
            let (a, b) = (centered(&a, &a_params), centered(&b, &b_params));
            let m = a_params.scales()[0].get() * b_params.scales()[0].get() / y_params.scales()[0].get();
            assert_eq!(actual.len(), 12 * a_matrices.len());
            for (index, &actual) in actual.as_slice::<f32>().expect("f32").iter().enumerate() {
                let (matrix, row, column) = (index / 12, index / 3 % 4, index % 3);
                let term =
                    |p: usize| a[(a_matrices[matrix] * 4 + row) * 5 + p] * b[(b_matrices[matrix] * 5 + p) * 3 + column];
                let acc: i32 = (0..5).map(term).sum();
                assert_eq!(actual, requantized(acc as f32 * m, &y_params, y_params.quant_min()), "{a_shape:?} {index}");
            }
        }
    }
}

#[test]
fn sums_that_could_overflow_are_refused() {
    let params = per_tensor(DType::U8, 0.01, 0);
    let product = |depth: Dim| {
        let mut builder = GraphBuilder::new("deep");
        let a = builder.input("a", ValueType::quantized(&[1.into(), depth.clone()], params.clone()))?;
        let b = builder.input("b", ValueType::quantized(&[depth, 1.into()], params.clone()))?;
        let y = Some(params.clone());
        let y = builder.add(NewNode { name: "y", output: "y", op: Op::MatMul, inputs: &[a, b], params: y })?;
        builder.output(y);
        builder.finish()
    };
    let error = product(Dim::Fixed(33_026)).expect_err("255 * 255 * 33026 is more than i32 holds");
    assert!(error.to_string().contains("at most 33025 are exact"), "{error}");
    product(Dim::Fixed(33_025)).expect("the deepest exact sum");
    let graph = product(Dim::symbol("k")).expect("known only when it runs");
    let mut session = Session::new(Arc::new(Plan::compile(&graph, &Options::default()).expect("a plan")));
    let ones = |shape: &[usize]| Tensor::from_vec(shape, vec![255_u8; shape[0] * shape[1]]).expect("as many");
    let outputs = session.run(&[ones(&[1, 33_025]), ones(&[33_025, 1])]).expect("exact");
    assert_eq!(outputs[0].as_slice::<u8>().expect("u8"), [255]);
    let error = session.run(&[ones(&[1, 33_026]), ones(&[33_026, 1])]).expect_err("too deep");
    assert!(matches!(&error, Error::Node { source, .. } if matches!(**source, Error::Accumulator { .. })), "{error}");
}

#[test]
fn differences_and_products_follow_their_equations() {
    let (a_params, b_params) = (per_tensor(DType::U8, 0.01, 100), per_tensor(DType::I8, 0.007, -3));
    let y_params = per_tensor(DType::U8, 0.013, 91);
    let inputs: [(&[usize], QuantParams); 2] = [(&[3, 2, 5], a_params.clone()), (&[2, 1], b_params.clone())];
    let (a, b) = (noise(&[3, 2, 5], 1), noise(&[2, 1], 2));
    let (a_centered, b_centered) = (centered(&a, &a_params), centered(&b, &b_params));
    let (m_a, m_b, m) = (0.01_f32 / 0.013, 0.007_f32 / 0.013, 0.01_f32 * 0.007 / 0.013);
    let difference = |a: i32, b: i32| sum([a, b], [m_a, -m_b], [100, -3], 91);
    let product = |a: i32, b: i32| (a * b) as f32 * m + 91.0;
    let cases: [(Binary, Formula<'_>); 2] = [(Binary::Sub, &difference), (Binary::Mul, &product)];
    for (function, expected) in cases {
        let graph = on_quantized(Op::Binary(function), &inputs, &[], Some(y_params.clone()));
        let actual = run(&graph, &[a.clone(), b.clone()]);
        for (index, &actual) in actual.as_slice::<f32>().expect("f32").iter().enumerate() {
            let [i, j] = positions(index);
            assert_eq!(actual, combined(expected(a_centered[i], b_centered[j]), &y_params, 0), "{function:?} {index}");
        }
    }
}

#[test]
fn functions_by_table_are_those_of_floats() {
    let functions = [
        Unary::Neg,
        Unary::Abs,
        Unary::Tanh,
        Unary::Erf,
        Unary::Sigmoid,
        Unary::Silu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Unary::HardSwish,
        Unary::LeakyRelu { slope: 0.1 },
        Unary::Elu { alpha: 1.0 },
    ];
    let x = Tensor::from_vec(&[2, 4, 4, 8], (0..256_u16).map(|index| f32::from(index) * 0.05 - 6.0).collect())
        .expect("256");
    let types = [(DType::U8, DType::I8, 121, -20), (DType::I8, DType::U8, -7, 100)];
    for (x_type, y_type, x_zero, y_zero) in types {
        let (x_params, y_params) = (per_tensor(x_type, 0.05, x_zero), per_tensor(y_type, 0.03, y_zero));
        for function in functions {
            let op = Op::Unary(function);
            let inputs: [(&[usize], QuantParams); 1] = [(&[2, 4, 4, 8], x_params.clone())];
            let actual = run(&on_quantized(op.clone(), &inputs, &[], Some(y_params.clone())), std::slice::from_ref(&x));
            let seen = dequantize(&quantize(&x, &x_params).expect("f32"), &x_params).expect("quantized");
            let float = run(&super::one_node(op, &[&[2, 4, 4, 8]], &[]), std::slice::from_ref(&seen));
            let expected = dequantize(&quantize(&float, &y_params).expect("f32"), &y_params).expect("quantized");
            assert_eq!(actual.bytes(), expected.bytes(), "{function:?} {x_type} {y_type}");
        }
        for function in [Unary::Exp, Unary::Log, Unary::Sqrt, Unary::Reciprocal] {
            let mut builder = GraphBuilder::new("float");
            let x = builder.input("x", ValueType::quantized(&[3.into()], x_params.clone())).expect("valid");
            let (op, params) = (Op::Unary(function), Some(y_params.clone()));
            let new = NewNode { name: "y", output: "y", op, inputs: &[x], params };
            assert!(builder.add(new).is_err(), "{function:?} runs on floats only");
        }
    }
}

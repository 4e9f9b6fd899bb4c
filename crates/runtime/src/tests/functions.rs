//! Functions, reductions and normalizations against plain loops in `f64`.
#![expect(clippy::cast_possible_truncation, reason = "results are compared as f32")]

use std::slice::from_ref;

use fourfold_graph::{Activation, Add, Binary, LayerNorm, Op, Reduce, Reduction, Unary};
use fourfold_tensor::Tensor;

use super::{assert_close, noise, one_node, run};

type OfTwo = fn(f32, f32) -> f32;
type OfMany = fn(&[f64]) -> f64;

fn map(x: &Tensor, f: impl Fn(f64) -> f64) -> Tensor {
    let values = x.as_slice::<f32>().expect("f32").iter().map(|&x| f(f64::from(x)) as f32).collect();
    Tensor::from_vec(x.shape(), values).expect("as many")
}

#[test]
fn functions_of_one_number() {
    let x = map(&noise(&[2, 3, 5, 4], 1), |x| 4.0 * x);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let functions: [(Unary, &dyn Fn(f64) -> f64); 11] = [
        (Unary::Exp, &f64::exp),
        (Unary::Tanh, &f64::tanh),
        (Unary::Sigmoid, &sigmoid),
        (Unary::Silu, &|x| x * sigmoid(x)),
        (Unary::Neg, &|x| -x),
        (Unary::Abs, &f64::abs),
        (Unary::Reciprocal, &f64::recip),
        (Unary::HardSigmoid { alpha: 0.25, beta: 0.5 }, &|x| (0.25 * x + 0.5).clamp(0.0, 1.0)),
        (Unary::HardSwish, &|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        (Unary::LeakyRelu { slope: 0.125 }, &|x| if x < 0.0 { 0.125 * x } else { x }),
        (Unary::Elu { alpha: 2.0 }, &|x| if x < 0.0 { 2.0 * x.exp_m1() } else { x }),
    ];
    for (function, expected) in functions {
        let graph = one_node(Op::Unary(function), &[x.shape()], &[]);
        assert_close(&run(&graph, from_ref(&x)), &map(&x, expected), &format!("{function:?}"));
    }
    let positive = map(&x, |x| x.abs() + 0.01);
    for (function, expected) in [(Unary::Sqrt, f64::sqrt as fn(f64) -> f64), (Unary::Log, f64::ln)] {
        let graph = one_node(Op::Unary(function), &[x.shape()], &[]);
        assert_close(&run(&graph, from_ref(&positive)), &map(&positive, expected), &format!("{function:?}"));
    }
    // Where `erf` is known: erf(0.5) and erf(1).
    let x = Tensor::from_vec(&[3], vec![0.5_f32, -1.0, 0.0]).expect("three");
    let erf = run(&one_node(Op::Unary(Unary::Erf), &[&[3]], &[]), from_ref(&x));
    let expected = [0.520_499_9, -0.842_700_8, 0.0];
    assert_close(&erf, &Tensor::from_vec(&[3], expected.to_vec()).expect("three"), "erf");
    let twice = map(&x, |x| x * std::f64::consts::SQRT_2);
    let gelu = run(&one_node(Op::Unary(Unary::Gelu), &[&[3]], &[]), from_ref(&twice));
    let pairs = twice.as_slice::<f32>().expect("f32").iter().zip(expected);
    let expected = pairs.map(|(x, erf)| x / 2.0 * (1.0 + erf)).collect();
    assert_close(&gelu, &Tensor::from_vec(&[3], expected).expect("three"), "gelu");
}

#[test]
fn functions_of_two_numbers_are_broadcast() {
    let (a, b) = (noise(&[2, 3, 4], 2), map(&noise(&[3, 1], 3), |x| x + 2.0));
    let functions: [(Binary, OfTwo); 5] = [
        (Binary::Sub, |a, b| a - b),
        (Binary::Mul, |a, b| a * b),
        (Binary::Div, |a, b| a / b),
        (Binary::Min, f32::min),
        (Binary::Max, f32::max),
    ];
    let (xs, ys) = (a.as_slice::<f32>().expect("f32"), b.as_slice::<f32>().expect("f32"));
    for (function, f) in functions {
        let expected = xs.iter().enumerate().map(|(index, &x)| f(x, ys[index / 4 % 3])).collect();
        let expected = Tensor::from_vec(&[2, 3, 4], expected).expect("as many");
        let graph = one_node(Op::Binary(function), &[a.shape(), b.shape()], &[]);
        assert_eq!(run(&graph, &[a.clone(), b.clone()]), expected, "{function:?}");
    }
    let nan = Tensor::from_vec(&[2], vec![f32::NAN, 1.0]).expect("two");
    let other = Tensor::from_vec(&[2], vec![1.0, f32::NAN]).expect("two");
    for function in [Binary::Min, Binary::Max] {
        let result = run(&one_node(Op::Binary(function), &[&[2], &[2]], &[]), &[nan.clone(), other.clone()]);
        assert!(result.as_slice::<f32>().expect("f32").iter().all(|x| x.is_nan()), "{function:?}");
    }
}

#[test]
fn constants_are_operands_like_others() {
    let (a, b) = (noise(&[2, 3, 4], 8), noise(&[3, 4], 9));
    for op in [Op::Binary(Binary::Mul), Op::Add(Add { activation: Activation::None })] {
        let together = run(&one_node(op.clone(), &[a.shape(), b.shape()], &[]), &[a.clone(), b.clone()]);
        assert_eq!(run(&one_node(op.clone(), &[a.shape()], from_ref(&b)), from_ref(&a)), together, "{op:?}");
    }
    let two = Tensor::from_vec(&[], vec![2.0_f32]).expect("one");
    let twice = run(&one_node(Op::Binary(Binary::Mul), &[a.shape()], &[two]), from_ref(&a));
    assert_eq!(twice, map(&a, |x| 2.0 * x));
}

#[test]
fn reductions_over_any_axes() {
    let x = noise(&[2, 3, 4, 5], 4);
    let xs = x.as_slice::<f32>().expect("f32");
    for axes in [&[3][..], &[0], &[1, 3], &[0, 1, 2, 3], &[]] {
        let sizes = [2, 3, 4, 5];
        let kept: Vec<usize> = (0..4).filter(|axis| !axes.contains(axis)).collect();
        let mut lines = vec![Vec::new(); kept.iter().map(|&axis| sizes[axis]).product()];
        for (index, &x) in xs.iter().enumerate() {
            let position = [index / 60, index / 20 % 3, index / 5 % 4, index % 5];
            let line = kept.iter().fold(0, |line, &axis| line * sizes[axis] + position[axis]);
            lines[line].push(f64::from(x));
        }
        let reductions: [(Reduction, OfMany); 5] = [
            (Reduction::Sum, |line| line.iter().sum()),
            (Reduction::Mean, |line| line.iter().sum::<f64>() / line.len() as f64),
            (Reduction::Max, |line| line.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            (Reduction::Min, |line| line.iter().copied().fold(f64::INFINITY, f64::min)),
            (Reduction::L2, |line| line.iter().map(|x| x * x).sum::<f64>().sqrt()),
        ];
        for (reduction, f) in reductions {
            let graph = one_node(Op::Reduce(Reduce { reduction, axes: axes.to_vec(), keep: false }), &[x.shape()], &[]);
            let shape: Vec<usize> = kept.iter().map(|&axis| sizes[axis]).collect();
            let expected = lines.iter().map(|line| f(line) as f32).collect();
            let expected = Tensor::from_vec(&shape, expected).expect("as many");
            assert_close(&run(&graph, from_ref(&x)), &expected, &format!("{reduction:?} {axes:?}"));
        }
    }
}

#[test]
fn layers_are_normalized() {
    let (x, scale, bias) = (noise(&[2, 3, 4, 5], 5), noise(&[4, 5], 6), noise(&[4, 5], 7));
    let (xs, scales, biases) = (x.as_slice::<f32>(), scale.as_slice::<f32>(), bias.as_slice::<f32>());
    let (xs, scales, biases) = (xs.expect("f32"), scales.expect("f32"), biases.expect("f32"));
    let mut expected = Vec::new();
    for row in xs.chunks(20) {
        let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / 20.0;
        let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / 20.0;
        for ((&x, &scale), &bias) in row.iter().zip(scales).zip(biases) {
            let normal = (f64::from(x) - mean) / (variance + 1e-3).sqrt();
            expected.push((normal * f64::from(scale) + f64::from(bias)) as f32);
        }
    }
    let graph = one_node(Op::LayerNorm(LayerNorm { axis: 2, epsilon: 1e-3 }), &[x.shape()], &[scale, bias]);
    assert_close(&run(&graph, &[x]), &Tensor::from_vec(&[2, 3, 4, 5], expected).expect("as many"), "norm");
}

//! Products of quantized values whose result is the sums themselves, in `i32`, against plain loops.

use fourfold_graph::{Activation, Conv, Dim, GraphBuilder, Linear, NewNode, Op, ValueType, Window};
use fourfold_schemes::{Granularity, QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use super::quantized::per_tensor;
use super::run;

/// 8-bit numbers with no pattern in them, and what they are.
fn numbers(dtype: DType, shape: &[usize], seed: usize) -> (Tensor, Vec<i32>) {
    let count = shape.iter().product::<usize>();
    let bytes: Vec<u8> = (seed..seed + count).map(|at| (at * 97 % 251 * 13 + at / 3).to_le_bytes()[0]).collect();
    let tensor = Tensor::from_le_bytes(dtype, shape, &bytes).expect("as many");
    let wide = bytes.iter().map(|&byte| if dtype == DType::I8 { byte.cast_signed().into() } else { byte.into() });
    (tensor, wide.collect())
}

/// The sums of an operator on an input and quantized constants, and a bias.
fn sums(op: Op, x: (&Tensor, QuantParams), more: Vec<(Tensor, QuantParams)>, bias: Option<&[i32]>) -> Tensor {
    let mut builder = GraphBuilder::new("sums");
    let dims: Vec<Dim> = x.0.shape().iter().map(|&size| Dim::Fixed(size)).collect();
    let mut inputs = vec![builder.input("x", ValueType::quantized(&dims, x.1)).expect("valid")];
    for (index, (numbers, params)) in more.into_iter().enumerate() {
        inputs.push(builder.quantized_constant(&format!("c{index}"), numbers, params).expect("valid"));
    }
    if let Some(bias) = bias {
        let bias = Tensor::from_slice(&[bias.len()], bias).expect("as many");
        inputs.push(builder.constant("bias", bias).expect("valid"));
    }
    let y = builder.node("y", op, &inputs).expect("valid");
    assert_eq!(builder.value(y).ty().dtype(), DType::I32);
    builder.output(y);
    run(&builder.finish().expect("valid"), std::slice::from_ref(x.0))
}

fn each(dtype: DType, zero_points: &[i32]) -> QuantParams {
    let granularity = Granularity::PerChannel {
        axis: 0,
        scales: vec![Scale::ONE; zero_points.len()],
        zero_points: zero_points.to_vec(),
    };
    QuantParams::new(dtype, dtype.byte_range().expect("8 bits"), granularity).expect("valid")
}

const TYPES: [DType; 2] = [DType::U8, DType::I8];

#[test]
fn a_linear_layer_gives_its_sums() {
    for (a, w) in TYPES.into_iter().flat_map(|a| TYPES.map(|w| (a, w))) {
        let ((x, xs), (weight, ws)) = (numbers(a, &[3, 2, 70], 5), numbers(w, &[5, 70], 11));
        let zero_points = [0, 3, 100, 127, 9];
        let bias = [1, -2, 30_000, i32::MAX, 0];
        let op = || Op::Linear(Linear::default());
        let found =
            sums(op(), (&x, per_tensor(a, 0.1, 77)), vec![(weight.clone(), each(w, &zero_points))], Some(&bias));
        let alone = sums(op(), (&x, per_tensor(a, 0.1, 77)), vec![(weight, each(w, &zero_points))], None);
        assert_eq!(found.shape(), [3, 2, 5]);
        for (index, (&found, &alone)) in
            found.as_slice::<i32>().unwrap().iter().zip(alone.as_slice().unwrap()).enumerate()
        {
            let (row, o) = (index / 5, index % 5);
            let sum: i32 = (0..70).map(|k| (xs[row * 70 + k] - 77) * (ws[o * 70 + k] - zero_points[o])).sum();
            assert_eq!((found, alone), (sum.wrapping_add(bias[o]), sum), "{a} {w} {index}");
        }
    }
}

#[test]
fn a_convolution_gives_its_sums_and_padding_adds_nothing() {
    for (a, w) in TYPES.into_iter().flat_map(|a| TYPES.map(|w| (a, w))) {
        for (groups, group_in) in [(1, 4), (2, 2), (4, 1)] {
            let ((x, xs), (weight, ws)) = (numbers(a, &[2, 4, 5, 3], 5), numbers(w, &[4, group_in, 3, 2], 11));
            let zero_points = [0, 3, 100, 127];
            let window = Window { stride: vec![2, 1], ..Window::new(&[3, 2]).with_padding(1) };
            let op = Op::Conv(Conv::new(window, groups));
            let found = sums(op, (&x, per_tensor(a, 0.1, 77)), vec![(weight, each(w, &zero_points))], None);
            assert_eq!(found.shape(), [2, 4, 3, 4]);
            for (index, &found) in found.as_slice::<i32>().unwrap().iter().enumerate() {
                let (image, o, row, column) = (index / 48, index / 12 % 4, index / 4 % 3, index % 4);
                let mut sum = 0;
                for (c, i, j) in (0..group_in * 6).map(|tap| (tap / 6, tap / 2 % 3, tap % 2)) {
                    let (y, x) = (2 * row + i, column + j);
                    if (1..=5).contains(&y) && (1..=3).contains(&x) {
                        let channel = o / (4 / groups) * group_in + c;
                        let w = ws[((o * group_in + c) * 3 + i) * 2 + j] - zero_points[o];
                        sum += w * (xs[((image * 4 + channel) * 5 + y - 1) * 3 + x - 1] - 77);
                    }
                }
                assert_eq!(found, sum, "{a} {w} {groups} {index}");
            }
        }
    }
}

#[test]
fn a_product_of_two_activations_gives_its_sums() {
    for (a, b) in TYPES.into_iter().flat_map(|a| TYPES.map(|b| (a, b))) {
        let ((x, xs), (right, rights)) = (numbers(a, &[2, 1, 3, 40], 5), numbers(b, &[2, 40, 4], 11));
        let found = sums(Op::MatMul, (&x, per_tensor(a, 0.1, 77)), vec![(right, per_tensor(b, 0.3, 5))], None);
        assert_eq!(found.shape(), [2, 2, 3, 4]);
        for (index, &found) in found.as_slice::<i32>().unwrap().iter().enumerate() {
            let (outer, inner, row, column) = (index / 24, index / 12 % 2, index / 4 % 3, index % 4);
            let term = |k: usize| (xs[(outer * 3 + row) * 40 + k] - 77) * (rights[(inner * 40 + k) * 4 + column] - 5);
            assert_eq!(found, (0..40).map(term).sum(), "{a} {b} {index}");
        }
    }
}

#[test]
fn sums_of_nothing_are_the_bias() {
    let empty = |shape: &[usize]| Tensor::zeros(DType::U8, shape).expect("empty");
    let params = || per_tensor(DType::U8, 0.1, 3);
    let weight = |shape: &[usize]| vec![(empty(shape), params())];
    let rows = |tensor: Tensor| tensor.as_slice::<i32>().expect("sums").to_vec();
    let linear = || Op::Linear(Linear::default());
    assert_eq!(
        rows(sums(linear(), (&empty(&[2, 0]), params()), weight(&[3, 0]), Some(&[1, 2, 3]))),
        [1, 2, 3, 1, 2, 3]
    );
    assert_eq!(rows(sums(linear(), (&empty(&[2, 0]), params()), weight(&[3, 0]), None)), [0; 6]);
    assert_eq!(rows(sums(linear(), (&empty(&[0, 4]), params()), weight(&[3, 4]), None)), [0; 0]);
    assert_eq!(rows(sums(Op::MatMul, (&empty(&[2, 0]), params()), weight(&[0, 3]), None)), [0; 6]);
    let conv = Op::Conv(Conv::new(Window::new(&[1]), 1));
    assert_eq!(rows(sums(conv, (&empty(&[1, 0, 2]), params()), weight(&[2, 0, 1]), Some(&[7, 8]))), [7, 7, 8, 8]);
}

#[test]
fn sums_have_no_clamp() {
    let mut builder = GraphBuilder::new("sums");
    let params = per_tensor(DType::U8, 0.1, 3);
    let x = builder.input("x", ValueType::quantized(&[2.into(), 4.into()], params.clone())).expect("valid");
    let weight = Tensor::zeros(DType::U8, &[3, 4]).expect("small");
    let weight = builder.quantized_constant("w", weight, params).expect("valid");
    let op = Op::Linear(Linear { activation: Activation::Relu, dynamic: None });
    let new = NewNode { name: "y", output: "y", op, inputs: &[x, weight], params: None };
    let error = builder.add(new).expect_err("a clamp").to_string();
    assert!(error.contains("clamp"), "{error}");
}

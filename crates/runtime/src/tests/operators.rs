//! Every float operator against a plain loop over the graph's own layout.

use fourfold_graph::{
    Activation, Add, AveragePool, BatchNorm, Clip, Conv, Flatten, Linear, Op, Softmax, Transpose, Window,
};
use fourfold_tensor::Tensor;

use super::{assert_close, noise, one_node, run};

/// A convolution over `[n, c, h, w]`, one multiplication at a time.
fn naive_conv(x: &Tensor, weight: &Tensor, bias: &Tensor, conv: &Conv) -> Tensor {
    let (x_shape, w_shape) = (x.shape(), weight.shape());
    let (xs, ws) = (x.as_slice::<f32>().expect("f32"), weight.as_slice::<f32>().expect("f32"));
    let window = &conv.window;
    let out_size = |axis: usize| {
        let extent = window.dilation[axis] * (window.kernel[axis] - 1) + 1;
        (x_shape[axis + 2] + window.pad_begin[axis] + window.pad_end[axis] - extent) / window.stride[axis] + 1
    };
    let (height, width) = (out_size(0), out_size(1));
    let per_group = w_shape[0] / conv.groups;
    let mut out = Vec::new();
    for n in 0..x_shape[0] {
        for o in 0..w_shape[0] {
            for (h, w) in (0..height).flat_map(|h| (0..width).map(move |w| (h, w))) {
                let mut sum = bias.as_slice::<f32>().expect("f32")[o];
                for (i, kh) in (0..w_shape[1]).flat_map(|i| (0..w_shape[2]).map(move |kh| (i, kh))) {
                    for kw in 0..w_shape[3] {
                        let row = (h * window.stride[0] + kh * window.dilation[0]).wrapping_sub(window.pad_begin[0]);
                        let column = (w * window.stride[1] + kw * window.dilation[1]).wrapping_sub(window.pad_begin[1]);
                        if row < x_shape[2] && column < x_shape[3] {
                            let channel = o / per_group * w_shape[1] + i;
                            let at = ((n * x_shape[1] + channel) * x_shape[2] + row) * x_shape[3] + column;
                            sum += xs[at] * ws[((o * w_shape[1] + i) * w_shape[2] + kh) * w_shape[3] + kw];
                        }
                    }
                }
                let (min, max) = conv.activation.bounds();
                out.push(sum.clamp(min, max));
            }
        }
    }
    Tensor::from_vec(&[x_shape[0], w_shape[0], height, width], out).expect("a result")
}

#[test]
fn convolutions_of_all_kinds() {
    let base = Window::new(&[3, 3]);
    let uneven = Window { pad_begin: vec![2, 0], pad_end: vec![1, 2], stride: vec![1, 2], ..base.clone() };
    let dilated = Window { dilation: vec![2, 1], ..base.clone().with_padding(1) };
    let along_rows = Window { dilation: vec![1, 2], ..base.clone().with_padding(2) };
    let windows = [base.clone().with_padding(1), base.with_stride(2), uneven, dilated, along_rows];
    let channels = [(1, 5, 1), (6, 4, 1), (6, 4, 2), (6, 6, 6), (3, 6, 3)];
    for window in windows {
        for (channels_in, channels_out, groups) in channels {
            let activation = Activation::Clamp { min: -0.5, max: 0.75 };
            let conv = Conv { window: window.clone(), groups, activation, dynamic: None };
            let x = noise(&[2, channels_in, 7, 9], 1);
            let (weight, bias) = (noise(&[channels_out, channels_in / groups, 3, 3], 2), noise(&[channels_out], 3));
            let expected = naive_conv(&x, &weight, &bias, &conv);
            let graph = one_node(Op::Conv(conv.clone()), &[x.shape()], &[weight, bias]);
            assert_close(&run(&graph, &[x]), &expected, &format!("{conv:?} of {channels_in} channels"));
        }
    }
}

#[test]
fn pointwise_convolutions_and_other_ranks() {
    let conv = Conv { window: Window::new(&[1, 1]), groups: 1, activation: Activation::Relu, dynamic: None };
    let (x, weight, bias) = (noise(&[2, 5, 3, 4], 4), noise(&[7, 5, 1, 1], 5), noise(&[7], 6));
    let expected = naive_conv(&x, &weight, &bias, &conv);
    assert_close(&run(&one_node(Op::Conv(conv), &[x.shape()], &[weight, bias]), &[x]), &expected, "pointwise");

    // One axis, and three of which two have one position, are the same convolution.
    let (x, weight, bias) = (noise(&[2, 4, 1, 9], 7), noise(&[6, 4, 1, 3], 8), noise(&[6], 9));
    let conv = |kernel: &[usize]| Conv::new(Window::new(kernel), 1);
    let expected = naive_conv(&x, &weight, &bias, &conv(&[1, 3]));
    for (shape, kernel) in [(&[9][..], &[3][..]), (&[1, 1, 9], &[1, 1, 3])] {
        let x = x.reshape(&[&[2, 4], shape].concat()).expect("as many");
        let weight = weight.reshape(&[&[6, 4], kernel].concat()).expect("as many");
        let actual = run(&one_node(Op::Conv(conv(kernel)), &[x.shape()], &[weight, bias.clone()]), &[x]);
        assert_close(&actual.reshape(expected.shape()).expect("as many"), &expected, "other ranks");
    }
}

#[test]
fn pooling() {
    let x = Tensor::from_vec(&[1, 1, 2, 3], vec![1.0_f32, -2.0, 3.0, 4.0, 5.0, -6.0]).expect("six");
    let window = Window::new(&[2, 2]).with_padding(1);
    let max = run(&one_node(Op::MaxPool(window.clone()), &[x.shape()], &[]), std::slice::from_ref(&x));
    assert_eq!(max.shape(), [1, 1, 3, 4]);
    assert_eq!(max.as_slice::<f32>().expect("f32"), [1., 1., 3., 3., 4., 5., 5., 3., 4., 5., 5., -6.]);
    let mean = |count_include_pad| {
        let pool = AveragePool { window: window.clone(), count_include_pad };
        run(&one_node(Op::AveragePool(pool), &[x.shape()], &[]), std::slice::from_ref(&x))
    };
    assert_eq!(mean(false).as_slice::<f32>().expect("f32")[..5], [1.0, -0.5, 0.5, 3.0, 2.5]);
    assert_eq!(mean(true).as_slice::<f32>().expect("f32")[..5], [0.25, -0.25, 0.25, 0.75, 1.25]);
    let all = run(&one_node(Op::GlobalAveragePool, &[&[2, 3, 4, 5]], &[]), &[noise(&[2, 3, 4, 5], 1)]);
    let means = noise(&[2, 3, 4, 5], 1)
        .as_slice::<f32>()
        .expect("f32")
        .chunks(20)
        .map(|x| x.iter().sum::<f32>() / 20.0)
        .collect();
    assert_close(&all, &Tensor::from_vec(&[2, 3, 1, 1], means).expect("six"), "global");
}

#[test]
fn products() {
    let (x, weight, bias) = (noise(&[2, 3, 5], 1), noise(&[4, 5], 2), noise(&[4], 3));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let (xs, ws, bs) = (x.as_slice::<f32>(), weight.as_slice::<f32>(), bias.as_slice::<f32>());
    let (xs, ws, bs) = (xs.expect("f32"), ws.expect("f32"), bs.expect("f32"));
    let expected = xs.chunks(5).flat_map(|row| ws.chunks(5).zip(bs).map(|(w, b)| (dot(row, w) + b).max(0.0))).collect();
    let expected = Tensor::from_vec(&[2, 3, 4], expected).expect("24");
    let linear = Linear { activation: Activation::Relu, dynamic: None };
    let graph = one_node(Op::Linear(linear), &[x.shape()], &[weight.clone(), bias.clone()]);
    assert_close(&run(&graph, std::slice::from_ref(&x)), &expected, "Linear");

    // A product with a matrix that is shared by all of the outer axis.
    let b = weight.view::<f32>().and_then(|view| view.permute(&[1, 0])?.to_tensor()).expect("a matrix");
    let plain = xs.chunks(5).flat_map(|row| ws.chunks(5).map(|w| dot(row, w))).collect();
    let product = run(&one_node(Op::MatMul, &[x.shape(), b.shape()], &[]), &[x.clone(), b]);
    assert_close(&product, &Tensor::from_vec(&[2, 3, 4], plain).expect("24"), "MatMul");
}

#[test]
fn sums_broadcast() {
    for (a, b, out) in [
        (&[2, 3, 4][..], &[2, 3, 4][..], &[2, 3, 4][..]),
        (&[2, 3, 4], &[4], &[2, 3, 4]),
        (&[2, 1, 4], &[3, 1], &[2, 3, 4]),
        (&[], &[2, 2], &[2, 2]),
    ] {
        let (x, y) = (noise(a, 1), noise(b, 2));
        let sum = run(&one_node(Op::Add(Add { activation: Activation::None }), &[a, b], &[]), &[x.clone(), y.clone()]);
        assert_eq!(sum.shape(), out);
        let at = |tensor: &Tensor, index: &[usize]| {
            let offset = out.len() - tensor.shape().len();
            let axes = tensor.shape().iter().enumerate();
            let position = axes
                .fold(0, |position, (axis, &size)| position * size + if size == 1 { 0 } else { index[axis + offset] });
            tensor.as_slice::<f32>().expect("f32")[position]
        };
        for (position, &actual) in sum.as_slice::<f32>().expect("f32").iter().enumerate() {
            let mut rest = position;
            let mut index: Vec<usize> = out.iter().rev().map(|&size| (rest % size, rest /= size).0).collect();
            index.reverse();
            assert_eq!(actual, at(&x, &index) + at(&y, &index), "{a:?} + {b:?} at {index:?}");
        }
    }
}

#[test]
fn elements_clamped_normalized_and_moved() {
    let x = Tensor::from_vec(&[1, 2, 2, 2], vec![-1.0_f32, 0.5, 7.0, f32::NAN, -0.0, 6.0, -9.0, 2.0]).expect("eight");
    let relu = run(&one_node(Op::Relu, &[x.shape()], &[]), std::slice::from_ref(&x));
    let relu = relu.as_slice::<f32>().expect("f32");
    assert!(relu[3].is_nan() && relu[..3] == [0.0, 0.5, 7.0] && relu[4..] == [0.0, 6.0, 0.0, 2.0]);
    let clip = run(&one_node(Op::Clip(Clip { min: -2.0, max: 6.0 }), &[x.shape()], &[]), std::slice::from_ref(&x));
    assert_eq!(clip.as_slice::<f32>().expect("f32")[4..], [0.0, 6.0, -2.0, 2.0]);

    let two = |a: f32, b: f32| Tensor::from_vec(&[2], vec![a, b]).expect("two");
    let statistics = [two(2.0, 1.0), two(0.5, 0.0), two(1.0, -1.0), two(4.0, 0.25)];
    let normalized =
        run(&one_node(Op::BatchNorm(BatchNorm { epsilon: 0.0 }), &[x.shape()], &statistics), std::slice::from_ref(&x));
    assert_eq!(normalized.as_slice::<f32>().expect("f32")[..3], [-1.5, 0.0, 6.5]);
    assert_eq!(normalized.as_slice::<f32>().expect("f32")[4..], [2.0, 14.0, -16.0, 6.0]);

    let x = noise(&[2, 3, 4], 5);
    let transposed =
        run(&one_node(Op::Transpose(Transpose { axes: vec![2, 0, 1] }), &[x.shape()], &[]), std::slice::from_ref(&x));
    assert_eq!(transposed.shape(), [4, 2, 3]);
    assert_eq!(transposed.as_slice::<f32>().expect("f32")[7], x.as_slice::<f32>().expect("f32")[4 + 1]);
    let flat = run(&one_node(Op::Flatten(Flatten { axis: 1 }), &[x.shape()], &[]), std::slice::from_ref(&x));
    assert_eq!((flat.shape(), flat.bytes()), (&[2, 12][..], x.bytes()));
}

#[test]
fn softmax_over_every_axis() {
    let x = noise(&[2, 3, 19], 5);
    for axis in 0..3 {
        let y = run(&one_node(Op::Softmax(Softmax { axis }), &[x.shape()], &[]), std::slice::from_ref(&x));
        let inner: usize = x.shape()[axis + 1..].iter().product();
        let length = x.shape()[axis];
        let exp = |index: usize| f64::from(x.as_slice::<f32>().expect("f32")[index]).exp();
        for (index, &actual) in y.as_slice::<f32>().expect("f32").iter().enumerate() {
            let first = index / (length * inner) * length * inner + index % inner;
            let total: f64 = (0..length).map(|step| exp(first + step * inner)).sum();
            assert!((f64::from(actual) - exp(index) / total).abs() < 1e-6, "axis {axis}, element {index}");
        }
    }
}

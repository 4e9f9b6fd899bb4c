//! Transposed convolutions, of floats and quantized values, against the loop that adds every element where its taps
//! reach.
#![expect(clippy::cast_precision_loss, reason = "small sums")]

use fourfold_graph::{Activation, ConvTranspose, Op, Window};
use fourfold_schemes::{Granularity, QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use super::quantized::{centered, on_quantized, per_tensor, requantized};
use super::{assert_close, noise, one_node, run};

/// `[n, c, s...] * [c, o / groups, k...]`, sizes of three spatial axes.
struct Case {
    x: Vec<usize>,
    weight: Vec<usize>,
    op: ConvTranspose,
}

fn case(x: &[usize], weight: &[usize], window: Window, output_padding: &[usize], groups: usize) -> Case {
    let output_padding = output_padding.to_vec();
    let op = ConvTranspose { window, output_padding, groups, activation: Activation::None };
    Case { x: x.to_vec(), weight: weight.to_vec(), op }
}

fn cases() -> Vec<Case> {
    let dilated = Window { dilation: vec![2, 3], ..Window::new(&[2, 3]).with_stride(2) };
    let uneven = Window { pad_end: vec![0, 2], stride: vec![3, 1], ..Window::new(&[3, 4]).with_padding(1) };
    vec![
        case(&[2, 3, 5], &[3, 2, 4], Window::new(&[4]).with_stride(2).with_padding(1), &[0], 1),
        case(&[1, 2, 3, 4], &[2, 3, 2, 2], Window::new(&[2, 2]).with_stride(2), &[1, 0], 1),
        case(&[2, 4, 3, 5], &[4, 3, 2, 3], dilated, &[1, 2], 2),
        case(&[1, 4, 2, 3], &[4, 1, 3, 4], uneven, &[0, 0], 4),
        case(&[1, 2, 2, 3, 2], &[2, 2, 2, 1, 3], Window::new(&[2, 1, 3]).with_stride(2), &[0, 1, 0], 1),
        case(&[1, 1, 20, 15], &[1, 2, 3, 3], Window::new(&[3, 3]).with_stride(2).with_padding(1), &[1, 1], 1),
    ]
}

/// The sums by definition; `x` and the weight as the graph has them.
fn sums(case: &Case, x: &[f64], weight: &[f64]) -> (Vec<usize>, Vec<f64>) {
    let Case { op: ConvTranspose { window, output_padding, groups, .. }, .. } = case;
    let rank = window.rank();
    let pad = |list: &[usize], filling: usize| [vec![filling; 3 - rank], list.to_vec()].concat();
    let (size, kernel) = (pad(&case.x[2..], 1), pad(&window.kernel, 1));
    let (stride, dilation) = (pad(&window.stride, 1), pad(&window.dilation, 1));
    let (begin, end, more) = (pad(&window.pad_begin, 0), pad(&window.pad_end, 0), pad(output_padding, 0));
    let length = |axis: usize| {
        (size[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 + more[axis] - begin[axis] - end[axis]
    };
    let out_size: Vec<usize> = (0..3).map(length).collect();
    let (batch, c_in, o_group) = (case.x[0], case.x[1], case.weight[1]);
    let (c_out, positions, taps) = (o_group * groups, size.iter().product::<usize>(), kernel.iter().product::<usize>());
    let pixels: usize = out_size.iter().product();
    let mut out = vec![0.0; batch * c_out * pixels];
    let split = |at: usize, of: &[usize]| [at / (of[1] * of[2]), at / of[2] % of[1], at % of[2]];
    for (n, c, position) in
        (0..batch * c_in * positions).map(|i| (i / positions / c_in, i / positions % c_in, i % positions))
    {
        for (o, tap) in (0..o_group * taps).map(|i| (i / taps, i % taps)) {
            let (from, of_tap) = (split(position, &size), split(tap, &kernel));
            let target =
                |axis: usize| (from[axis] * stride[axis] + of_tap[axis] * dilation[axis]).checked_sub(begin[axis]);
            let target: Option<Vec<usize>> =
                (0..3).map(|axis| target(axis).filter(|&at| at < out_size[axis])).collect();
            let Some(target) = target else { continue };
            let channel = c / (c_in / groups) * o_group + o;
            let at = (target[0] * out_size[1] + target[1]) * out_size[2] + target[2];
            out[(n * c_out + channel) * pixels + at] +=
                x[(n * c_in + c) * positions + position] * weight[(c * o_group + o) * taps + tap];
        }
    }
    ([vec![batch, c_out], out_size[3 - rank..].to_vec()].concat(), out)
}

fn wide(tensor: &Tensor) -> Vec<f64> {
    tensor.as_slice::<f32>().expect("f32").iter().map(|&x| f64::from(x)).collect()
}

#[test]
fn floats_are_added_where_taps_reach() {
    for (index, case) in cases().iter().enumerate() {
        let (x, weight) = (noise(&case.x, 1), noise(&case.weight, 2));
        let bias = noise(&[case.weight[1] * case.op.groups], 3);
        let graph = one_node(Op::ConvTranspose(case.op.clone()), &[&case.x], &[weight.clone(), bias.clone()]);
        let (shape, mut expected) = sums(case, &wide(&x), &wide(&weight));
        let pixels: usize = shape[2..].iter().product();
        let bias = wide(&bias);
        expected.iter_mut().enumerate().for_each(|(at, sum)| *sum += bias[at / pixels % bias.len()]);
        #[expect(clippy::cast_possible_truncation, reason = "compared within a tolerance")]
        let expected = Tensor::from_vec(&shape, expected.into_iter().map(|sum| sum as f32).collect()).expect("whole");
        assert_close(&run(&graph, &[x]), &expected, &format!("case {index}"));
    }
}

#[test]
fn quantized_values_follow_equations_3_and_4() {
    for (index, case) in cases().iter().enumerate() {
        for (dtype, zero_point) in [(DType::U8, 120), (DType::I8, -9)] {
            let (x_params, y_params) = (per_tensor(dtype, 0.01, zero_point), per_tensor(DType::U8, 0.03, 110));
            let weight: Vec<i8> = (0..case.weight.iter().product::<usize>())
                .map(|at| i8::try_from(i32::try_from(at * 37 % 251).expect("small") - 125).expect("small"))
                .collect();
            // One scale and zero point, or one of each for the channels of every group.
            let of_group = case.weight[1];
            let w_scale = |channel: usize| 0.02 + 0.003 * (channel % of_group * index) as f32;
            let w_zero = |channel: usize| i32::try_from(channel % of_group * index).expect("small") * 40 % 120;
            let w_params = match index {
                0 => per_tensor(DType::I8, 0.02, 0),
                _ => QuantParams::new(
                    DType::I8,
                    (-128, 127),
                    Granularity::PerChannel {
                        axis: 1,
                        scales: (0..of_group).map(|o| Scale::new(w_scale(o)).expect("normal")).collect(),
                        zero_points: (0..of_group).map(w_zero).collect(),
                    },
                )
                .expect("valid"),
            };
            let bias = (0..case.weight[1] * case.op.groups).map(|o| i32::try_from(o * 100).expect("small") - 50);
            let bias: Vec<i32> = bias.collect();
            let range = (i32::MIN, i32::MAX);
            let scale = Scale::new(0.01 * 0.02).expect("normal");
            let b_params = QuantParams::per_tensor(DType::I32, range, scale, 0).expect("valid");
            let constants = [
                (Tensor::from_vec(&case.weight, weight.clone()).expect("whole"), w_params),
                (Tensor::from_vec(&[bias.len()], bias.clone()).expect("whole"), b_params),
            ];
            let op = ConvTranspose { activation: Activation::Relu, ..case.op.clone() };
            let inputs = [(&case.x[..], x_params.clone())];
            let graph = on_quantized(Op::ConvTranspose(op), &inputs, &constants, Some(y_params.clone()));
            let x = noise(&case.x, 7);
            let actual = run(&graph, std::slice::from_ref(&x));
            let x: Vec<f64> = centered(&x, &x_params).into_iter().map(f64::from).collect();
            let taps: usize = case.weight[2..].iter().product();
            let weight = weight.iter().enumerate().map(|(at, &w)| f64::from(i32::from(w) - w_zero(at / taps)));
            let weight: Vec<f64> = weight.collect();
            let (shape, expected) = sums(case, &x, &weight);
            assert_eq!(actual.shape(), shape);
            let pixels: usize = shape[2..].iter().product();
            for (at, (&actual, sum)) in actual.as_slice::<f32>().expect("f32").iter().zip(expected).enumerate() {
                #[expect(clippy::cast_possible_truncation, reason = "integers")]
                let acc = sum as i32 + bias[at / pixels % bias.len()];
                let m = 0.01_f32 * w_scale(at / pixels) / 0.03;
                assert_eq!(actual, requantized(acc as f32 * m, &y_params, 110), "case {index} {at}");
            }
        }
    }
}

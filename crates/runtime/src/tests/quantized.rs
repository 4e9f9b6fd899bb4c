//! Operators on quantized values against the equations, in plain loops.
#![expect(clippy::cast_precision_loss, reason = "8-bit numbers and small sums")]

use fourfold_graph::{
    Activation, Add, AveragePool, Conv, Graph, GraphBuilder, Linear, NewNode, Op, Transpose, ValueId, Window,
};
use fourfold_schemes::{
    DynamicScheme, Granularity, QuantParams, QuantRange, QuantType, Quotient, Scale, dequantize, fake_quantize,
    quantize,
};
use fourfold_tensor::{DType, Tensor};

use super::{fixed, noise, run};

pub(super) fn per_tensor(dtype: DType, scale: f32, zero_point: i32) -> QuantParams {
    let range = dtype.byte_range().expect("8 bits");
    QuantParams::per_tensor(dtype, range, Scale::new(scale).expect("normal"), zero_point).expect("valid")
}

pub(super) fn on_axis(axis: usize, dtype: DType, range: (i32, i32), scales: &[f32]) -> QuantParams {
    let scales: Vec<Scale> = scales.iter().map(|&scale| Scale::new(scale).expect("normal")).collect();
    let zero_points = vec![0; scales.len()];
    QuantParams::new(dtype, range, Granularity::PerChannel { axis, scales, zero_points }).expect("valid")
}

fn per_channel(dtype: DType, range: (i32, i32), scales: &[f32]) -> QuantParams {
    on_axis(0, dtype, range, scales)
}

/// A graph that quantizes its inputs, runs one quantized operator and dequantizes the result.
pub(super) fn on_quantized(
    op: Op,
    inputs: &[(&[usize], QuantParams)],
    constants: &[(Tensor, QuantParams)],
    y: Option<QuantParams>,
) -> Graph {
    let mut builder = GraphBuilder::new("quantized");
    let mut operands: Vec<ValueId> = Vec::new();
    for (index, (shape, params)) in inputs.iter().enumerate() {
        let x = builder.input(&format!("x{index}"), fixed(shape)).expect("valid");
        let (name, output) = (format!("q{index}"), format!("quantized{index}"));
        let new =
            NewNode { name: &name, output: &output, op: Op::Quantize, inputs: &[x], params: Some(params.clone()) };
        operands.push(builder.add(new).expect("valid"));
    }
    for (index, (values, params)) in constants.iter().enumerate() {
        let id = builder.quantized_constant(&format!("c{index}"), values.clone(), params.clone());
        operands.push(id.expect("valid"));
    }
    let new = NewNode { name: "op", output: "op", op, inputs: &operands, params: y };
    let result = builder.add(new).expect("a valid node");
    let float = builder.node("y", Op::Dequantize, &[result]).expect("valid");
    builder.output(float);
    builder.finish().expect("valid")
}

/// The quantized values of a tensor minus its zero point.
pub(super) fn centered(x: &Tensor, params: &QuantParams) -> Vec<i32> {
    let values = quantize(x, params).expect("f32");
    let zero_point = params.zero_points()[0];
    match params.dtype() {
        DType::I8 => values.as_slice::<i8>().expect("i8").iter().map(|&q| i32::from(q) - zero_point).collect(),
        _ => values.as_slice::<u8>().expect("u8").iter().map(|&q| i32::from(q) - zero_point).collect(),
    }
}

/// `scale * (clamp(round(x) + z, low, q_max) - z)`: equation (4) and back.
pub(super) fn requantized(float: f32, params: &QuantParams, low: i32) -> f32 {
    let (zero_point, scale) = (params.zero_points()[0], params.scales()[0].get());
    let q = (float.round_ties_even() + zero_point as f32).clamp(low as f32, params.quant_max() as f32);
    scale * (q - zero_point as f32)
}

/// `scale * (clamp(round(x), low, q_max) - z)`: sums and products of quantized values, which hold their zero
/// point before they are rounded.
pub(super) fn combined(float: f32, params: &QuantParams, low: i32) -> f32 {
    let (zero_point, scale) = (params.zero_points()[0] as f32, params.scales()[0].get());
    scale * (float.round_ties_even().clamp(low as f32, params.quant_max() as f32) - zero_point)
}

/// `fma(m_b, b, fma(m_a, a, z - (m_a * z_a + m_b * z_b)))`, where the values are given by their differences from
/// the zero points.
pub(super) fn sum(centered: [i32; 2], [m_a, m_b]: [f32; 2], [z_a, z_b]: [i32; 2], zero_point: i32) -> f32 {
    let constant = zero_point as f32 - (m_a * z_a as f32 + m_b * z_b as f32);
    m_b.mul_add((centered[1] + z_b) as f32, m_a.mul_add((centered[0] + z_a) as f32, constant))
}

#[test]
fn linear_follows_equations_3_and_4() {
    let (x_params, y_params) = (per_tensor(DType::U8, 0.008, 130), per_tensor(DType::U8, 0.02, 120));
    let (scales, s_a) = ([0.01_f32, 0.02, 0.005], 0.008_f32);
    let weight =
        Tensor::from_vec(&[3, 5], (0..15).map(|index| i8::try_from(index * 17 % 251 - 120).expect("small")).collect())
            .expect("15");
    let bias = [100_i32, -2000, 7];
    let bias_params = per_channel(DType::I32, (i32::MIN, i32::MAX), &scales.map(|s_w| s_a * s_w));
    for (activation, low) in [(Activation::None, 0), (Activation::Relu, 120)] {
        let op = Op::Linear(Linear { activation, dynamic: None });
        let constants = [
            (weight.clone(), per_channel(DType::I8, (-128, 127), &scales)),
            (Tensor::from_vec(&[3], bias.to_vec()).expect("3"), bias_params.clone()),
        ];
        let graph = on_quantized(op, &[(&[4, 5], x_params.clone())], &constants, Some(y_params.clone()));
        let x = noise(&[4, 5], 3);
        let actual = run(&graph, std::slice::from_ref(&x));
        let a = centered(&x, &x_params);
        for (index, &actual) in actual.as_slice::<f32>().expect("f32").iter().enumerate() {
            let (row, column) = (index / 3, index % 3);
            let w = &weight.as_slice::<i8>().expect("i8")[column * 5..][..5];
            let acc: i32 = w.iter().zip(&a[row * 5..]).map(|(&w, a)| i32::from(w) * a).sum::<i32>() + bias[column];
            let m = s_a * scales[column] / 0.02;
            assert_eq!(actual, requantized(acc as f32 * m, &y_params, low), "{index}");
        }
    }
}

#[test]
fn convolution_follows_equations_3_and_4() {
    let (x_params, y_params) = (per_tensor(DType::I8, 0.01, -20), per_tensor(DType::I8, 0.05, 3));
    let scales = [0.01_f32, 0.03];
    let weight: Vec<i8> = (0..36).map(|index| i8::try_from(index * 29 % 253 - 126).expect("small")).collect();
    let window = Window::new(&[3, 3]).with_padding(1).with_stride(2);
    let op = Op::Conv(Conv::new(window, 1));
    let constants =
        [(Tensor::from_vec(&[2, 2, 3, 3], weight.clone()).expect("36"), per_channel(DType::I8, (-127, 127), &scales))];
    let graph = on_quantized(op, &[(&[2, 2, 5, 4], x_params.clone())], &constants, Some(y_params.clone()));
    let x = noise(&[2, 2, 5, 4], 5);
    let actual = run(&graph, std::slice::from_ref(&x));
    assert_eq!(actual.shape(), [2, 2, 3, 2]);
    let a = centered(&x, &x_params);
    for (index, &actual) in actual.as_slice::<f32>().expect("f32").iter().enumerate() {
        let (image, o, row, column) = (index / 12, index / 6 % 2, index / 2 % 3, index % 2);
        let mut acc = 0;
        for (c, i, j) in (0..18).map(|tap| (tap / 9, tap / 3 % 3, tap % 3)) {
            let (y, x) = (2 * row + i, 2 * column + j);
            // The padding is the zero point: 0.
            if (1..=5).contains(&y) && (1..=4).contains(&x) {
                let w = i32::from(weight[((o * 2 + c) * 3 + i) * 3 + j]);
                acc += w * a[((image * 2 + c) * 5 + y - 1) * 4 + x - 1];
            }
        }
        let m = 0.01 * scales[o] / 0.05;
        assert_eq!(actual, requantized(acc as f32 * m, &y_params, -128), "{index}");
    }
}

#[test]
fn sums_follow_their_equation() {
    let (a_params, b_params) = (per_tensor(DType::U8, 0.01, 100), per_tensor(DType::U8, 0.007, 128));
    let y_params = per_tensor(DType::U8, 0.013, 91);
    let op = Op::Add(Add { activation: Activation::Relu });
    let inputs: [(&[usize], QuantParams); 2] = [(&[3, 2, 5], a_params.clone()), (&[2, 1], b_params.clone())];
    let graph = on_quantized(op, &inputs, &[], Some(y_params.clone()));
    let (a, b) = (noise(&[3, 2, 5], 1), noise(&[2, 1], 2));
    let actual = run(&graph, &[a.clone(), b.clone()]);
    let (a, b) = (centered(&a, &a_params), centered(&b, &b_params));
    let multipliers = [0.01_f32 / 0.013, 0.007_f32 / 0.013];
    for (index, &actual) in actual.as_slice::<f32>().expect("f32").iter().enumerate() {
        let float = sum([a[index], b[index / 5 % 2]], multipliers, [100, 128], 91);
        assert_eq!(actual, combined(float, &y_params, 91), "{index}");
    }
}

#[test]
fn poolings_follow_their_equations() {
    let x_params = per_tensor(DType::U8, 0.01, 77);
    let x = noise(&[2, 3, 4, 6], 4);
    let a = centered(&x, &x_params);
    let window = Window::new(&[2, 3]).with_stride(2);
    let taps = |index: usize| {
        let (plane, row, column) = (index / 4, index / 2 % 2, index % 2);
        (0..6).map(move |tap| (plane * 4 + 2 * row + tap / 3) * 6 + 2 * column + tap % 3)
    };

    let graph = on_quantized(Op::MaxPool(window.clone()), &[(&[2, 3, 4, 6], x_params.clone())], &[], None);
    let actual = run(&graph, std::slice::from_ref(&x));
    for (index, &actual) in actual.as_slice::<f32>().expect("f32").iter().enumerate() {
        assert_eq!(actual, 0.01 * taps(index).map(|tap| a[tap]).max().expect("six taps") as f32, "{index}");
    }

    let y_params = per_tensor(DType::I8, 0.006, -11);
    let op = Op::AveragePool(AveragePool { window, count_include_pad: false });
    let graph = on_quantized(op, &[(&[2, 3, 4, 6], x_params)], &[], Some(y_params.clone()));
    let actual = run(&graph, std::slice::from_ref(&x));
    for (index, &actual) in actual.as_slice::<f32>().expect("f32").iter().enumerate() {
        let sum: i32 = taps(index).map(|tap| a[tap]).sum();
        let m = 0.01_f32 / 0.006 / 6.0;
        assert_eq!(actual, requantized(sum as f32 * m, &y_params, -128), "{index}");
    }
}

#[test]
fn operators_that_move_elements_keep_their_parameters() {
    let params = per_tensor(DType::U8, 0.01, 128);
    let x = noise(&[2, 3, 4], 6);
    let values = quantize(&x, &params).expect("f32");
    let float = dequantize(&values, &params).expect("u8");
    let relu = run(&on_quantized(Op::Relu, &[(&[2, 3, 4], params.clone())], &[], None), std::slice::from_ref(&x));
    let transposed = Op::Transpose(Transpose { axes: vec![2, 0, 1] });
    let transposed = run(&on_quantized(transposed, &[(&[2, 3, 4], params)], &[], None), std::slice::from_ref(&x));
    for (index, &float) in float.as_slice::<f32>().expect("f32").iter().enumerate() {
        assert_eq!(relu.as_slice::<f32>().expect("f32")[index], float.max(0.0));
        let position = index % 4 * 6 + index / 4;
        assert_eq!(transposed.as_slice::<f32>().expect("f32")[position], float);
    }
}

#[test]
fn dynamic_linear_follows_equation_6() {
    let mut builder = GraphBuilder::new("dynamic");
    let x = builder.input("x", fixed(&[3, 4])).expect("valid");
    let weight: Vec<i8> = vec![100, -50, 25, 3, -127, 127, 0, 64];
    let scales = [0.01_f32, 0.02];
    let values = Tensor::from_vec(&[2, 4], weight.clone()).expect("8");
    let weight_id =
        builder.quantized_constant("w", values, per_channel(DType::I8, (-127, 127), &scales)).expect("valid");
    let op = Op::Linear(Linear { activation: Activation::None, dynamic: Some(DynamicScheme::PerRow) });
    let y = builder.node("y", op, &[x, weight_id]).expect("valid");
    builder.output(y);
    let graph = builder.finish().expect("valid");
    let x = noise(&[3, 4], 8);
    let actual = run(&graph, std::slice::from_ref(&x));
    for (index, &actual) in actual.as_slice::<f32>().expect("f32").iter().enumerate() {
        let (row, column) = (&x.as_slice::<f32>().expect("f32")[index / 2 * 4..][..4], index % 2);
        let low = row.iter().fold(0.0_f32, |low, &x| low.min(x));
        let high = row.iter().fold(0.0_f32, |high, &x| high.max(x));
        let scale = (high - low) / 255.0;
        let zero_point = (-low / scale).round_ties_even().clamp(0.0, 255.0);
        let quantized = |x: f32| ((x / scale).round_ties_even() + zero_point).clamp(0.0, 255.0) - zero_point;
        let acc: f32 = row.iter().zip(&weight[column * 4..]).map(|(&x, &w)| quantized(x) * f32::from(w)).sum();
        assert_eq!(actual, acc * (scale * scales[column]) + 0.0, "{index}");
    }
}

#[test]
fn fake_quantization_gives_the_numbers_that_quantized_values_stand_for() {
    let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.5, 1.5, -2.5, 1e30, 8_388_609.0, -8_388_609.5];
    let wide = noise(&[2, 3, 40], 9);
    let wide = wide.as_slice::<f32>().expect("f32").iter().map(|x| x * 40_000.0);
    let x = Tensor::from_vec(&[1, 250], wide.chain(special).collect()).expect("as many");
    for (ty, scale, zero_point) in [
        (QuantType::U16, 0.7, 31_000),
        (QuantType::I16, 1.0, -5),
        (QuantType::I32, 0.3, 0),
        (QuantType::I4, 5000.0, 2),
        (QuantType::U8, 300.0, 100),
    ] {
        let granularity = Granularity::PerTensor { scale: Scale::new(scale).expect("normal"), zero_point };
        let params = QuantParams::of_range(QuantRange::full(ty), granularity).expect("valid");
        let expected = fake_quantize(&x, &params, Quotient::Division).expect("f32").values;
        let found = run(&super::one_node(Op::FakeQuantize(params), &[&[1, 250]], &[]), std::slice::from_ref(&x));
        assert_eq!(found.bytes(), expected.bytes(), "{ty}");
    }
}

#[test]
fn channels_are_fake_quantized_with_their_own_scales() {
    let x = Tensor::from_vec(&[2, 2, 2], vec![0.3_f32, 0.7, 0.3, 0.7, 9.0, -9.0, 9.0, -9.0]).expect("eight");
    let op = Op::FakeQuantize(on_axis(1, DType::I8, (-2, 1), &[0.5, 1.0]));
    let found = run(&super::one_node(op, &[&[2, 2, 2]], &[]), std::slice::from_ref(&x));
    assert_eq!(found.as_slice::<f32>(), Ok(&[0.5, 0.5, 0.0, 1.0, 0.5, -1.0, 1.0, -2.0][..]));
}

//! Products and convolutions against what ONNX Runtime and PyTorch compute, on every kernel.
#![expect(clippy::cast_possible_truncation, reason = "the formulas of the peers are in f32")]

mod conv;
mod file;
mod linear;
mod products;

use file::{Case, Tensor};
use fourfold_kernels::{QuantizedSlice, Requantized, Scales, ZeroPoints, reference};

/// The cases of operators, of which there are so many.
fn cases(operators: &[&str], count: usize) -> Vec<Case> {
    let mut cases = file::cases("tests/data/vectors");
    cases.retain(|case| operators.contains(&case.operator.as_str()));
    assert_eq!(cases.len(), count, "{operators:?}");
    cases
}

/// The elements as signed bytes, for [`values`].
fn signed(tensor: &Tensor) -> Vec<i8> {
    tensor.bytes().iter().map(|byte| byte.cast_signed()).collect()
}

/// The elements as quantized values; `signed` are the same bytes.
fn values<'a>(tensor: &'a Tensor, signed: &'a [i8]) -> QuantizedSlice<'a> {
    if tensor.is_signed() { QuantizedSlice::I8(signed) } else { QuantizedSlice::U8(tensor.bytes()) }
}

/// One zero point, or one for each column; 0 if there is none.
fn zero_points(list: &[i32]) -> ZeroPoints<'_> {
    match list {
        [] => ZeroPoints::One(0),
        [one] => ZeroPoints::One(*one),
        each => ZeroPoints::Each(each),
    }
}

fn integers(case: &Case, role: &str) -> Vec<i32> {
    case.get(role).map(Tensor::integers).unwrap_or_default()
}

/// The only element.
fn number(case: &Case, role: &str) -> f32 {
    case.tensor(role).reals()[0]
}

/// The multipliers of equation (4), one for each scale of the weight.
fn multipliers(case: &Case, [a, w]: [&str; 2]) -> Vec<f32> {
    let (s_a, s_y) = (number(case, a), number(case, "y_scale"));
    case.tensor(w).reals().iter().map(|s_w| s_a * s_w / s_y).collect()
}

fn scales(list: &[f32]) -> Scales<'_> {
    if let [one] = list { Scales::One(*one) } else { Scales::Each(list) }
}

/// A result of quantized values with the parameters of the case.
fn requantized<'a, T>(
    case: &Case,
    out: &'a mut [T],
    columns: usize,
    bias: Option<&'a [i32]>,
    multipliers: &'a [f32],
) -> Requantized<'a, T> {
    let y = case.tensor("y_zero_point");
    let zero_point = y.integers()[0];
    let (min, q_max) = if y.is_signed() { (-128, 127) } else { (0, 255) };
    let q_min = if case.number("relu") == Some(1) { zero_point } else { min };
    let multipliers = scales(multipliers);
    Requantized { out, row_stride: columns, bias, multipliers, zero_point, q_min, q_max, residual: None }
}

/// A bias in floats as the quantized values that are added to the sums, equation (5).
fn bias_values(case: &Case, [x, w]: [&str; 2]) -> Option<Vec<i32>> {
    let bias = case.get("bias")?.reals();
    let (s_x, s_w) = (number(case, x), case.tensor(w).reals());
    let scale = |channel: usize| f64::from(s_x) * f64::from(s_w[if s_w.len() == 1 { 0 } else { channel }]);
    let values = bias.iter().enumerate().map(|(channel, &b)| (f64::from(b) / scale(channel)).round_ties_even() as i32);
    Some(values.collect())
}

/// Asserts that quantized values are those of PyTorch; within one step where it adds a bias in floats.
fn assert_values(case: &Case, role: &str, actual: &[u8], steps: u8) {
    let expected = case.tensor(role).bytes();
    assert_eq!(actual.len(), expected.len(), "{}", case.name);
    for (index, (&actual, &expected)) in actual.iter().zip(expected).enumerate() {
        assert!(actual.abs_diff(expected) <= steps, "{} {index}: {actual}, expected {expected}", case.name);
    }
}

/// The quantized value of the float as PyTorch makes it: by the reciprocal of the scale.
fn quantized_by_reciprocal(x: f32, scale: f32, zero_point: i32) -> u8 {
    let affine = fourfold_kernels::Affine { scale: 1.0, zero_point, q_min: 0, q_max: 255 };
    u8::try_from(reference::quantize(x * (1.0 / scale), affine)).expect("a code")
}

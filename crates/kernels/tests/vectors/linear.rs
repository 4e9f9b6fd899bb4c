//! Linear layers of PyTorch.

use fourfold_kernels::{F32Output, Kernel, Lhs, Output, QuantizedSlice, Scales, Scratch, Weights, ZeroPoints};

use super::file::Tensor;
use super::{
    assert_values, bias_values, cases, integers, multipliers, quantized_by_reciprocal, requantized, scales, signed,
    zero_points,
};

#[test]
fn static_layers_are_those_of_pytorch() {
    for case in cases(&["torch.linear", "torch.linear_relu"], 79) {
        let (x, w) = (case.tensor("x_q"), case.tensor("w_q"));
        let [n, k] = w.shape[..] else { panic!("{:?}", w.shape) };
        let m = x.shape[..x.shape.len() - 1].iter().product();
        let (zero_point, w_signed) = (case.tensor("x_zero_point").integers()[0], signed(w));
        let w_zero = integers(&case, "w_zero_point");
        let multipliers = multipliers(&case, ["x_scale", "w_scale"]);
        let bias = bias_values(&case, ["x_scale", "w_scale"]);
        // PyTorch adds the bias in floats.
        let steps = u8::from(bias.is_some());
        for kernel in Kernel::supported() {
            let (values, x_zero) = (QuantizedSlice::U8(x.bytes()), ZeroPoints::One(zero_point));
            let lhs = Lhs { values, m, row_stride: k, zero_points: x_zero };
            let packed = kernel.pack(&Weights::row_major(QuantizedSlice::I8(&w_signed), n, k, zero_points(&w_zero)));
            let mut out = vec![0_u8; m * n];
            let output = Output::U8(requantized(&case, &mut out, n, bias.as_deref(), &multipliers));
            kernel.gemm(&lhs, &packed.expect("valid"), output, &mut Scratch::default()).expect("a valid product");
            assert_values(&case, "y_q", &out, steps);
        }
    }
}

/// The scale and zero point that PyTorch finds, in `f64` (`ChooseQuantizationParams`).
fn parameters(x: &[f32], q_max: f64) -> (f32, i32) {
    const SMALLEST: f32 = 6.1e-5;
    let mut low = f64::from(x.iter().fold(0.0_f32, |low, &x| low.min(x)));
    let mut high = f64::from(x.iter().fold(0.0_f32, |high, &x| high.max(x)));
    let mut scale = (high - low) / q_max;
    if scale as f32 == 0.0 || (1.0 / scale as f32).is_infinite() {
        scale = 0.1;
    }
    if scale < f64::from(SMALLEST) {
        let (before, width) = (scale as f32, f64::from(SMALLEST * q_max as f32));
        scale = f64::from(SMALLEST);
        let enlarged = |end: f64| f64::from(end as f32 * (SMALLEST / before));
        (low, high) = match (low, high) {
            (0.0, _) => (low, width),
            (_, 0.0) => (-width, high),
            _ => (enlarged(low), enlarged(high)),
        };
    }
    let (below, above) = (low / scale, high / scale);
    let zero_point = if -below.abs() < q_max - above.abs() { -below } else { q_max - above };
    (scale as f32, zero_point.clamp(0.0, q_max).round_ties_even() as i32)
}

#[test]
fn dynamic_layers_are_those_of_pytorch() {
    for case in cases(&["torch.linear_dynamic", "torch.linear_relu_dynamic"], 88) {
        let (x, w) = (case.tensor("x"), case.tensor("w_q"));
        let [n, k] = w.shape[..] else { panic!("{:?}", w.shape) };
        let m = x.shape[..x.shape.len() - 1].iter().product();
        let (scale, zero_point) = match case.get("found_x_scale") {
            Some(scale) => (scale.reals()[0], case.tensor("found_x_zero_point").integers()[0]),
            None => parameters(&x.reals(), if case.number("reduce_range") == Some(1) { 127.0 } else { 255.0 }),
        };
        let a: Vec<u8> = x.reals().iter().map(|&x| quantized_by_reciprocal(x, scale, zero_point)).collect();
        let (w_signed, w_scales) = (signed(w), case.tensor("w_scale").reals());
        let bias = case.get("bias").map(Tensor::reals);
        let expected = case.tensor("y").reals();
        let largest = expected.iter().fold(0.0_f32, |largest, y| largest.max(y.abs()));
        assert_eq!(case.tolerance, "relmax:3e-7");
        for kernel in Kernel::supported() {
            let packed = kernel.pack(&Weights::row_major(QuantizedSlice::I8(&w_signed), n, k, ZeroPoints::One(0)));
            let lhs =
                Lhs { values: QuantizedSlice::U8(&a), m, row_stride: k, zero_points: ZeroPoints::One(zero_point) };
            let mut out = vec![0.0; m * n];
            let output = Output::F32(F32Output {
                out: &mut out,
                row_stride: n,
                row_scales: Scales::One(scale),
                column_scales: scales(&w_scales),
                bias: bias.as_deref(),
                min: if case.operator.contains("relu") { 0.0 } else { f32::NEG_INFINITY },
                max: f32::INFINITY,
            });
            kernel.gemm(&lhs, &packed.expect("valid"), output, &mut Scratch::default()).expect("a valid product");
            for (index, (actual, expected)) in out.iter().zip(&expected).enumerate() {
                let error = (actual - expected).abs();
                assert!(error <= 3e-7 * largest, "{} {index}: {actual}, expected {expected}", case.name);
            }
        }
    }
}

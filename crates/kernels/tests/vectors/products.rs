//! Products of matrices.

use fourfold_kernels::{
    Dynamic, F32Output, I32Output, Kernel, Lhs, Output, QuantizedSlice, Scales, Scratch, Weights, ZeroPoints,
};

use super::file::{Case, Content, Tensor};
use super::{cases, integers, multipliers, number, requantized, scales, signed, values, zero_points};

/// `m, n, k` of `[.., m, k] * [.., k, n]`.
fn sizes(a: &Tensor, b: &Tensor) -> [usize; 3] {
    let ([.., m, _], [.., k, n]) = (&a.shape[..], &b.shape[..]) else { panic!("{:?} {:?}", a.shape, b.shape) };
    [*m, *n, *k]
}

/// Which matrix of an operand belongs to matrix `index` of a result with these outer axes.
fn matrix(mut index: usize, outer: &[usize], shape: &[usize]) -> usize {
    let own = &shape[..shape.len() - 2];
    let (mut found, mut stride) = (0, 1);
    for back in 1..=outer.len() {
        let place = index % outer[outer.len() - back];
        index /= outer[outer.len() - back];
        let Some(&size) = own.len().checked_sub(back).map(|axis| &own[axis]) else { continue };
        found += if size == 1 { 0 } else { place * stride };
        stride *= size;
    }
    found
}

#[test]
fn sums_are_those_of_onnx_runtime() {
    for case in cases(&["MatMulInteger"], 281) {
        let long = long_sum(&case);
        let (a, b) = long.as_ref().map_or_else(|| (case.tensor("a"), case.tensor("b")), |[a, b]| (a, b));
        let (a_signed, b_signed) = (signed(a), signed(b));
        let (a_zero, b_zero) = (integers(&case, "a_zero_point"), integers(&case, "b_zero_point"));
        let ([m, n, k], shape) = (sizes(a, b), &case.tensor("y").shape);
        let outer = &shape[..shape.len() - 2];
        let mut all = vec![0_i32; shape.iter().product()];
        for kernel in Kernel::supported() {
            for (index, out) in all.chunks_exact_mut((m * n).max(1)).enumerate() {
                let a_values = part(values(a, &a_signed), matrix(index, outer, &a.shape) * m * k, m * k);
                let b_values = part(values(b, &b_signed), matrix(index, outer, &b.shape) * k * n, k * n);
                let lhs = Lhs { values: a_values, m, row_stride: k, zero_points: zero_points(&a_zero) };
                let packed = kernel.pack(&Weights::column_major(b_values, n, k, zero_points(&b_zero)));
                let output = Output::I32(I32Output { out, row_stride: n, bias: None });
                let scratch = &mut Scratch::default();
                kernel.gemm(&lhs, &packed.expect("valid weights"), output, scratch).expect("a valid product");
            }
            assert!(case.tensor("y").is(&bytes(&all)), "{} on {}", case.name, kernel.name());
        }
    }
}

/// The quantized values of one matrix.
fn part(values: QuantizedSlice<'_>, from: usize, length: usize) -> QuantizedSlice<'_> {
    match values {
        QuantizedSlice::I8(values) => QuantizedSlice::I8(&values[from..from + length]),
        QuantizedSlice::U8(values) => QuantizedSlice::U8(&values[from..from + length]),
    }
}

/// The operands of a case that says only which quantized value is repeated, on the right one in the first half and one
/// in the second.
fn long_sum(case: &Case) -> Option<[Tensor; 2]> {
    let (a, b) = (case.get("a_value")?, case.tensor("b_values").bytes());
    let k = usize::try_from(integers(case, "k")[0]).expect("a size");
    let tensor = |dtype: &str, shape: [usize; 2], bytes: Vec<u8>| Tensor {
        dtype: dtype.to_owned(),
        shape: shape.to_vec(),
        content: Content::Bytes(bytes),
    };
    let halves = [vec![b[0]; k / 2], vec![b[1]; k - k / 2]].concat();
    Some([tensor("u8", [1, k], vec![a.bytes()[0]; k]), tensor("i8", [k, 1], halves)])
}

fn bytes(sums: &[i32]) -> Vec<u8> {
    sums.iter().flat_map(|sum| sum.to_le_bytes()).collect()
}

fn bytes_of_reals(reals: &[f32]) -> Vec<u8> {
    reals.iter().flat_map(|real| real.to_le_bytes()).collect()
}

#[test]
fn values_are_those_of_onnx_runtime() {
    for case in cases(&["QLinearMatMul"], 66) {
        let (a, b) = (case.tensor("a"), case.tensor("b"));
        let (a_signed, b_signed) = (signed(a), signed(b));
        let (a_zero, b_zero) = (integers(&case, "a_zero_point"), integers(&case, "b_zero_point"));
        let [m, n, k] = sizes(a, b);
        let multipliers = multipliers(&case, ["a_scale", "b_scale"]);
        for kernel in Kernel::supported() {
            let lhs = Lhs { values: values(a, &a_signed), m, row_stride: k, zero_points: zero_points(&a_zero) };
            let weights = Weights::column_major(values(b, &b_signed), n, k, zero_points(&b_zero));
            let packed = kernel.pack(&weights).expect("valid weights");
            let (mut unsigned, mut signed) = (vec![0_u8; m * n], vec![0_i8; m * n]);
            let is_signed = case.tensor("y").is_signed();
            let output = match is_signed {
                true => Output::I8(requantized(&case, &mut signed, n, None, &multipliers)),
                false => Output::U8(requantized(&case, &mut unsigned, n, None, &multipliers)),
            };
            kernel.gemm(&lhs, &packed, output, &mut Scratch::default()).expect("a valid product");
            let bytes = if is_signed { signed.iter().map(|code| code.cast_unsigned()).collect() } else { unsigned };
            assert!(case.tensor("y").is(&bytes), "{} on {}", case.name, kernel.name());
        }
    }
}

/// The real product of a case whose left side has these quantized values and parameters.
fn real_product(case: &Case, kernel: Kernel, lhs: &Lhs<'_>, row_scale: f32) -> Vec<f32> {
    let b = case.tensor("b");
    let (b_signed, b_zero) = (signed(b), integers(case, "b_zero_point"));
    let [k, n] = b.shape[..] else { panic!("{:?}", b.shape) };
    let packed = kernel.pack(&Weights::column_major(values(b, &b_signed), n, k, zero_points(&b_zero)));
    let bias = case.get("bias").map(Tensor::reals);
    let column_scales = case.tensor("b_scale").reals();
    let mut out = vec![0.0; lhs.m * n];
    let output = Output::F32(F32Output {
        out: &mut out,
        row_stride: n,
        row_scales: Scales::One(row_scale),
        column_scales: scales(&column_scales),
        bias: bias.as_deref(),
        min: f32::NEG_INFINITY,
        max: f32::INFINITY,
    });
    kernel.gemm(lhs, &packed.expect("valid weights"), output, &mut Scratch::default()).expect("a valid product");
    out
}

#[test]
fn real_products_of_values_are_those_of_onnx_runtime() {
    for case in cases(&["MatMulIntegerToFloat"], 12) {
        let a = case.tensor("a");
        let (a_signed, a_zero) = (signed(a), integers(&case, "a_zero_point"));
        let [m, k] = a.shape[..] else { panic!("{:?}", a.shape) };
        for kernel in Kernel::supported() {
            let lhs = Lhs { values: values(a, &a_signed), m, row_stride: k, zero_points: zero_points(&a_zero) };
            let out = real_product(&case, kernel, &lhs, number(&case, "a_scale"));
            assert!(case.tensor("y").is(&bytes_of_reals(&out)), "{} on {}", case.name, kernel.name());
        }
    }
}

#[test]
fn dynamic_products_are_those_of_onnx_runtime() {
    for case in cases(&["DynamicQuantizeMatMul"], 8) {
        let x = case.tensor("x");
        let [m, k] = x.shape[..] else { panic!("{:?}", x.shape) };
        for kernel in Kernel::supported() {
            let mut a = vec![0; m * k];
            let affine = kernel.quantize_tensor(Dynamic::Affine, &x.reals(), &mut a).expect("one length");
            let values = QuantizedSlice::U8(&a);
            let lhs = Lhs { values, m, row_stride: k, zero_points: ZeroPoints::One(affine.zero_point) };
            let out = real_product(&case, kernel, &lhs, affine.scale);
            assert!(case.tensor("y").is(&bytes_of_reals(&out)), "{} on {}", case.name, kernel.name());
        }
    }
}

//! Tensors of packed codes.

use fourfold_tensor::{DType, Tensor};
use proptest::prelude::*;

use super::*;
use crate::{CodeRange, Scale, Sharing, ZeroPoints, quantize_by_reciprocal};

fn scales(values: &[f32]) -> Vec<Scale> {
    values.iter().map(|&value| Scale::new(value).expect("normal")).collect()
}

fn params(codes: CodeRange, sharing: Sharing, values: &[f32], zero_points: &[i32]) -> CodeParams {
    CodeParams::new(codes, sharing, scales(values), ZeroPoints::Integer(zero_points.to_vec())).expect("valid")
}

#[test]
fn groups_of_4_bits_are_packed() {
    let x = Tensor::from_slice(&[2, 3], &[1.0_f32, -2.0, 4.0, 0.5, 9.0, f32::NAN]).expect("six");
    let sharing = Sharing::PerGroup { axis: 1, size: 2 };
    let params = params(CodeRange::full(CodeType::I4), sharing, &[1.0, 2.0, 0.5, 1.0], &[0, 1, -1, 3]);
    let codes = QuantTensor::quantize(&x, &params, Quotient::Division).expect("fits");
    assert_eq!(codes.packed(), [0xe1, 0x03, 0x37]);
    let unpacked = codes.unpacked().expect("small");
    assert_eq!(unpacked.as_slice::<i8>(), Ok(&[1, -2, 3, 0, 7, 3][..]));
    let real = codes.dequantize().expect("small");
    assert_eq!(real.as_slice::<f32>(), Ok(&[1.0, -2.0, 4.0, 0.5, 4.0, 0.0][..]));
    assert_eq!(QuantTensor::from_packed(&[2, 3], codes.packed(), params), Ok(codes));
}

#[test]
fn codes_of_16_and_32_bits_are_exact() {
    let x = Tensor::from_slice(&[4], &[-3e9_f32, -1.0, 70_000.0, 3e9]).expect("four");
    for (ty, expected) in [
        (CodeType::I16, [-32_768, -2, 32_767, 32_767]),
        (CodeType::U16, [0, 0, 65_535, 65_535]),
        (CodeType::I32, [i32::MIN, -2, 140_000, i32::MAX]),
    ] {
        let params = CodeParams::per_tensor(CodeRange::full(ty), Scale::new(0.5).expect("normal"), 0).expect("valid");
        let codes = QuantTensor::quantize(&x, &params, Quotient::Division).expect("fits");
        assert_eq!(codes.unpacked().expect("small").as_slice::<i32>(), Ok(&expected[..]), "{ty}");
        assert_eq!(codes.packed().len(), 4 * ty.bits() as usize / 8);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let codes = CodeRange::new(CodeType::U4, 1, 14).expect("codes");
    let one = params(codes, Sharing::PerTensor, &[1.0], &[1]);
    let outside = QuantTensor::from_codes(&[3], &[1, 14, 15], one.clone());
    assert_eq!(outside, Err(Error::Code { index: 2, value: 15, codes }));
    assert!(matches!(QuantTensor::from_codes(&[4], &[1, 2, 3], one.clone()), Err(Error::Tensor(_))));
    assert!(matches!(QuantTensor::from_packed(&[3], &[0x11], one.clone()), Err(Error::PackedLength { .. })));
    assert!(matches!(QuantTensor::from_packed(&[2], &[0x01], one), Err(Error::Code { index: 1, value: 0, .. })));
    let channels = params(codes, Sharing::PerChannel { axis: 1 }, &[1.0, 2.0], &[1, 1]);
    let x = Tensor::zeros(DType::F32, &[2, 3]).expect("small");
    let refused = QuantTensor::quantize(&x, &channels, Quotient::Division);
    assert!(matches!(refused, Err(Error::Sharing { count: 2, .. })));
}

#[test]
fn empty_tensors_stay_empty() {
    let x = Tensor::zeros(DType::F32, &[0, 3]).expect("empty");
    for ty in CodeType::ALL {
        let groups = Sharing::PerGroup { axis: 1, size: 2 };
        for params in [params(CodeRange::full(ty), groups, &[], &[]), {
            params(CodeRange::full(ty), Sharing::PerTensor, &[1.0], &[0])
        }] {
            let codes = QuantTensor::quantize(&x, &params, Quotient::Division).expect("fits");
            assert!(codes.packed().is_empty());
            assert_eq!(codes.dequantize(), Ok(x.clone()));
        }
    }
}

proptest! {
    /// The kernels, the reciprocal of graphs' parameters, and the arithmetic of one element have the same bits.
    #[test]
    fn bytes_have_the_bits_of_graphs(
        x in proptest::collection::vec(proptest::num::f32::ANY, 24), values in proptest::collection::vec(1e-4_f32..1e4, 3),
        zero_points in proptest::collection::vec(-100_i32..=100, 3), is_signed: bool,
    ) {
        let ty = if is_signed { CodeType::I8 } else { CodeType::U8 };
        let codes = CodeRange::new(ty, ty.range().0 + 1, ty.range().1 - 1).expect("codes");
        let zero_points: Vec<i32> = zero_points.iter().map(|&zero_point| codes.clamp(zero_point)).collect();
        let channels = params(codes, Sharing::PerChannel { axis: 1 }, &values, &zero_points);
        // Groups of one element on the same axis share as channels do, but no kernel runs them.
        let each = |list: &[f32]| [list, list].concat();
        let twice = [&zero_points[..], &zero_points].concat();
        let x: Vec<f32> = x.iter().enumerate().map(|(at, &x)| if at % 2 == 0 { x } else { x % 300.0 * values[at / 4 % 3] }).collect();
        let x = Tensor::from_slice(&[2, 3, 4], &x).expect("fits");
        let graph = QuantParams::try_from(&channels).expect("bytes per channel");
        for quotient in [Quotient::Division, Quotient::Reciprocal] {
            let wide = QuantTensor::quantize(&x, &channels, quotient).expect("fits");
            let narrow = if quotient == Quotient::Division { quantize(&x, &graph) } else { quantize_by_reciprocal(&x, &graph) };
            prop_assert_eq!(wide.unpacked(), narrow.clone());
            let rows = x.reshape(&[6, 4]).expect("24");
            let groups = params(codes, Sharing::PerGroup { axis: 1, size: 4 }, &each(&values), &twice);
            let grouped = QuantTensor::quantize(&rows, &groups, quotient).expect("fits");
            prop_assert_eq!(grouped.packed(), wide.packed());
            let real = grouped.dequantize().expect("small").reshape(&[2, 3, 4]).expect("24");
            prop_assert_eq!(real, dequantize(&narrow.expect("fits"), &graph).expect("fits"));
        }
    }
}

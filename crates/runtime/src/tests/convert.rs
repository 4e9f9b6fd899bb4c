//! Conversions between types: floats against NumPy 2.4 (`astype`), which rounds `f64` to `f16` once, as ONNX
//! Runtime does not; others against ONNX Runtime 1.32.

use std::sync::Arc;

use fourfold_graph::{Cast, CastTo, GraphBuilder, Op, ValueType};
use fourfold_tensor::{DType, Tensor, bf16, f16};

use crate::{Options, Plan, Session};

fn cast(x: &Tensor, to: DType) -> Tensor {
    let mut builder = GraphBuilder::new("cast");
    let input = builder.input("x", ValueType::plain(x.dtype(), &["n".into()])).expect("valid");
    let y = builder.node("y", Op::Cast(Cast { to: CastTo::of(to) }), &[input]).expect("a conversion");
    builder.output(y);
    let graph = builder.finish().expect("a valid graph");
    let plan = Plan::compile(&graph, &Options::default()).expect("a plan");
    Session::new(Arc::new(plan)).run(std::slice::from_ref(x)).expect("a run")[0].clone()
}

fn of<T: fourfold_tensor::Element>(elements: &[T]) -> Tensor {
    Tensor::from_slice(&[elements.len()], elements).expect("as many")
}

#[test]
fn real_numbers_are_rounded_once() {
    // 1 + 2^-11 is half way between two f16, 1 + 2^-11 + 2^-40 is above: as f32 first, both would be the same.
    let above = 1.0 + 2_f64.powi(-11) + 2_f64.powi(-40);
    let x = of(&[0.1, 1.0 + 2_f64.powi(-11), above, 65_519.0, 65_520.0, -1e300, 1e-300, f64::NEG_INFINITY]);
    let bits = [0x2E66, 0x3C00, 0x3C01, 0x7BFF, 0x7C00, 0xFC00, 0x0000, 0xFC00].map(f16::from_bits);
    assert_eq!(cast(&x, DType::F16), of(&bits));
    let singles = cast(&x, DType::F32);
    assert_eq!(singles.as_slice::<f32>().expect("f32")[..2], [0.1_f32, 1.000_488_3]);
    let halves = of(&[f16::from_bits(0x0001), f16::MAX, f16::NEG_INFINITY]);
    assert_eq!(cast(&halves, DType::F64), of(&[2_f64.powi(-24), 65_504.0, f64::NEG_INFINITY]));
    let brains = [0x3DCD, 0x3F80, 0x7F80].map(bf16::from_bits);
    assert_eq!(cast(&of(&[0.1_f32, 1.0 + 2_f32.powi(-8), f32::MAX]), DType::BF16), of(&brains));
    assert_eq!(cast(&of(&brains), DType::F32), of(&[f32::from_bits(0x3DCD_0000), 1.0, f32::INFINITY]));
    assert!(cast(&of(&[f64::NAN]), DType::BF16).as_slice::<bf16>().expect("bf16")[0].is_nan());
}

#[test]
fn integers_and_truth_values_come_and_go() {
    for dtype in [DType::F16, DType::BF16, DType::F64] {
        let float = cast(&of(&[-3.75_f32, 0.5, -0.0, 100.25]), dtype);
        assert_eq!(cast(&float, DType::I64), of(&[-3_i64, 0, 0, 100]), "{dtype}");
        assert_eq!(cast(&float, DType::I32), of(&[-3_i32, 0, 0, 100]), "{dtype}");
        assert_eq!(cast(&float, DType::I8), of(&[-3_i8, 0, 0, 100]), "{dtype}");
        assert_eq!(cast(&float, DType::U8), of(&[253_u8, 0, 0, 100]), "{dtype}");
        let bools = Tensor::from_bools(&[4], &[true, true, false, true]).expect("four");
        assert_eq!(cast(&float, DType::Bool), bools, "{dtype}");
        let ones = cast(&bools, dtype);
        assert_eq!(cast(&ones, DType::F32), of(&[1.0_f32, 1.0, 0.0, 1.0]), "{dtype}");
        let nothing = cast(&of::<f32>(&[]), dtype);
        assert_eq!((nothing.dtype(), nothing.len()), (dtype, 0));
    }
    let wide = of(&[2_147_483_647.75, -2_147_483_648.75, 1e18, f64::NAN, 9_007_199_254_740_993.0]);
    assert_eq!(cast(&wide, DType::I32), of(&[i32::MAX, i32::MIN, i32::MIN, i32::MIN, i32::MIN]));
    let longs = [2_147_483_647, -2_147_483_648, 1_000_000_000_000_000_000, i64::MIN, 9_007_199_254_740_992];
    assert_eq!(cast(&wide, DType::I64), of(&longs));
    // Single precision has 24 bits, double precision 53.
    assert_eq!(cast(&of(&[16_777_217_i64, -1]), DType::F64), of(&[16_777_217.0, -1.0]));
    let halves = [f16::INFINITY, f16::NEG_INFINITY, f16::from_f32(2048.0)];
    assert_eq!(cast(&of(&[70_000_i32, -70_000, 2049]), DType::F16), of(&halves));
}

//! Operators that compute every element by itself.

use fourfold::graph::{Activation, Add, Binary, Cast, CastTo, Clip, Comparison, Logic, Op, Unary};
use fourfold::tensor::DType;

use crate::case::{Case, Holds, params, per_channel};

/// Functions of one element.
pub(crate) fn functions() -> Vec<Case> {
    let unary = [
        Unary::Exp,
        Unary::Log,
        Unary::Sqrt,
        Unary::Reciprocal,
        Unary::Neg,
        Unary::Abs,
        Unary::Tanh,
        Unary::Erf,
        Unary::Sigmoid,
        Unary::Silu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::HardSigmoid { alpha: 0.3, beta: 0.4 },
        Unary::HardSwish,
        Unary::LeakyRelu { slope: 0.1 },
        Unary::Elu { alpha: 1.5 },
    ];
    let others = [
        Op::Relu,
        Op::Clip(Clip { min: -0.5, max: 0.25 }),
        Op::Identity,
        Op::QuantStub,
        Op::DeQuantStub,
        Op::Quantize,
        Op::Dequantize,
        Op::Not,
    ];
    let all = others.into_iter().chain(unary.map(Op::Unary));
    let mut cases: Vec<Case> = all
        .map(|op| {
            let holds = if op == Op::Not { Holds::Bools } else { Holds::Floats };
            Case::of(op, &["nc"]).holding(holds)
        })
        .collect();
    cases.extend([Unary::Neg, Unary::Abs].map(|op| Case::of(Op::Unary(op), &["nc"]).holding(Holds::Integers)));
    let four_bits = per_channel(DType::I8, (-8, 7), &[0.1, 0.2, 0.3]);
    let some = per_channel(DType::I8, (-100, 100), &[0.1, 0.2, 0.3]);
    cases.push(Case::of(Op::FakeQuantize(params(DType::U8, 0.1, 3)), &["n3c"]));
    cases.push(Case::of(Op::FakeQuantize(four_bits), &["n3c"]));
    cases.push(Case::of(Op::FakeQuantize(some), &["n3c"]).called("some values of a type, several scales"));
    cases
}

/// Functions of two or three elements, with broadcasting.
pub(crate) fn pairs() -> Vec<Case> {
    let floats = [Binary::Sub, Binary::Mul, Binary::Div, Binary::Min, Binary::Max, Binary::Pow].map(Op::Binary);
    let sums = [Activation::None, Activation::Relu].map(|activation| Op::Add(Add { activation }));
    let floats = || floats.iter().chain(&sums).cloned();
    let mut cases = Vec::new();
    for (a, b) in [("nc", "nc"), ("nc", "c"), ("n1", "1c"), ("nc", "1")] {
        cases.extend(floats().map(|op| Case::of(op, &[a, b])));
    }
    let wrapping = [Binary::Sub, Binary::Mul, Binary::Min, Binary::Max].map(Op::Binary);
    let wrapping = wrapping.into_iter().chain([Op::Add(Add { activation: Activation::None })]);
    cases.extend(wrapping.map(|op| Case::of(op, &["n1", "1c"]).holding(Holds::Integers)));
    let divisions = [Binary::Div, Binary::Mod, Binary::Fmod].map(Op::Binary);
    cases.extend(divisions.map(|op| Case::mixed(op, &[("n1", Holds::Integers), ("1c", Holds::Divisors)])));
    cases.push(Case::of(Op::Binary(Binary::Fmod), &["nc", "c"]));
    cases.push(Case::of(Op::Binary(Binary::Mod), &["nc", "c"]).called("floats"));
    let comparisons =
        [Comparison::Equal, Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual];
    cases.extend(comparisons.map(|comparison| Case::of(Op::Compare(comparison), &["n1", "1c"])));
    let logic = [Logic::And, Logic::Or, Logic::Xor];
    cases.extend(logic.map(|function| Case::of(Op::Logic(function), &["n1", "1c"]).holding(Holds::Bools)));
    cases.push(Case::mixed(Op::Where, &[("n1", Holds::Bools), ("1c", Holds::Floats), ("nc", Holds::Floats)]));
    cases
}

pub(crate) fn casts() -> Vec<Case> {
    let all = [
        CastTo::F32,
        CastTo::I64,
        CastTo::I32,
        CastTo::Bool,
        CastTo::I8,
        CastTo::U8,
        CastTo::F16,
        CastTo::BF16,
        CastTo::F64,
    ];
    let mut cases = Vec::from(all.map(|to| Case::of(Op::Cast(Cast { to }), &["nc"])));
    cases.extend(all.map(|to| Case::of(Op::Cast(Cast { to }), &["nc"]).holding(Holds::Integers)));
    cases.push(Case::of(Op::Cast(Cast { to: CastTo::F32 }), &["nc"]).holding(Holds::Bools));
    cases
}

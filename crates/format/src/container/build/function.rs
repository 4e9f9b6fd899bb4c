//! Functions of one and two numbers, and reductions, to their numbers in the file and back.

use fourfold_graph::{Binary, Op, OpKind, Reduction, Unary};

use crate::Error;

/// The functions by their number; those with parameters with any.
const UNARY: [Unary; 16] = [
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
    Unary::HardSigmoid { alpha: 0.0, beta: 0.0 },
    Unary::HardSwish,
    Unary::LeakyRelu { slope: 0.0 },
    Unary::Elu { alpha: 0.0 },
];

const BINARY: [Binary; 8] =
    [Binary::Sub, Binary::Mul, Binary::Div, Binary::Min, Binary::Max, Binary::Pow, Binary::Mod, Binary::Fmod];

const REDUCTIONS: [Reduction; 5] = [Reduction::Mean, Reduction::Sum, Reduction::Max, Reduction::Min, Reduction::L2];

/// The number of a function and its parameters, 0 where there are none.
pub(super) fn unary_record(function: Unary) -> Result<(u8, [f32; 2]), Error> {
    let kind = Op::Unary(function).kind();
    let number = number(&UNARY, |known| Op::Unary(*known).kind() == kind, kind)?;
    Ok((number, function.parameters().map(Option::unwrap_or_default)))
}

pub(super) fn unary(number: u8, [first, second]: [f32; 2], part: &str) -> Result<Unary, Error> {
    Ok(match *known(&UNARY, number, part)? {
        Unary::HardSigmoid { .. } => Unary::HardSigmoid { alpha: first, beta: second },
        Unary::LeakyRelu { .. } => Unary::LeakyRelu { slope: first },
        Unary::Elu { .. } => Unary::Elu { alpha: first },
        plain if [first, second] == [0.0; 2] => plain,
        _ => return Err(Error::corrupt(part, format!("function {number} has parameters"))),
    })
}

pub(super) fn binary_record(function: Binary) -> Result<u8, Error> {
    number(&BINARY, |known| *known == function, Op::Binary(function).kind())
}

pub(super) fn binary(number: u8, part: &str) -> Result<Binary, Error> {
    known(&BINARY, number, part).copied()
}

pub(super) fn reduction_record(reduction: Reduction) -> Result<u8, Error> {
    number(&REDUCTIONS, |known| *known == reduction, OpKind::ReduceMean)
}

pub(super) fn reduction(number: u8, part: &str) -> Result<Reduction, Error> {
    known(&REDUCTIONS, number, part).copied()
}

fn number<T>(list: &[T], is_it: impl Fn(&T) -> bool, kind: OpKind) -> Result<u8, Error> {
    let found = list.iter().position(is_it).and_then(|place| u8::try_from(place).ok());
    found.ok_or_else(|| Error::Unsupported { part: "graph".to_owned(), what: kind.to_string() })
}

fn known<'l, T>(list: &'l [T], number: u8, part: &str) -> Result<&'l T, Error> {
    list.get(usize::from(number)).ok_or_else(|| Error::corrupt(part, format!("there is no function {number}")))
}

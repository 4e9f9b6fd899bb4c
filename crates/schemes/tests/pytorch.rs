//! Parameters against those of PyTorch, bit for bit.

use fourfold_schemes::{Error, Range, Scheme, Symmetry, torch_choose_qparams, torch_dynamic_params};
use fourfold_tensor::DType;

/// An `f32` from its bits in hexadecimal.
fn bits(text: &str) -> f32 {
    f32::from_bits(u32::from_str_radix(text, 16).expect("eight hexadecimal digits"))
}

/// One line of `qparams.txt`.
struct Line<'a> {
    case: &'a str,
    scheme: Scheme,
    range: Range,
    scale: f32,
    zero_point: i32,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let columns: Vec<&str> = line.split(' ').collect();
        let integer = |at: usize| columns[at].parse::<i32>().expect("an integer");
        let scheme = Scheme {
            dtype: if columns[1] == "u8" { DType::U8 } else { DType::I8 },
            quant_min: integer(2),
            quant_max: integer(3),
            symmetry: if columns[4] == "affine" { Symmetry::Affine } else { Symmetry::Symmetric },
            eps: bits(columns[5]),
            torch_codes: true,
        };
        let range = Range { min: bits(columns[6]), max: bits(columns[7]) };
        Self { case: columns[0], scheme, range, scale: bits(columns[8]), zero_point: integer(9) }
    }
}

#[test]
fn parameters_of_ranges_are_those_of_pytorch() {
    let lines: Vec<Line<'_>> = include_str!("data/qparams.txt").lines().map(Line::parse).collect();
    let mut checked = 0;
    for case in lines.chunk_by(|a, b| a.case == b.case) {
        let ranges: Vec<Range> = case.iter().map(|line| line.range).collect();
        let params = case[0].scheme.per_channel(0, &ranges).expect("finite ranges");
        for ((line, scale), zero_point) in case.iter().zip(params.scales()).zip(params.zero_points()) {
            assert_eq!((scale.get(), *zero_point), (line.scale, line.zero_point), "{}", line.case);
            let alone = line.scheme.per_tensor(line.range).expect("a finite range");
            assert_eq!(alone.as_per_tensor(), Some((*scale, *zero_point)), "{}", line.case);
        }
        checked += 1;
    }
    assert_eq!(checked, 465);
}

/// PyTorch makes an infinite scale of these, which quantizes everything to 0; only a symmetric range of infinite width
/// has one.
#[test]
fn ranges_that_are_not_finite_are_refused() {
    let overflowing = Range { min: -3e38, max: 3e38 };
    for range in [overflowing, Range { min: -1.0, max: f32::INFINITY }, Range { min: f32::NEG_INFINITY, max: 1.0 }] {
        for scheme in [Scheme::U8_AFFINE, Scheme::I8_SYMMETRIC_FULL] {
            assert!(matches!(scheme.per_tensor(range), Err(Error::Range { .. })));
        }
    }
}

#[test]
fn dynamic_parameters_are_those_of_pytorch() {
    let check = |line: &str| {
        let columns: Vec<&str> = line.split(' ').collect();
        let (min, max) = (bits(columns[1]), bits(columns[2]));
        let expected = (bits(columns[3]), columns[4].parse::<i32>().expect("an integer"));
        let found = match columns[0].rsplit_once('.') {
            Some((_, "full")) => torch_choose_qparams(min, max, 255),
            _ => torch_dynamic_params(min, max),
        };
        assert_eq!(found, expected, "{}", columns[0]);
    };
    assert_eq!(include_str!("data/dynamic.txt").lines().map(check).count(), 32);
}

#[cfg(feature = "recipes")]
mod recipes {
    //! What the feature `recipes` has of PyTorch.

    use fourfold_schemes::{Formula, QuantRange, QuantType, Recipe, torch_float_qparams};

    use super::*;

    #[test]
    fn recipes_find_the_same_parameters() {
        for line in include_str!("data/qparams.txt").lines().map(Line::parse) {
            let Scheme { dtype, quant_min, quant_max, symmetry, eps, .. } = line.scheme;
            let ty = QuantType::of(dtype).expect("a quantized type");
            let recipe = Recipe::new(
                QuantRange::new(ty, quant_min, quant_max).expect("a range"),
                symmetry,
                Formula::Torch { eps },
            );
            let found = recipe.scale_and_zero_point(line.range).map(|(scale, zero_point)| (scale.get(), zero_point));
            assert_eq!(found, Ok((line.scale, line.zero_point)), "{}", line.case);
        }
    }

    /// Scales, zero points and what PyTorch quantizes with them, exactly.
    #[test]
    fn rows_of_embeddings_are_those_of_pytorch() {
        let check = |line: &str| {
            let columns: Vec<&str> = line.split(' ').collect();
            let row: Vec<f32> = columns[3].split(',').map(bits).collect();
            let range = Range {
                min: row.iter().copied().fold(f32::INFINITY, f32::min),
                max: row.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            };
            let found = torch_float_qparams(range, QuantRange::full(QuantType::U8), f32::EPSILON);
            let (scale, zero_point) = found.expect("finite");
            assert_eq!((scale.get(), zero_point), (bits(columns[1]), bits(columns[2])), "{}", columns[0]);
            for (x, q) in row.into_iter().zip(columns[4].split(',')) {
                let expected: f32 = q.parse().expect("an integer");
                let found = (x * (1.0 / scale.get()) + zero_point).round_ties_even().clamp(0.0, 255.0);
                assert_eq!(found, expected, "{}: {x}", columns[0]);
            }
        };
        assert_eq!(include_str!("data/float_qparams.txt").lines().map(check).count(), 55);
    }
}

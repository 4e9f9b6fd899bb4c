//! Parameters against those of PyTorch, bit for bit.

use fourfold_schemes::{Range, Scheme, Symmetry, torch_dynamic_params};
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
    assert_eq!(checked, 408);
}

#[test]
fn dynamic_parameters_are_those_of_pytorch() {
    let check = |line: &str| {
        let columns: Vec<&str> = line.split(' ').collect();
        let expected = (bits(columns[3]), columns[4].parse::<i32>().expect("an integer"));
        assert_eq!(torch_dynamic_params(bits(columns[1]), bits(columns[2])), expected, "{}", columns[0]);
    };
    assert_eq!(include_str!("data/dynamic.txt").lines().map(check).count(), 16);
}

//! Parameters against those of ONNX Runtime, bit for bit.

#![cfg(feature = "recipes")]

use fourfold_schemes::{Formula, QuantRange, QuantType, Range, Recipe, Symmetry};

/// An `f32` from its bits in hexadecimal.
fn bits(text: &str) -> f32 {
    f32::from_bits(u32::from_str_radix(text, 16).expect("eight hexadecimal digits"))
}

#[test]
fn parameters_of_ranges_are_those_of_onnx_runtime() {
    let check = |line: &str| {
        let columns: Vec<&str> = line.split(' ').collect();
        let integer = |at: usize| columns[at].parse::<i32>().expect("an integer");
        let ty = if columns[1] == "u8" { QuantType::U8 } else { QuantType::I8 };
        let quantized = QuantRange::new(ty, integer(2), integer(3)).expect("a range");
        let symmetry = if columns[4] == "affine" { Symmetry::Affine } else { Symmetry::Symmetric };
        let min_real_range = Some(columns[5]).filter(|&width| width != "-").map(bits);
        let recipe = Recipe::new(quantized, symmetry, Formula::OnnxRuntime { min_real_range });
        let found = recipe.scale_and_zero_point(Range { min: bits(columns[6]), max: bits(columns[7]) });
        let found = found.map(|(scale, zero_point)| (scale.get(), zero_point));
        assert_eq!(found, Ok((bits(columns[8]), integer(9))), "{line}");
    };
    assert_eq!(include_str!("data/onnxruntime.txt").lines().map(check).count(), 580);
}

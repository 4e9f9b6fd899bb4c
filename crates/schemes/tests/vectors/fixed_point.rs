//! Fixed point against the definitions of LiteRT and gemmlowp.

use fourfold_schemes::{
    FixedMultiplier, FixedRounding, QuantRange, QuantType, rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
};
use safetensors::SafeTensors;

use super::{doubles, integers, with_vectors};

const ROUNDINGS: [(&str, FixedRounding); 2] = [("double", FixedRounding::Double), ("single", FixedRounding::Single)];

/// The groups whose name begins with `prefix`.
fn groups<'a>(vectors: &'a SafeTensors<'_>, prefix: &str) -> Vec<&'a str> {
    let names = vectors.iter().filter_map(|(name, _)| name.rsplit_once('/'));
    let mut groups: Vec<&str> = names.map(|(group, _)| group).filter(|group| group.starts_with(prefix)).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

#[test]
fn the_parts_of_a_product_are_those_of_gemmlowp() {
    with_vectors("fixed_point.safetensors", |vectors| {
        let read = |name: &str| integers(vectors, name);
        let (a, b, y) = (read("high_mul.edges/a"), read("high_mul.edges/b"), read("high_mul.edges/y"));
        for ((&a, &b), &y) in a.iter().zip(&b).zip(&y) {
            assert_eq!(saturating_rounding_doubling_high_mul(a, b), y, "{a} * {b}");
        }
        let (x, y) = (read("rounding_divide_by_pot/x"), read("rounding_divide_by_pot/y"));
        for ((&x, exponent), &y) in x.iter().zip(read("rounding_divide_by_pot/exponent")).zip(&y) {
            assert_eq!(rounding_divide_by_pot(x, exponent.unsigned_abs()), y, "{x} / 2^{exponent}");
        }
    });
}

#[test]
fn multipliers_are_those_of_litert() {
    with_vectors("fixed_point.safetensors", |vectors| {
        for (name, rounding) in ROUNDINGS {
            let read = |part: &str| integers(vectors, &format!("quantize_multiplier.{name}/{part}"));
            let values = doubles(vectors, &format!("quantize_multiplier.{name}/real"));
            for ((&value, multiplier), shift) in values.iter().zip(read("multiplier")).zip(read("shift")) {
                let fixed = FixedMultiplier::from_f64(value, rounding).expect("finite");
                assert_eq!((fixed.multiplier(), fixed.shift()), (multiplier, shift), "{value:e} {name}");
            }
        }
    });
}

#[test]
fn products_are_those_of_litert() {
    with_vectors("fixed_point.safetensors", |vectors| {
        let groups = groups(vectors, "multiply.");
        assert_eq!(groups.len(), 14);
        for group in groups {
            let read = |part: &str| integers(vectors, &format!("{group}/{part}"));
            let (x, multipliers, shifts) = (read("x"), read("multiplier"), read("shift"));
            for (name, rounding) in ROUNDINGS {
                for (at, &y) in read(&format!("y_{name}")).iter().enumerate() {
                    let fixed = FixedMultiplier::new(multipliers[at], shifts[at], rounding).expect("valid");
                    assert_eq!(fixed.apply(x[at]), y, "{group} {name}: {} by {fixed:?}", x[at]);
                }
            }
        }
    });
}

#[test]
fn requantized_values_are_those_of_litert() {
    with_vectors("fixed_point.safetensors", |vectors| {
        let groups = groups(vectors, "requantize.");
        assert_eq!(groups.len(), 12);
        for group in groups {
            let read = |part: &str| integers(vectors, &format!("{group}/{part}"));
            let value = doubles(vectors, &format!("{group}/real_multiplier"))[0];
            let range = QuantRange::full(if group.contains(".u8.") { QuantType::U8 } else { QuantType::I8 });
            for (name, rounding) in ROUNDINGS {
                let fixed = FixedMultiplier::from_f64(value, rounding).expect("finite");
                assert_eq!((fixed.multiplier(), fixed.shift()), (read("multiplier")[0], read("shift")[0]), "{group}");
                let zero_point = read("zero_point")[0];
                let found: Vec<i32> = read("acc").iter().map(|&acc| fixed.requantize(acc, zero_point, range)).collect();
                assert_eq!(found, read(&format!("y_{name}")), "{group} {name}");
            }
        }
    });
}

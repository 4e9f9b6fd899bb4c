//! Sizes, and what any resizing must do.

use proptest::prelude::*;

use super::*;

#[test]
fn the_shorter_side_gets_the_length() {
    let size = |length, height, width| Resize::Shorter(length).size((height, width));
    assert_eq!(size(256, 480, 640), (256, 341));
    assert_eq!(size(256, 640, 480), (341, 256));
    assert_eq!(size(256, 256, 256), (256, 256));
    assert_eq!(size(224, 1, 16_384), (224, 3_670_016));
    assert_eq!(size(usize::MAX, 1, 3), (usize::MAX, usize::MAX));
    assert_eq!(Resize::Exact { height: 3, width: 4 }.size((9, 9)), (3, 4));
}

#[test]
fn weights_are_one_in_all() {
    for (length, new_length) in [(1, 1), (1, 9), (9, 1), (7, 5), (5, 7), (1000, 3), (3, 1000)] {
        for filter in [Filter { reach: 1.0, value: triangle }, Filter { reach: 2.0, value: cubic }] {
            let weights = Weights::new(&filter, length, new_length).expect("small");
            assert_eq!(weights.ends.len(), new_length);
            for (first, weights) in weights.iter() {
                assert!(first + weights.len() <= length && !weights.is_empty());
                let sum: i64 = weights.iter().map(|&weight| i64::from(weight)).sum();
                let all: i64 = weights.iter().map(|&weight| i64::from(weight.abs())).sum();
                assert!((sum - (1 << BITS)).abs() <= weights.len() as i64);
                assert!(all * 255 + i64::from(HALF) <= i64::from(i32::MAX), "no sum overflows");
            }
        }
    }
}

proptest! {
    #[test]
    fn constants_stay_and_values_stay_between(
        sizes in (1_usize..20, 1_usize..20, 1_usize..20, 1_usize..20),
        value in any::<u8>(),
        other in any::<u8>(),
    ) {
        let (height, width, new_height, new_width) = sizes;
        let limits = Limits::default();
        for interpolation in [Interpolation::Nearest, Interpolation::Bilinear, Interpolation::Bicubic] {
            let constant = vec![value; height * width * 3];
            let new = resized(&constant, (height, width, 3), (new_height, new_width), interpolation, &limits);
            prop_assert_eq!(new, Ok(vec![value; new_height * new_width * 3]));
        }
        let mixed: Vec<u8> = (0..height * width).map(|index| if index % 3 == 0 { value } else { other }).collect();
        let new = resized(&mixed, (height, width, 1), (new_height, new_width), Interpolation::Bilinear, &limits);
        let range = value.min(other)..=value.max(other);
        prop_assert!(new.is_ok_and(|new| new.iter().all(|value| range.contains(value))));
    }
}

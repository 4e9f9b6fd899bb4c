//! NaN, infinities, zeros, thresholds; rows of nothing, of one number, without a finite number.

use fourfold_math::{
    Error, LayerNorm, RmsNorm, Unary, elu, erf, exp, gelu, gelu_tanh, hard_sigmoid, hard_swish, l2, leaky_relu, ln,
    log_softmax, max, mean, min, sigmoid, silu, softmax, sqrt, sum, tanh,
};

const INF: f32 = f32::INFINITY;

/// The smallest number above 0.
const SMALLEST: f32 = 1e-45;

/// The next number above, of positive ones.
fn next(x: f32) -> f32 {
    f32::from_bits(x.to_bits() + 1)
}

fn assert_bits(actual: f32, expected: f32, what: &str) {
    assert_eq!(actual.to_bits(), expected.to_bits(), "{what}: {actual:e}, expected {expected:e}");
}

/// A function, its values at four numbers, and its name.
type Case = (fn(f32) -> f32, [f32; 4], &'static str);

#[test]
fn every_nan_gives_the_one_nan() {
    for function in Unary::ALL {
        let x = [0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0xff80_0001, 0x7fff_ffff, 0xffff_ffff].map(f32::from_bits);
        let mut y = [0.0; 6];
        function.map(&x, &mut y).expect("as long");
        y.iter().for_each(|&y| assert_bits(y, f32::NAN, &format!("{function:?}")));
    }
}

#[test]
fn infinities_and_zeros() {
    let functions: [Case; 12] = [
        (sqrt, [f32::NAN, -0.0, 0.0, INF], "sqrt"),
        (|x| elu(x, 2.0), [-2.0, -0.0, 0.0, INF], "elu"),
        (|x| leaky_relu(x, 0.5), [-INF, -0.0, 0.0, INF], "leaky_relu"),
        (exp, [0.0, 1.0, 1.0, INF], "exp"),
        (ln, [f32::NAN, -INF, -INF, INF], "ln"),
        (tanh, [-1.0, -0.0, 0.0, 1.0], "tanh"),
        (erf, [-1.0, -0.0, 0.0, 1.0], "erf"),
        (sigmoid, [0.0, 0.5, 0.5, 1.0], "sigmoid"),
        (silu, [-0.0, -0.0, 0.0, INF], "silu"),
        (gelu, [-0.0, -0.0, 0.0, INF], "gelu"),
        (gelu_tanh, [-0.0, -0.0, 0.0, INF], "gelu_tanh"),
        (hard_swish, [-0.0, -0.0, 0.0, INF], "hard_swish"),
    ];
    for (function, expected, name) in functions {
        for (x, expected) in [-INF, -0.0, 0.0, INF].into_iter().zip(expected) {
            assert_bits(function(x), expected, &format!("{name} of {x}"));
        }
    }
    assert_bits(hard_sigmoid(-INF, 0.2, 0.5), 0.0, "hard_sigmoid");
    assert_bits(hard_sigmoid(INF, 0.2, 0.5), 1.0, "hard_sigmoid");
    assert_bits(hard_sigmoid(INF, 0.0, 0.5), f32::NAN, "hard_sigmoid");
}

#[test]
fn tiny_numbers() {
    for x in [SMALLEST, 7e-45, 1e-40, f32::MIN_POSITIVE] {
        for x in [x, -x] {
            for (y, expected) in [(exp(x), 1.0), (sigmoid(x), 0.5), (tanh(x), x)] {
                assert_bits(y, expected, &format!("{x:e}"));
            }
        }
    }
    assert_eq!((gelu(3e-45), silu(3e-45), gelu_tanh(3e-45)), (SMALLEST, SMALLEST, SMALLEST));
    assert_eq!((gelu(-3e-45), silu(-3e-45), gelu_tanh(-3e-45)), (-SMALLEST, -SMALLEST, -SMALLEST));
    assert_eq!(ln(SMALLEST), -103.278_93);
    assert!(ln(-SMALLEST).is_nan());
    assert_bits(ln(1.0), 0.0, "ln 1");
}

#[test]
fn thresholds() {
    // The last number before a change, and the change.
    assert!(exp(88.722_83) < INF && exp(next(88.722_83)) == INF);
    assert!(exp(-87.336_54) >= f32::MIN_POSITIVE && exp(-next(87.336_54)) < f32::MIN_POSITIVE);
    assert!(exp(-103.972_08) == SMALLEST && exp(-next(103.972_08)) == 0.0);
    assert!(sigmoid(-103.972_08) == SMALLEST && sigmoid(-next(103.972_08)) == 0.0);
    for (function, last) in [(tanh as fn(f32) -> f32, 9.010_913), (erf, 3.919_885), (sigmoid, 16.288_958)] {
        assert!(
            function(last) < 1.0 && function(next(last)) == 1.0,
            "{last}: {}, {}",
            function(last),
            function(next(last))
        );
    }
    for (function, last) in [(silu as fn(f32) -> f32, 108.660_3), (gelu, 14.356_068), (gelu_tanh, 10.770_867)] {
        assert!(function(-last) < 0.0 && function(-next(last)) == 0.0, "{last}");
    }
    assert!(elu(-16.982_105, 1.0) > -1.0 && elu(-next(16.982_105), 1.0) == -1.0);
    for function in [silu as fn(f32) -> f32, gelu, gelu_tanh, hard_swish] {
        assert_bits(function(-f32::MAX), -0.0, "the minimum");
        assert_bits(function(f32::MAX), f32::MAX, "the largest");
    }
}

#[test]
fn lengths_are_checked() {
    let (x, mut short) = ([0.0; 6], [0.0; 5]);
    let length = |what, expected, actual| Err(Error::Length { what, expected, actual });
    assert_eq!(Unary::Exp.map(&x, &mut short), length("out", 6, 5));
    assert_eq!(softmax(&x, 3, &mut short), length("out", 6, 5));
    assert_eq!(log_softmax(&x, 4, &mut [0.0; 6]), Err(Error::Rows { elements: 6, width: 4 }));
    assert_eq!(softmax(&x, 0, &mut [0.0; 6]), Err(Error::Rows { elements: 6, width: 0 }));
    let norm = LayerNorm { gamma: &[1.0; 3], beta: Some(&[0.0; 2]), epsilon: 0.0 };
    assert_eq!(norm.apply(&x, &mut [0.0; 6]), length("beta", 3, 2));
    assert_eq!(RmsNorm { gamma: &[1.0; 3], epsilon: 0.0 }.apply(&x, &mut short), length("out", 6, 5));
    assert_eq!(Error::Rows { elements: 6, width: 4 }.to_string(), "6 elements are no whole number of rows of 4");
}

#[test]
fn rows_of_nothing() {
    assert_eq!((sum(&[]), max(&[]), min(&[]), l2(&[])), (0.0, -INF, INF, 0.0));
    assert_bits(mean(&[]), f32::NAN, "mean");
    for width in [0, 3] {
        assert_eq!(softmax(&[], width, &mut []), Ok(()));
        assert_eq!(log_softmax(&[], width, &mut []), Ok(()));
    }
    assert_eq!(LayerNorm { gamma: &[], beta: None, epsilon: 0.0 }.apply(&[], &mut []), Ok(()));
    assert_eq!(RmsNorm { gamma: &[], epsilon: 0.0 }.apply(&[], &mut []), Ok(()));
}

/// Both of a row.
fn softmaxes(x: &[f32]) -> [Vec<f32>; 2] {
    let mut out = [x.to_vec(), x.to_vec()];
    softmax(x, x.len(), &mut out[0]).expect("one row");
    log_softmax(x, x.len(), &mut out[1]).expect("one row");
    out
}

#[test]
fn softmax_of_special_rows() {
    assert_eq!(softmaxes(&[1e38]), [[1.0], [0.0]]);
    assert_eq!(softmaxes(&[-INF, 5.0, -INF]), [[0.0, 1.0, 0.0], [-INF, 0.0, -INF]]);
    assert_eq!(softmaxes(&[f32::MAX, -f32::MAX]), [[1.0, 0.0], [0.0, -INF]]);
    for row in [&[-INF][..], &[-INF; 20], &[1.0, INF], &[INF; 17], &[f32::from_bits(0xffc0_0001), 1.0, 2.0]] {
        softmaxes(row).concat().iter().for_each(|&y| assert_bits(y, f32::NAN, &format!("{row:?}")));
    }
}

#[test]
fn norms_of_special_rows() {
    let norms = |x: &[f32], epsilon| {
        let (mut layer, mut rms) = (x.to_vec(), x.to_vec());
        let (gamma, beta) = (vec![2.0; x.len()], vec![3.0; x.len()]);
        LayerNorm { gamma: &gamma, beta: Some(&beta), epsilon }.apply(x, &mut layer).expect("one row");
        RmsNorm { gamma: &gamma, epsilon }.apply(x, &mut rms).expect("one row");
        [layer, rms]
    };
    assert_eq!(norms(&[7.0], 1e-5)[0], [3.0]);
    assert_eq!(norms(&[0.0; 4], 1.0), [[3.0; 4], [0.0; 4]]);
    norms(&[0.0; 4], 0.0).concat().iter().for_each(|&y| assert_bits(y, f32::NAN, "0 / 0"));
    assert_eq!(norms(&[1e30, -1e30], 1e-5), [[3.0, 3.0], [0.0, -0.0]]);
    norms(&[1.0, f32::NAN, 2.0], 1e-5).concat().iter().for_each(|&y| assert_bits(y, f32::NAN, "NaN"));
    for x in [&[1.0, INF][..], &[f32::MAX, f32::MAX]] {
        norms(x, 1e-5)[0].iter().for_each(|&y| assert_bits(y, f32::NAN, "an infinite mean"));
    }
    assert_bits(norms(&[1.0, INF], 1e-5)[1][0], 0.0, "beside an infinity");
    assert_bits(norms(&[1.0, INF], 1e-5)[1][1], f32::NAN, "an infinity");
}

#[test]
fn reductions_of_special_rows() {
    let mut x = [1.0; 40];
    x[37] = f32::from_bits(0xff80_0001);
    for y in [sum(&x), mean(&x), max(&x), min(&x), l2(&x), sum(&[INF, -INF])] {
        assert_bits(y, f32::NAN, "NaN");
    }
    x[37] = 3.0;
    assert_eq!((sum(&x), mean(&x), max(&x)), (42.0, 1.05, 3.0));
    assert_eq!((min(&x), min(&[INF; 3]), l2(&[3.0, 4.0]), l2(&[1e30])), (1.0, INF, 5.0, INF));
    assert_eq!((max(&[-INF; 3]), max(&[-2.0])), (-INF, -2.0));
}

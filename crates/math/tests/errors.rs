//! How far the functions are from the real ones, on a sample of all numbers. `examples/ulp.rs` takes all of them.

mod common;

use common::{exact, ulp};
use fourfold_math::{LayerNorm, RmsNorm, Unary, log_softmax, mean, softmax, sum};

/// The largest error in units in the last place, as the documentation gives it.
const BOUNDS: [(Unary, f64); 15] = [
    (Unary::Exp, 1.0),
    (Unary::Ln, 0.85),
    (Unary::Tanh, 1.2),
    (Unary::Erf, 1.27),
    (Unary::Sigmoid, 1.75),
    (Unary::Silu, 1.73),
    (Unary::Gelu, 1.88),
    (Unary::GeluTanh, 1.85),
    (Unary::HardSwish, 1.88),
    (Unary::Elu { alpha: 1.0 }, 0.92),
    (Unary::LeakyRelu { slope: 0.01 }, 0.5),
    (Unary::Sqrt, 0.5),
    (Unary::Reciprocal, 0.5),
    (Unary::Neg, 0.0),
    (Unary::Abs, 0.0),
];

#[test]
fn the_errors_are_within_the_bounds() {
    for (function, bound) in BOUNDS {
        let x: Vec<f32> = (0..=u32::MAX).step_by(10_007).map(f32::from_bits).collect();
        let mut y = vec![0.0; x.len()];
        function.map(&x, &mut y).expect("as long");
        for (&x, &y) in x.iter().zip(&y) {
            let error = ulp(y, exact(function, x));
            assert!(error <= bound, "{function:?} of {x:e} is {y:e}: {error:.3} ulp, more than {bound}");
        }
    }
}

#[test]
fn hard_sigmoid_is_within_its_roundings() {
    for step in -30_000..30_000_i16 {
        let x = f32::from(step) / 4096.0;
        let y = fourfold_math::hard_sigmoid(x, 0.2, 0.5);
        let exact = exact(Unary::HardSigmoid { alpha: 0.2, beta: 0.5 }, x);
        assert!((f64::from(y) - exact).abs() <= 2_f64.powi(-23), "{x}");
    }
}

/// Numbers between -4 and 4 without a short period.
fn noise(count: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).expect("sixteen bits")) / 8192.0 - 4.0
    };
    (0..count).map(|_| next()).collect()
}

fn assert_near(actual: f32, exact: f64, tolerance: f64, what: &str) {
    assert!((f64::from(actual) - exact).abs() <= tolerance, "{what}: {actual:e}, expected {exact:e}");
}

#[test]
fn rows_are_near_their_definitions() {
    for width in [1, 2, 3, 15, 16, 17, 31, 32, 33, 100, 768, 1000] {
        let x = noise(3 * width);
        let (gamma, beta) = (noise(width), noise(2 * width).split_off(width));
        let (mut soft, mut log) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let (mut layer, mut rms) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        softmax(&x, width, &mut soft).expect("whole rows");
        log_softmax(&x, width, &mut log).expect("whole rows");
        let norm = LayerNorm { gamma: &gamma, beta: Some(&beta), epsilon: 1e-5 };
        norm.apply(&x, &mut layer).expect("whole rows");
        RmsNorm { gamma: &gamma, epsilon: 1e-5 }.apply(&x, &mut rms).expect("whole rows");
        for (row, x) in x.chunks(width).enumerate() {
            let wide: Vec<f64> = x.iter().copied().map(f64::from).collect();
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let n = width as f64;
            let total: f64 = wide.iter().sum();
            let powers: f64 = wide.iter().map(|x| x.exp()).sum();
            let variance = wide.iter().map(|x| (x - total / n).powi(2)).sum::<f64>() / n;
            let square = wide.iter().map(|x| x * x).sum::<f64>() / n;
            assert_near(sum(x), total, 1e-6 * n * 4.0, "sum");
            assert_near(mean(x), total / n, 2e-6, "mean");
            for (column, x) in wide.iter().enumerate() {
                let (at, what) = (row * width + column, format!("row {row} of {width}, column {column}"));
                let (gamma, beta) = (f64::from(gamma[column]), f64::from(beta[column]));
                let normal = (x - total / n) / (variance + 1e-5).sqrt();
                assert_near(soft[at], x.exp() / powers, 1e-6 * x.exp() / powers, &what);
                assert_near(log[at], x - powers.ln(), 4e-6, &what);
                assert_near(layer[at], normal * gamma + beta, 2e-5, &what);
                assert_near(rms[at], x / (square + 1e-5).sqrt() * gamma, 2e-5, &what);
            }
        }
    }
}

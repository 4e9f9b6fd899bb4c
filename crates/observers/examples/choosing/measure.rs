//! Signal-to-noise ratios of observers on synthetic activations, the same on every run.

use fourfold_observers::ObserverKind;
use fourfold_schemes::{QuantParams, Scheme, dequantize, quantize};
use fourfold_tensor::Tensor;

/// Values of one batch.
const BATCH: usize = 8192;

/// Batches that are observed, and as many others that are measured.
const BATCHES: usize = 16;

/// The columns.
const OBSERVERS: [(&str, ObserverKind); 7] = [
    ("`mse`", ObserverKind::Mse),
    ("`histogram`", ObserverKind::Histogram),
    ("`min_max`", ObserverKind::MinMax),
    ("`moving_average_min_max`", ObserverKind::MovingAverageMinMax { averaging_constant: 0.01 }),
    ("`percentile` 99.99", ObserverKind::Percentile { percent: 99.99 }),
    ("`percentile` 99.9", ObserverKind::Percentile { percent: 99.9 }),
    ("`entropy`", ObserverKind::Entropy),
];

/// A name and a generator of one value.
type Distribution = (&'static str, fn(&mut Noise) -> f64);

/// The rows.
const DISTRIBUTIONS: [Distribution; 8] = [
    ("uniform, -1 to 1", |noise| 2.0 * noise.uniform() - 1.0),
    ("normal", Noise::normal),
    ("normal, then ReLU", |noise| noise.normal().max(0.0)),
    ("normal, then SiLU", |noise| {
        let x = 2.0 * noise.normal();
        x / (1.0 + (-x).exp())
    }),
    ("Laplace", |noise| noise.sign() * noise.exponential()),
    ("Student t, 3 degrees of freedom", |noise| noise.student(3)),
    ("normal, 1 in 1000 times 30", |noise| noise.normal() * if noise.uniform() < 1e-3 { 30.0 } else { 1.0 }),
    ("normal, 1 in 20000 times 300", |noise| noise.normal() * if noise.uniform() < 5e-5 { 300.0 } else { 1.0 }),
];

/// Both tables in Markdown.
pub(crate) fn tables() -> String {
    let rows: Vec<_> = DISTRIBUTIONS.iter().zip(1..).map(|(row, seed)| (row.0, measured(row.1, seed))).collect();
    format!("{}\n{}", table(&rows, 0), table(&rows, 1))
}

fn table(rows: &[(&str, Vec<[f64; 2]>)], which: usize) -> String {
    let names: Vec<&str> = OBSERVERS.iter().map(|(name, _)| *name).collect();
    let head = format!("| values | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    let cells = |cells: &[[f64; 2]]| cells.iter().map(|db| format!(" {:.1} |", db[which])).collect::<String>();
    let lines = rows.iter().map(|(name, row)| format!("| {name} |{}\n", cells(row)));
    head + &lines.collect::<String>()
}

/// For every observer the ratio over all values, and over the 99 % that are smallest.
#[expect(clippy::cast_possible_truncation, reason = "activations are f32")]
fn measured(value: fn(&mut Noise) -> f64, seed: u64) -> Vec<[f64; 2]> {
    let mut noise = Noise(seed);
    let mut batch =
        || Tensor::from_vec(&[BATCH], (0..BATCH).map(|_| value(&mut noise) as f32).collect()).expect("a batch");
    let calibration: Vec<Tensor> = (0..BATCHES).map(|_| batch()).collect();
    let test: Vec<Tensor> = (0..BATCHES).map(|_| batch()).collect();
    let ratios = |(_, kind): &(&str, ObserverKind)| {
        let mut observer = kind.observer();
        calibration.iter().for_each(|batch| observer.observe(batch).expect("finite"));
        let params = observer.params(&Scheme::U8_AFFINE).expect("values");
        ratios(&test, &params)
    };
    OBSERVERS.iter().map(ratios).collect()
}

/// `10 log10(sum x^2 / sum (x - y)^2)`, `y` being the value of the code of `x`: over all, and over the 99 % with the
/// smallest `|x|`.
fn ratios(test: &[Tensor], params: &QuantParams) -> [f64; 2] {
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    for x in test {
        let y = dequantize(&quantize(x, params).expect("f32"), params).expect("codes");
        let (x, y) = (x.as_slice::<f32>().expect("f32"), y.as_slice::<f32>().expect("f32"));
        pairs.extend(x.iter().zip(y).map(|(&x, &y)| (f64::from(x), f64::from(x) - f64::from(y))));
    }
    pairs.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
    let ratio = |pairs: &[(f64, f64)]| {
        let energy = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).map(|x| x * x).sum::<f64>();
        10.0 * (energy(|pair| pair.0) / energy(|pair| pair.1)).log10()
    };
    [ratio(&pairs), ratio(&pairs[..pairs.len() / 100 * 99])]
}

/// Random numbers (`SplitMix64`) of several distributions.
struct Noise(u64);

impl Noise {
    /// Above 0 and below 1.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 12) as f64 / (1_u64 << 52) as f64 + f64::EPSILON
    }

    fn sign(&mut self) -> f64 {
        if self.uniform() < 0.5 { -1.0 } else { 1.0 }
    }

    fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    fn normal(&mut self) -> f64 {
        (2.0 * self.exponential()).sqrt() * (core::f64::consts::TAU * self.uniform()).cos()
    }

    fn student(&mut self, degrees: u32) -> f64 {
        let squares: f64 = (0..degrees).map(|_| self.normal().powi(2)).sum();
        self.normal() / (squares / f64::from(degrees)).sqrt()
    }
}

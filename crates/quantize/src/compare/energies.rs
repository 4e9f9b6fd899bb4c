//! Signal and noise of one value, as a whole and in the parts that a reader sees by themselves.

/// A part of fewer elements has no ratio of its own.
const FEWEST: u64 = 16;

/// Where the parts of a tensor lie: `[outer, sum of sizes, inner]`, cut along the middle axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// The sizes of the parts along the axis.
    pub(super) sizes: Vec<usize>,
    /// Elements from one index of the axis to the next.
    pub(super) inner: usize,
}

/// Sums of squares of a value and of its parts, which may be cut in several ways.
#[derive(Clone, Debug, Default)]
pub(super) struct Energies {
    whole: Energy,
    parts: Vec<Vec<Energy>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Energy {
    signal: f64,
    noise: f64,
    count: u64,
}

impl Energies {
    /// Adds `actual`, which approximates `exact`, cut in the same ways in every batch.
    pub(super) fn add(&mut self, exact: &[f32], actual: &[f32], cuts: &[Parts]) {
        self.whole.add(exact, actual);
        self.parts.resize_with(cuts.len(), Vec::new);
        for (parts, energies) in cuts.iter().zip(&mut self.parts) {
            energies.resize(parts.sizes.len(), Energy::default());
            let whole = parts.sizes.iter().sum::<usize>() * parts.inner;
            // A tensor without elements has no whole.
            for (exact, actual) in exact.chunks_exact(whole.max(1)).zip(actual.chunks_exact(whole.max(1))) {
                let mut start = 0;
                for (size, energy) in parts.sizes.iter().zip(&mut *energies) {
                    let end = start + size * parts.inner;
                    energy.add(&exact[start..end], &actual[start..end]);
                    start = end;
                }
            }
        }
    }

    /// Whether anything was not zero.
    pub(super) fn has_signal(&self) -> bool {
        self.whole.signal > 0.0
    }

    /// The ratio of the whole, or of its worst part where that is lower, in decibels. Parts that are all zero, or of
    /// few elements, have no ratio of their own.
    pub(super) fn db(&self) -> f64 {
        let parts = self.parts.iter().flatten().filter(|part| part.count >= FEWEST && part.signal > 0.0);
        parts.map(Energy::db).fold(self.whole.db(), f64::min)
    }
}

impl Energy {
    /// Elements that are equal have no noise, infinite ones included; those that become or were infinite or NaN have
    /// infinite noise.
    fn add(&mut self, exact: &[f32], actual: &[f32]) {
        for (&x, &y) in exact.iter().zip(actual) {
            let (x, y) = (f64::from(x), f64::from(y));
            let difference = if x == y || (x.is_nan() && y.is_nan()) { 0.0 } else { x - y };
            self.signal += if x.is_finite() { x * x } else { 0.0 };
            self.noise += if difference.is_finite() { difference * difference } else { f64::INFINITY };
            self.count += 1;
        }
    }

    fn db(&self) -> f64 {
        if self.noise == 0.0 { f64::INFINITY } else { 10.0 * (self.signal / self.noise).log10() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of two boxes around 100 and one score around 0.5, whose scores are lost.
    #[test]
    fn the_worst_part_counts() {
        let exact: Vec<f32> = (0..96_u8).map(|i| if i % 3 < 2 { 100.0 + f32::from(i) } else { 0.5 }).collect();
        let actual: Vec<f32> = exact.iter().map(|&x| if x < 1.0 { 0.0 } else { x }).collect();
        let db = |cuts: &[Vec<usize>]| {
            let mut energies = Energies::default();
            let cuts: Vec<Parts> = cuts.iter().map(|sizes| Parts { sizes: sizes.clone(), inner: 1 }).collect();
            energies.add(&exact, &actual, &cuts);
            energies.db()
        };
        assert!(db(&[]) > 45.0);
        assert_eq!(db(&[vec![2, 1]]), 0.0);
        assert_eq!(db(&[vec![1, 1, 1]]), 0.0);
        assert_eq!(db(&[vec![0, 3]]), db(&[]));
        assert_eq!(db(&[vec![3], vec![2, 1]]), 0.0);
    }

    #[test]
    fn few_elements_and_zeros_are_no_part() {
        let (exact, actual) = ([vec![1.0_f32; 15], vec![0.0; 17]].concat(), [vec![0.5; 15], vec![0.001; 17]].concat());
        let mut energies = Energies::default();
        energies.add(&exact, &actual, &[Parts { sizes: vec![15, 17], inner: 1 }]);
        assert!((6.0..6.1).contains(&energies.db()), "{}", energies.db());
    }

    #[test]
    fn what_a_mask_makes_infinite_has_no_noise() {
        let mut energies = Energies::default();
        energies.add(&[f32::NEG_INFINITY, 1.0, f32::NAN], &[f32::NEG_INFINITY, 1.0, f32::NAN], &[]);
        assert_eq!(energies.db(), f64::INFINITY);
        energies.add(&[f32::NEG_INFINITY], &[-3.0], &[]);
        assert_eq!(energies.db(), f64::NEG_INFINITY);
    }
}

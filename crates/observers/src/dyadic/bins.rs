//! Counts of equal bins, as the rules search them.

/// Counts of bins of equal width.
#[derive(Clone, Debug)]
pub(super) struct Bins {
    pub(super) counts: Vec<u64>,
    /// The lower edge of the first bin.
    pub(super) first: f64,
    /// The upper edge of the last bin.
    pub(super) last: f64,
}

impl Bins {
    /// The lower edge of a bin, or the upper edge of the last one.
    #[expect(clippy::cast_precision_loss, reason = "numbers of bins are small")]
    pub(super) fn edge(&self, bin: usize) -> f64 {
        self.first + self.width() * bin as f64
    }

    /// The width of a bin.
    #[expect(clippy::cast_precision_loss, reason = "numbers of bins are small")]
    pub(super) fn width(&self) -> f64 {
        (self.last - self.first) / self.counts.len() as f64
    }

    /// The magnitudes, of bins that lie evenly around 0.
    pub(super) fn magnitudes(&self) -> Self {
        let (below, above) = self.counts.split_at(self.counts.len() / 2);
        let counts = below.iter().rev().zip(above).map(|(&a, &b)| a.saturating_add(b)).collect();
        Self { counts, first: 0.0, last: self.last }
    }

    /// The same with every two bins joined.
    pub(super) fn halved(&self) -> Self {
        let counts = self.counts.chunks(2).map(|pair| pair.iter().fold(0_u64, |a, &b| a.saturating_add(b))).collect();
        Self { counts, ..*self }
    }
}

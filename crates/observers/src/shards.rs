//! Which shards of the samples a calibration has seen.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The shards of the samples that a calibration has finished, and how many there are; at least one is missing.
///
/// Shard `i` of `n` is one of `n` shards that together are all samples. A calibration that was stopped early has not
/// finished its shard. All samples are shard 1 of 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shards {
    count: u64,
    finished: BTreeSet<u64>,
}

impl Shards {
    /// The shards `finished`, from 1 to `count`; `None` if these are all.
    ///
    /// # Errors
    ///
    /// [`Error::Apart`] if a number is not from 1 to `count`, or `count` is 0.
    pub fn new(count: u64, finished: BTreeSet<u64>) -> Result<Option<Self>, Error> {
        let shards = Self { count, finished };
        if shards.finished.len() as u64 == count && count > 0 && shards.is_in_bounds() {
            return Ok(None);
        }
        shards.check().map(|()| Some(shards))
    }

    /// How many shards there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The finished shards.
    #[must_use]
    pub fn finished(&self) -> &BTreeSet<u64> {
        &self.finished
    }

    /// Checks that some, not all, of the shards are finished, as [`Shards::new`] does.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !self.is_in_bounds() || self.finished.len() as u64 == self.count {
            let reason = format!("there are no such shards as {self}");
            return Err(Error::Apart { reason });
        }
        Ok(())
    }

    fn is_in_bounds(&self) -> bool {
        self.finished.iter().all(|index| (1..=self.count).contains(index))
    }

    /// The shards of two calibrations together; `None` stands for all samples, of any number of shards.
    ///
    /// # Errors
    ///
    /// [`Error::Apart`] if they do not agree on how many shards there are, or if a shard is in both.
    pub fn merged(here: Option<&Self>, there: Option<&Self>) -> Result<Option<Self>, Error> {
        let (here, there) = match (here, there) {
            (Some(here), Some(there)) => (here, there),
            (one, other) => return Ok(one.or(other).cloned()),
        };
        if here.count != there.count {
            let (here, there) = (here.count, there.count);
            let reason = format!(
                "they are shards of {here} here and of {there} there; calibrate all with one number N of --shard I/N"
            );
            return Err(Error::Apart { reason });
        }
        if let Some(twice) = here.finished.intersection(&there.finished).next() {
            let reason = format!("shard {twice}/{} is in both; give every shard once", here.count);
            return Err(Error::Apart { reason });
        }
        Self::new(here.count, here.finished.union(&there.finished).copied().collect())
    }
}

impl core::fmt::Display for Shards {
    /// As in `shards 1, 3 of 4`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let finished: Vec<String> = self.finished.iter().take(SHOWN).map(ToString::to_string).collect();
        let more = if self.finished.len() > SHOWN { ", .." } else { "" };
        match finished.as_slice() {
            [] => write!(f, "no whole shard of {}", self.count),
            [one] => write!(f, "shard {one} of {}", self.count),
            _ => write!(f, "shards {}{more} of {}", finished.join(", "), self.count),
        }
    }
}

/// How many numbers of shards are shown.
const SHOWN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(count: u64, finished: &[u64]) -> Option<Shards> {
        Shards::new(count, finished.iter().copied().collect()).expect("in bounds")
    }

    #[test]
    fn shards_that_are_all_there_are_none() {
        let merged = |a: &Option<Shards>, b: &Option<Shards>| Shards::merged(a.as_ref(), b.as_ref());
        assert_eq!(shards(1, &[1]), None);
        assert_eq!(merged(&shards(3, &[1]), &shards(3, &[3])), Ok(shards(3, &[1, 3])));
        assert_eq!(merged(&shards(3, &[1, 3]), &shards(3, &[2])), Ok(None));
        assert_eq!(merged(&None, &shards(2, &[1])), Ok(shards(2, &[1])));
        assert_eq!(merged(&shards(1, &[]), &None), Ok(shards(1, &[])));
        let refused = |a, b| merged(&a, &b).expect_err("does not belong").to_string();
        assert!(refused(shards(3, &[1]), shards(2, &[1])).contains("of 3 here and of 2 there"));
        assert!(refused(shards(3, &[1, 2]), shards(3, &[2])).contains("shard 2/3 is in both"));
        assert_eq!(shards(3, &[1, 3]).expect("not all").to_string(), "shards 1, 3 of 3");
    }

    #[test]
    fn numbers_out_of_bounds_are_refused() {
        for (count, finished) in [(0, &[][..]), (2, &[0]), (2, &[3]), (2, &[1, 3]), (0, &[1])] {
            assert!(Shards::new(count, finished.iter().copied().collect()).is_err(), "{count} {finished:?}");
        }
    }
}

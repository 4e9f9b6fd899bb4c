//! What the test harness counted, read from its last line.

use std::fmt;
use std::ops::AddAssign;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// The sum of every summary in `output`; nothing if there is none.
    ///
    /// ```text
    /// test result: ok. 23 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 6.05s
    /// ```
    pub(super) fn parse(output: &str) -> Self {
        let mut tally = Self::default();
        for summary in output.lines().filter_map(|line| line.strip_prefix("test result: ")) {
            // The first part begins with the verdict: `ok. 23 passed`.
            let count = |what: &str| {
                let part = summary.split(';').find_map(|part| part.strip_suffix(what));
                part.and_then(|part| part.split_whitespace().last()?.parse().ok()).unwrap_or(0)
            };
            tally += Self { passed: count(" passed"), failed: count(" failed"), ignored: count(" ignored") };
        }
        tally
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_read() {
        let ok = "running 23 tests\ntest result: ok. 23 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; \
                  finished in 6.05s\n";
        assert_eq!(Tally::parse(ok), Tally { passed: 23, failed: 0, ignored: 1 });
        let failed = "test result: FAILED. 5 passed; 12 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(Tally::parse(failed).to_string(), "5 passed, 12 failed, 0 ignored");
        assert_eq!(Tally::parse(&format!("{ok}{failed}")), Tally { passed: 28, failed: 12, ignored: 1 });
    }

    #[test]
    fn other_output_counts_for_nothing() {
        for text in [
            "",
            "test a ... ok\n",
            "the test result: ok. 1 passed;",
            "test result: ok.\n",
            "test result: ok. x passed;",
        ] {
            assert_eq!(Tally::parse(text), Tally::default(), "{text}");
        }
    }
}

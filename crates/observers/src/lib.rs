//! Observers: watch values, keep a bounded state, give a range.

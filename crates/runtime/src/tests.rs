//! Plans against references.

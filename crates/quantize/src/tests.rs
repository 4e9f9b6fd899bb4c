//! The workflow on small graphs.

//! The command `fourfold`.
fn main() {}

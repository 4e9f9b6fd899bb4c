//! Prints the name of the backend that this CPU gets.
//!
//! `cargo run --release --example backend -p fourfold-kernels`

use fourfold_kernels::Kernel;

fn main() {
    println!("{}", Kernel::detect().name());
}

//! Prints the tables of `choosing.md`: what each observer's range is worth on values of known distributions.

mod measure;

fn main() {
    println!("{}", measure::tables());
}

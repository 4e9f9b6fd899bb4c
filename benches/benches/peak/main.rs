//! Speed of products and convolutions relative to the peak of this CPU, and of products relative to the crate
//! `rten-gemm`. All run in one process and take turns.
//!
//! ```text
//! cargo xtask bench [M,N,K]... [BACKEND]... [products|convolutions|threads]...
//! ```
//!
//! For each shape and backend: operations per second (2 m n k / time) from the shortest and from the median time, and
//! percent of the peak that was measured next to it; for single rows also percent of what a loop that only reads the
//! weights reaches. One thread, except `threads`, which compares two with one. Weights are packed beforehand,
//! activations are not; results are requantized to `u8`. The ratios to rten-gemm, which stops at `i32`, are for ours at
//! `u8` and at `i32`. Products are compared with the reference; a line says so if those of rten-gemm saturated.

mod ceiling;
mod clock;
mod convolutions;
mod products;

use fourfold_benches::SHAPES;
use fourfold_kernels::Kernel;

type Shape = (usize, usize, usize);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let shapes: Vec<Shape> = arguments.iter().filter_map(|text| shape(text)).collect();
    let (sections, names): (Vec<&str>, Vec<&str>) = arguments
        .iter()
        .map(String::as_str)
        .filter(|text| shape(text).is_none())
        .partition(|text| ["products", "convolutions", "threads"].contains(text));
    let all_shapes = shapes.is_empty();
    let wanted = |section: &str| match sections.as_slice() {
        [] => section == "products" || all_shapes,
        some => some.contains(&section),
    };
    let kernels: Vec<Kernel> =
        Kernel::supported().filter(|kernel| names.is_empty() || names.contains(&kernel.name())).collect();
    let shapes = if all_shapes { SHAPES.to_vec() } else { shapes };
    let pool = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    if wanted("products") {
        pool(1).install(|| products::measure_all(&kernels, &shapes));
    }
    if wanted("convolutions") {
        pool(1).install(|| convolutions::measure_all(&kernels));
    }
    if let (true, Some(fastest)) = (wanted("threads"), kernels.first()) {
        pool(2).install(|| products::two_threads(*fastest, &shapes));
    }
}

fn shape(text: &str) -> Option<Shape> {
    let sizes: Vec<usize> = text.split(',').filter_map(|size| size.parse().ok()).collect();
    <[usize; 3]>::try_from(sizes).ok().map(|[m, n, k]| (m, n, k))
}
